"""Holds: points that are reserved, and what became of them."""

from projections.holds.project import HOLDS
from projections.holds.rows import HoldRow, read_holds

__all__ = ["HOLDS", "HoldRow", "read_holds"]
