"""Purchases from files: read, map, post, report."""
