"""
What each event moves, told from the event alone.

`ledger.account.evolve` folds the same into an account, and a test holds the two together. Whoever follows many accounts
at once, as views do, has no account to fold into: this is for them.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, assert_never

from msgspec import Struct

from ledger.account import activity
from ledger.account.books import Totals
from ledger.account.events import (
    AccountClosed,
    AccountEvent,
    AccountOpened,
    AccountSuspended,
    Accrual,
    ExpiryChanged,
    HoldCaptured,
    HoldExpired,
    HoldVoided,
    LotMove,
    LotPoints,
    LotsExpired,
    LotsReleased,
    MemberErased,
    NewDates,
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
    Repayment,
    SuspensionLifted,
    TierChanged,
    TierRetained,
    VoucherIssued,
)

ACTIVITY: Final[dict[type, str]] = {
    PurchasePosted: activity.PURCHASE,
    PointsAccrued: activity.ACCRUAL,
    PointsRedeemed: activity.REDEMPTION,
    HoldCaptured: activity.REDEMPTION,
    PointsAdjusted: activity.ADJUSTMENT,
    PointsTransferredIn: activity.TRANSFER_IN,
    PointsTransferredOut: activity.TRANSFER_OUT,
}
"""Events that are activity of the member, on their effective date."""


_Standing = (
    AccountOpened
    | AccountSuspended
    | SuspensionLifted
    | AccountClosed
    | MemberErased
    | TierChanged
    | TierRetained
    | QualifyingPeriodClosed
)


class Moved(Totals, omit_defaults=True):
    """What an event adds to the figures of one point currency."""

    held_points: int = 0
    """Put aside by a hold; negative where a hold is resolved."""
    owed_points: int = 0
    """New debts; negative where debts are paid back."""


class Movement(Struct):
    """Everything one event moves."""

    totals: dict[str, Moved]
    """By point currency: all that the event is about, also if it moves none of their points."""
    accruals: tuple[Accrual, ...] = ()
    """New lots, with all their points."""
    lots: list[LotMove] = []
    """What lots gain, or, below zero, lose; new ones too, where they pay a debt back at once."""
    released: tuple[LotMove, ...] = ()
    """Lots that can be spent from the event's effective date on, if not before."""
    redated: tuple[NewDates, ...] = ()


def movement_of(event: AccountEvent) -> Movement:
    """Return what an event moves. Total: every event moves something, or nothing."""
    moved: dict[str, Moved] = defaultdict(Moved)
    match event:
        case PurchasePosted() | PointsAccrued():
            return _earned(event, moved)
        case PurchaseReturned() | PurchaseRepriced():
            return _repriced(event, moved)
        case PointsRedeemed() | RedemptionReversed() | PointsHeld() | HoldCaptured() | HoldVoided() | HoldExpired():
            return _spent(event, moved)
        case LotsReleased() | LotsExpired() | VoucherIssued() | ExpiryChanged():
            return _timed(event, moved)
        case PointsReinstated() | PointsAdjusted() | PointsTransferredIn() | PointsTransferredOut():
            return _went(event, moved)
        case _:
            return _nothing(event)


def _nothing(event: _Standing) -> Movement:
    match event:
        case (
            AccountOpened()
            | AccountSuspended()
            | SuspensionLifted()
            | AccountClosed()
            | MemberErased()
            | TierChanged()
            | TierRetained()
            | QualifyingPeriodClosed()
        ):
            return Movement({})
        case _:
            assert_never(event)


def _earned(event: PurchasePosted | PointsAccrued, moved: dict[str, Moved]) -> Movement:
    for accrual in event.accruals:
        moved[accrual.point_currency].accrued_points += accrual.points
    return Movement(moved, event.accruals, _repaid(event.repaid, moved))


