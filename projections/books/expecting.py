"""
Which events must have an entry, told without the posting scheme, so that one can be held against the other.

Source: ISA 315, completeness of the journal; shared/finance.md 4.1.
"""

from typing import Final

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

_MOVING: Final[dict[type, tuple[str, ...]]] = {
    PurchasePosted: ("amount_minor", "accruals"),
    PurchaseReturned: ("taken", "accruals"),
    PurchaseRepriced: ("taken", "accruals"),
    PointsAccrued: ("accruals",),
    PointsReinstated: ("accruals",),
    PointsAdjusted: ("accruals", "taken"),
    PointsRedeemed: ("taken",),
    HoldCaptured: ("taken",),
    RedemptionReversed: ("returned",),
    LotsExpired: ("lots",),
    PointsTransferredOut: ("taken",),
    PointsTransferredIn: ("accruals",),
}
"""Fields that, unless they are empty, move points or money of the books."""


def expects_entry(event: AccountEvent) -> bool:
    """Tell whether an event moves points or money, so that the journal has to have an entry for it."""
    fields = (*_MOVING.get(type(event), ()), "repaid")
    return any(getattr(event, name, None) for name in fields)
