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


class AccountSuspended(LedgerError):
    """The account is suspended."""

    slug = "account-suspended"


class AccountClosed(LedgerError):
    """The account is closed."""

    slug = "account-closed"


class HoldExists(LedgerError):
    """A hold with this id is booked already."""

    slug = "hold-exists"


class UnknownHold(LedgerError):
    """No hold with this id is booked."""

    slug = "unknown-hold"


class HoldResolved(LedgerError):
    """The hold was resolved before."""

    slug = "hold-resolved"


class CaptureExceedsHold(LedgerError):
    """More points are to be captured than the hold reserved."""

    slug = "capture-exceeds-hold"


class InvalidExpiry(LedgerError):
    """A hold must end after it begins."""

    slug = "invalid-expiry"


class NothingAwaits(LedgerError):
    """No promised points await this event."""

    slug = "nothing-awaits"


class AlreadySuspended(LedgerError):
    """The account is suspended already."""

    slug = "already-suspended"


class NotSuspended(LedgerError):
    """The account is not suspended."""

    slug = "not-suspended"


class HoldsOpen(LedgerError):
    """The account has holds that are not resolved."""

    slug = "holds-open"


class PointsOwed(LedgerError):
    """The account owes points."""

    slug = "points-owed"


class SameAccount(LedgerError):
    """Points cannot be moved from an account to itself."""

    slug = "same-account"
