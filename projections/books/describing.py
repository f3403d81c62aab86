"""What happened, in words, with the ids that the outside gave it: nothing of these is personal data."""

from collections.abc import Callable
from typing import Any, Final

from ledger.account.events import (
    AccountEvent,
    HoldCaptured,
    LotsExpired,
    PointsAccrued,
    PointsAdjusted,
    PointsRedeemed,
    PointsReinstated,
    PointsTransferredIn,
    PointsTransferredOut,
    PurchasePosted,
    PurchaseRepriced,
    PurchaseReturned,
    RedemptionReversed,
)

_LAPSED: Final = {
    "age": "Points lapsed by age",
    "inactivity": "Points lapsed by inactivity",
    "unconfirmed": "Points lapsed: what they awaited did not come",
    "cancelled": "Points lapsed: what they awaited was cancelled",
    "converted": "Points became a voucher",
    "closure": "Points lapsed with the closure of the account",
}


def _moved(event: PointsTransferredOut | PointsTransferredIn) -> str:
    return f"{'Merger' if event.is_merger else 'Transfer'} {event.transfer_id}"


_WORDS: Final[dict[type, Callable[[Any], str]]] = {
    PurchasePosted: lambda event: f"Sale {event.transaction_id}",
    PurchaseReturned: lambda event: f"Return {event.return_id} of sale {event.transaction_id}",
    PurchaseRepriced: lambda event: f"Sale {event.transaction_id} priced again because of {event.cause}",
    PointsRedeemed: lambda event: f"Redemption {event.redemption_id}",
    HoldCaptured: lambda event: f"Redemption {event.redemption_id} of hold {event.hold_id}",
    RedemptionReversed: lambda event: f"Reversal of redemption {event.redemption_id}",
    LotsExpired: lambda event: _LAPSED.get(event.reason, "Points lapsed"),
    PointsAccrued: lambda event: f"Accrual {event.accrual_id}",
    PointsReinstated: lambda event: f"Reinstatement {event.reinstatement_id}",
    PointsAdjusted: lambda event: f"Adjustment {event.adjustment_id}: {event.reason}",
    PointsTransferredOut: _moved,
    PointsTransferredIn: _moved,
}


def described(event: AccountEvent) -> str:
    """Say what an event is, for the lines of a journal."""
    words = _WORDS.get(type(event))
    return words(event) if words else "Points that came back paid a debt"
