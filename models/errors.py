"""What models refuse."""

from ledger.errors import LedgerError


class TooLittleHistory(LedgerError):
    """There are not enough months of issue and redemption to estimate from."""

    slug = "too-little-history"
