"""What an account refuses."""

from ledger.errors import LedgerError


class AccountNotOpen(LedgerError):
    """The member has no account in this program."""

    slug = "account-not-open"


class InsufficientPoints(LedgerError):
    """The redemption asks for more points than are available."""

    slug = "insufficient-points"


class InvalidPoints(LedgerError):
    """This is not a number of points that can be booked."""

    slug = "invalid-points"


class RedemptionExists(LedgerError):
    """A redemption with this id is booked already."""

    slug = "redemption-exists"


class UnknownRedemption(LedgerError):
    """No redemption with this id is booked."""

    slug = "unknown-redemption"


class RedemptionAlreadyReversed(LedgerError):
    """The redemption was reversed before."""

    slug = "redemption-already-reversed"