def _repriced(event: PurchaseReturned | PurchaseRepriced, moved: dict[str, Moved]) -> Movement:
    for part in event.taken:
        moved[part.point_currency].clawed_back_points += part.points
    for code, points in event.debts.items():
        moved[code].clawed_back_points += points
        moved[code].owed_points += points
    for accrual in event.accruals:
        moved[accrual.point_currency].accrued_points += accrual.points
    return Movement(moved, event.accruals, [*_less(event.taken), *_repaid(event.repaid, moved)])


def _spent(
    event: PointsRedeemed | RedemptionReversed | PointsHeld | HoldCaptured | HoldVoided | HoldExpired,
    moved: dict[str, Moved],
) -> Movement:
    code = event.point_currency
    totals = moved[code]
    match event:
        case PointsRedeemed():
            totals.redeemed_points = event.points
            return Movement(moved, (), _in(code, event.taken, -1))
        case RedemptionReversed():
            totals.reversed_points = event.points
            return Movement(moved, (), [*_in(code, event.returned), *_repaid(event.repaid, moved)])
        case PointsHeld():
            totals.held_points = event.points
            return Movement(moved, (), _in(code, event.taken, -1))
        case HoldCaptured():
            # The lots lost all of the hold's points when it was made; here they get back what was not needed.
            totals.redeemed_points = event.points
            totals.held_points = -event.points - sum(part.points for part in event.returned)
            return Movement(moved, (), [*_in(code, event.returned), *_repaid(event.repaid, moved)])
        case HoldVoided() | HoldExpired():
            totals.held_points = -event.points
            return Movement(moved, (), [*_in(code, event.returned), *_repaid(event.repaid, moved)])
        case _:
            assert_never(event)


def _timed(
    event: LotsReleased | LotsExpired | VoucherIssued | ExpiryChanged,
    moved: dict[str, Moved],
) -> Movement:
    match event:
        case LotsReleased():
            return Movement({part.point_currency: Moved() for part in event.lots}, released=event.lots)
        case LotsExpired():
            for part in event.lots:
                moved[part.point_currency].expired_points += part.points
            return Movement(moved, (), [*_less(event.lots)])
        case VoucherIssued():
            return Movement({event.point_currency: Moved()})
        case ExpiryChanged():
            return Movement({dates.point_currency: Moved() for dates in event.lots}, redated=event.lots)
        case _:
            assert_never(event)


def _went(
    event: PointsReinstated | PointsAdjusted | PointsTransferredIn | PointsTransferredOut,
    moved: dict[str, Moved],
) -> Movement:
    match event:
        case PointsReinstated():
            for accrual in event.accruals:
                moved[accrual.point_currency].reinstated_points += accrual.points
            return Movement(moved, event.accruals, _repaid(event.repaid, moved))
        case PointsAdjusted():
            totals = moved[event.point_currency]
            totals.credited_points, totals.debited_points = max(event.points, 0), max(-event.points, 0)
            for code, points in event.debts.items():
                moved[code].owed_points += points
            return Movement(moved, event.accruals, [*_less(event.taken), *_repaid(event.repaid, moved)])
        case PointsTransferredIn():
            moved[event.point_currency].transferred_in_points = event.points
            return Movement(moved, event.accruals, _repaid(event.repaid, moved))
        case PointsTransferredOut():
            moved[event.point_currency].transferred_out_points = event.points
            return Movement(moved, (), _in(event.point_currency, event.taken, -1))
        case _:
            assert_never(event)


def _repaid(repaid: Iterable[Repayment], moved: dict[str, Moved]) -> list[LotMove]:
    lots = []
    for part in repaid:
        moved[part.point_currency].owed_points -= part.points
        lots.append(LotMove(part.lot, part.point_currency, -part.points))
    return lots


def _less(taken: Iterable[LotMove]) -> Iterable[LotMove]:
    return (LotMove(part.lot, part.point_currency, -part.points) for part in taken)


def _in(point_currency: str, parts: Iterable[LotPoints], sign: int = 1) -> list[LotMove]:
    return [LotMove(part.lot, point_currency, sign * part.points) for part in parts]
