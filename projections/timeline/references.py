"""What the outside calls each event."""

from typing import assert_never

from ledger.account.events import (
    AccountClosed,
    AccountEvent,
    AccountOpened,
    AccountSuspended,
    ExpiryChanged,
    HoldCaptured,
    HoldExpired,
    HoldVoided,
    LotsExpired,
    LotsReleased,
    MemberErased,
    PointsAccrued,
    PointsAdjusted,
    PointsHeld,
    PointsRedeemed,
    PointsReinstated,
    PointsTransferredIn,
    PointsTransferredOut,
    PurchasePosted,
    PurchaseRepriced,
    PurchaseReturned,
    QualifyingPeriodClosed,
    RedemptionReversed,
    SuspensionLifted,
    TierChanged,
    TierRetained,
    VoucherIssued,
)


def reference_of(event: AccountEvent) -> str:
    """Return the id under which the outside knows what an event is about, or the reason of one that has none."""
    match event:
        case PurchasePosted() | PurchaseRepriced():
            return event.transaction_id
        case PointsAccrued():
            return event.accrual_id
        case PurchaseReturned():
            return event.return_id
        case PointsRedeemed() | RedemptionReversed():
            return event.redemption_id
        case PointsHeld() | HoldCaptured() | HoldVoided() | HoldExpired():
            return event.hold_id
        case _:
            return _further(event)


_Further = (
    AccountOpened
    | LotsReleased
    | LotsExpired
    | VoucherIssued
    | PointsReinstated
    | ExpiryChanged
    | PointsAdjusted
    | PointsTransferredOut
    | PointsTransferredIn
    | AccountSuspended
    | SuspensionLifted
    | AccountClosed
    | MemberErased
    | TierChanged
    | TierRetained
    | QualifyingPeriodClosed
)


def _further(event: _Further) -> str:  # noqa: C901, PLR0911  # one answer per kind of event
    match event:
        case PointsAdjusted():
            return event.adjustment_id
        case PointsTransferredOut() | PointsTransferredIn():
            return event.transfer_id
        case PointsReinstated():
            return event.reinstatement_id
        case VoucherIssued():
            return event.voucher_id
        case LotsReleased():
            return event.reference
        case LotsExpired() | AccountSuspended() | SuspensionLifted() | AccountClosed() | MemberErased():
            return event.reason
        case ExpiryChanged():
            return str(event.program_version)
        case TierChanged() | TierRetained():
            return f"{event.ladder}:{event.tier}"
        case QualifyingPeriodClosed():
            return f"{event.ladder}:{event.period}"
        case AccountOpened():
            return event.member_id
        case _:
            assert_never(event)
