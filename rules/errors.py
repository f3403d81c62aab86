"""What pricing refuses."""

from ledger.errors import LedgerError


class CurrencyMismatch(LedgerError):
    """The amount is not in the program's currency."""

    slug = "currency-mismatch"


class NoVersionInForce(LedgerError):
    """No published version of the program was in force at that moment."""

    slug = "no-version-in-force"


class UnknownPurchase(LedgerError):
    """No such purchase is booked."""

    slug = "unknown-purchase"


class UnknownPointCurrency(LedgerError):
    """The program has no such point currency."""

    slug = "unknown-point-currency"


class NotRedeemable(LedgerError):
    """These points cannot be spent."""

    slug = "not-redeemable"


class OccurredInFuture(LedgerError):
    """The activity lies in the future."""

    slug = "occurred-in-future"


class BelowMinimum(LedgerError):
    """The redemption asks for fewer points than the program lets members redeem at once."""

    slug = "below-minimum"


class NotInSteps(LedgerError):
    """The program lets members redeem points in steps only."""

    slug = "not-in-steps"


class AmountRequired(LedgerError):
    """The points may pay only a part of a purchase, and its amount was not told."""

    slug = "amount-required"


class ShareExceeded(LedgerError):
    """The points are worth more than the part of the purchase that they may pay."""

    slug = "share-exceeded"


class ReturnExceedsPurchase(LedgerError):
    """More is to be returned than was bought, or is left of it."""

    slug = "return-exceeds-purchase"


class UnknownLine(LedgerError):
    """The purchase has no such line."""

    slug = "unknown-line"


class NotTransferable(LedgerError):
    """Members of this program cannot send these points to each other."""

    slug = "not-transferable"


class TransferLimitReached(LedgerError):
    """More would be sent or received in the year than the program allows."""

    slug = "transfer-limit-reached"


class UnknownReason(LedgerError):
    """The program has no such reason for an adjustment."""

    slug = "unknown-reason"


class UnknownTier(LedgerError):
    """The program has no such tier."""

    slug = "unknown-tier"


class HoldTooLong(LedgerError):
    """The hold would last longer than the program allows."""

    slug = "hold-too-long"


class PoolChanged(LedgerError):
    """The pool's members changed while it was asked for something."""

    slug = "pool-changed"


class AccountChanged(LedgerError):
    """Something was recorded on the account since it was looked at."""

    slug = "account-changed"
