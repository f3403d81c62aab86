"""Verifying the whole ledger, side by side in several processes."""

from khaywe.auditing.report import AccountsPart, ChainPart, Report, ViewPart
from khaywe.auditing.verifying import verify_ledger

__all__ = ["AccountsPart", "ChainPart", "Report", "ViewPart", "verify_ledger"]
