"""Purchases: what was bought, and what it earned."""

from projections.purchases.project import PURCHASES
from projections.purchases.rows import PurchaseRow, read_purchases

__all__ = ["PURCHASES", "PurchaseRow", "read_purchases"]
