"""Tiers a member holds, and vouchers that lapsed points became."""

from projections.tiers.project import TIERS
from projections.tiers.rows import TierRow, VoucherRow, read_tiers, read_vouchers

__all__ = ["TIERS", "TierRow", "VoucherRow", "read_tiers", "read_vouchers"]
