"""Verifying the whole ledger, side by side in several processes."""

from khaywe.auditing.report import AccountsPart, BooksPart, ChainPart, Report, ViewPart
from khaywe.auditing.verifying import verify_ledger

__all__ = ["AccountsPart", "BooksPart", "ChainPart", "Report", "ViewPart", "verify_ledger"]
