"""
The order in which things happened, whatever the order in which they arrive.

Most facts carry a moment of their own. Of those that share one, accruals come first, then tiers given by hand, then
purchases, then returns, then everything else that moves points; and within each of these the source and its id decide.
So two tills that upload the same day in another order come to the same books.
"""

from datetime import UTC, datetime
from typing import Final

from ledger.account.events import (
    AccountEvent,
    AccountOpened,
    HoldCaptured,
    LotsExpired,
    PointsAccrued,
    PointsAdjusted,
    PointsRedeemed,
    PointsReinstated,
    PointsTransferredIn,
    PointsTransferredOut,
    PurchasePosted,
    PurchaseReturned,
    RedemptionReversed,
    TierChanged,
    TierRetained,
)

Place = tuple[datetime, int, str, str]
"""When, then what, then the source and its id."""

ACCRUAL: Final = 0
STANDING: Final = 1
PURCHASE: Final = 2
RETURN: Final = 3
MOVE: Final = 4

_FIRST: Final = (datetime.min.replace(tzinfo=UTC), -1, "", "")


def place_of(event: AccountEvent) -> Place:
    """Return where an event belongs."""
    if isinstance(event, AccountOpened):
        # Whoever is enrolled late still had the account when the purchases were made that are uploaded then.
        return _FIRST
    return (event.occurred_at, *_among_others(event))


def _among_others(event: AccountEvent) -> tuple[int, str, str]:
    match event:
        case PurchasePosted():
            return PURCHASE, event.source, event.transaction_id
        case PointsAccrued():
            return ACCRUAL, event.source, event.accrual_id
        case PurchaseReturned():
            return RETURN, event.source, event.return_id
        case TierChanged() | TierRetained():
            return STANDING, event.ladder, event.tier
        case PointsRedeemed() | HoldCaptured() | RedemptionReversed():
            return MOVE, event.source, event.redemption_id
        case _:
            return MOVE, "", ""


MOVES = (
    PointsRedeemed
    | HoldCaptured
    | RedemptionReversed
    | LotsExpired
    | PointsAdjusted
    | PointsReinstated
    | PointsTransferredIn
    | PointsTransferredOut
)
"""What changes a balance besides purchases, accruals and returns; of consequence only where rules read balances."""
