"""Balances: who holds how many points of which currency."""

from projections.balances.project import BALANCES
from projections.balances.rows import AccountRow, BalanceRow, read_accounts

__all__ = ["BALANCES", "AccountRow", "BalanceRow", "read_accounts"]
