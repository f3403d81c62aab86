"""Adjustments, transfers and reinstatements."""

from ledger.account.books import urgency
from ledger.account.commands import MAX_POINTS, AdjustPoints, ReinstatePoints, TransferIn, TransferOut
from ledger.account.deciding.booking import booked, changed, check_points, consumed, open_book, taken_from
from ledger.account.errors import InsufficientPoints, InvalidPoints, SameAccount
from ledger.account.events import (
    LotMove,
    LotPoints,
    PointsAdjusted,
    PointsReinstated,
    PointsTransferredIn,
    PointsTransferredOut,
)
from ledger.account.state import Account


def adjust(account: Account, command: AdjustPoints) -> PointsAdjusted:
    """Give or take points by hand."""
    if not command.points or abs(command.points) > MAX_POINTS:
        message = f"An adjustment moves 1 to {MAX_POINTS} points, up or down; not {command.points}."
        raise InvalidPoints(message, pointer="/points")
    balances = account.balances()
    accruals, repaid = booked(account, (command.award,) if command.award else (), balances)
    taken: tuple[LotMove, ...] = ()
    debts: dict[str, int] = {}
    if command.points < 0:
        taken, debts = _taken(account, command)
        balances = changed(account, command.point_currency, command.points)
    return PointsAdjusted(
        command.source,
        command.adjustment_id,
        command.occurred_at,
        command.effective_on,
        command.reason,
        command.note,
        command.point_currency,
        command.points,
        balances,
        accruals,
        taken,
        debts,
        repaid,
    )


def _taken(account: Account, command: AdjustPoints) -> tuple[tuple[LotMove, ...], dict[str, int]]:
    """Take points from lots, promised ones last; what is missing is refused, or owed."""
    code, points = command.point_currency, -command.points
    book = open_book(account, code)
    on = command.effective_on
    lots = sorted(book.lots.values(), key=lambda lot: (not lot.is_available(on), urgency(lot)))
    parts = taken_from([lot for lot in lots if not lot.has_lapsed(on)], points)
    missing = points - sum(part.points for part in parts)
    if missing and not command.may_overdraw:
        message = f"{points} points are to be taken, and {points - missing} are there."
        raise InsufficientPoints(message, pointer="/points", available_points=points - missing, requested_points=points)
    return tuple(LotMove(part.lot, code, part.points) for part in parts), {code: missing} if missing else {}


def reinstate(account: Account, command: ReinstatePoints) -> PointsReinstated:
    """Give lapsed points back."""
    balances = account.balances()
    accruals, repaid = booked(account, command.awards, balances)
    if not accruals:
        raise InvalidPoints("At least one point has to be reinstated.", pointer="/points")
    return PointsReinstated(
        command.source,
        command.reinstatement_id,
        command.occurred_at,
        command.effective_on,
        command.reason,
        accruals,
        balances,
        repaid,
    )


def transfer_out(account: Account, command: TransferOut) -> PointsTransferredOut:
    """Send points to another account; a merger sends promised ones too."""
    if command.to_member == account.member_id:
        raise SameAccount("Points cannot be moved from an account to itself.", pointer="/to_member")
    if command.is_merger:
        lots = open_book(account, command.point_currency).lots.values()
        taken = tuple(LotPoints(lot.lot, lot.points) for lot in sorted(lots, key=urgency))
    else:
        check_points(command.points, "transferred")
        taken = consumed(account, command.point_currency, command.points, command.effective_on)
    points = sum(part.points for part in taken)
    return PointsTransferredOut(
        command.source,
        command.transfer_id,
        command.occurred_at,
        command.effective_on,
        command.point_currency,
        points,
        command.to_member,
        taken,
        changed(account, command.point_currency, -points),
        command.is_merger,
    )


def transfer_in(account: Account, command: TransferIn) -> PointsTransferredIn:
    """Take points from another account."""
    balances = changed(account, command.point_currency, 0)
    accruals, repaid = booked(account, command.awards, balances)
    return PointsTransferredIn(
        command.source,
        command.transfer_id,
        command.occurred_at,
        command.effective_on,
        command.point_currency,
        sum(accrual.points for accrual in accruals),
        command.from_member,
        accruals,
        balances,
        command.is_merger,
        repaid,
    )
