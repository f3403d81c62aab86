"""Tills without a network: what they price by, what they promise, and how that compares with what was booked."""
