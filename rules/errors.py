"""What pricing refuses."""

from ledger.errors import LedgerError


class CurrencyMismatch(LedgerError):
    """The amount is not in the program's currency."""

    slug = "currency-mismatch"


class NoVersionInForce(LedgerError):
    """No published version of the program was in force at that moment."""

    slug = "no-version-in-force"


class UnknownVersion(LedgerError):
    """The program never published a version of this number."""

    slug = "unknown-version"


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
