"""Tiers: what counts toward them, who holds which, and what it takes to keep or reach one."""
