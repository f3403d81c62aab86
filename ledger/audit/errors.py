"""Why nothing can be proved."""

from ledger.errors import LedgerError


class LedgerNotWhole(LedgerError):
    """The ledger is not what was recorded, so nothing is signed or proved."""

    slug = "ledger-not-whole"


class UnknownCheckpoint(LedgerError):
    """There is no such checkpoint."""

    slug = "unknown-checkpoint"


class NotInCheckpoint(LedgerError):
    """The checkpoint was taken before this was recorded."""

    slug = "not-in-checkpoint"
