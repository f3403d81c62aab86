"""Lots: where an account's points came from, and when they lapse."""

from projections.lots.project import LOTS
from projections.lots.rows import LotRow, read_lots

__all__ = ["LOTS", "LotRow", "read_lots"]
