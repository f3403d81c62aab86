"""What many commands share: numbering new lots, paying debts back, taking points from lots."""

from collections.abc import Iterable
from datetime import date

from ledger.account.activity import spendable
from ledger.account.books import Book, Lot, urgency
from ledger.account.commands import MAX_POINTS, Award
from ledger.account.errors import InsufficientPoints, InvalidPoints
from ledger.account.events import Accrual, LotMove, LotPoints, Repayment
from ledger.account.state import Account


def booked(
    account: Account,
    awards: tuple[Award, ...],
    balances: dict[str, int],
) -> tuple[tuple[Accrual, ...], tuple[Repayment, ...]]:
    """
    Number the lots of what was awarded, and pay back what is owed.

    Args:
        account: That gets the points.
        awards: In their order; those of no points make no lot.
        balances: Of the account before; changed to what they are after.

    Raises:
        InvalidPoints: A number of points is negative, or all together are beyond the largest.
    """
    accruals = []
    lot = account.lot_count
    booked_points = 0
    for award in awards:
        booked_points += award.points
        if award.points < 0 or booked_points > MAX_POINTS:
            message = f"{booked_points} points cannot be booked at once; the largest number is {MAX_POINTS}."
            raise InvalidPoints(message, pointer="/points")
        if award.points:
            lot += 1
            code = award.point_currency
            balances[code] = balances.get(code, 0) + award.points
            accruals.append(
                Accrual(
                    lot,
                    code,
                    award.points,
                    award.available_from,
                    award.expires_on,
                    award.kind,
                    award.rule,
                    award.funding,
                    award.cap_periods,
                    award.earned_on,
                    award.awaits,
                    award.cancels_on,
                    award.idle_months,
                    award.activities,
                    award.converts,
                ),
            )
    for book in account.books.values():
        if book.debts:
            came = [LotMove(one.lot, one.point_currency, one.points) for one in accruals]
            return tuple(accruals), tuple(_repayments(owed(account), came))
    return tuple(accruals), ()


def owed(account: Account) -> dict[str, dict[str, int]]:
    """Return what is owed, by point currency, then by what left the debt."""
    return {code: dict(book.debts) for code, book in account.books.items() if book.debts}


def repaid_by(
    debts: dict[str, dict[str, int]],
    point_currency: str,
    returned: Iterable[LotPoints],
) -> tuple[Repayment, ...]:
    """
    Use points that come back to their lots to pay debts; what nobody has any more was owed for them.

    Args:
        debts: From `owed`; less by what is paid.
        point_currency: Of the points.
        returned: Lots that get points back.
    """
    if point_currency not in debts:
        return ()
    came = [LotMove(part.lot, point_currency, part.points) for part in returned]
    return tuple(_repayments(debts, came))


def _repayments(debts: dict[str, dict[str, int]], came: Iterable[LotMove]) -> Iterable[Repayment]:
    """Use points that came to pay debts back, the oldest debt first."""
    for move in came:
        left = move.points
        owing = debts.get(move.point_currency, {})
        for debt, points in list(owing.items()):
            paid = min(left, points)
            if paid:
                yield Repayment(move.lot, move.point_currency, paid, debt)
                owing[debt] -= paid
                left -= paid


def check_points(points: int, what: str) -> None:
    """
    Refuse numbers of points that nobody can move.

    Raises:
        InvalidPoints: It is not from 1 to the largest.
    """
    if not 0 < points <= MAX_POINTS:
        message = f"{points} points cannot be {what}; ask for 1 to {MAX_POINTS}."
        raise InvalidPoints(message, pointer="/points")


def consumed(account: Account, point_currency: str, points: int, on: date) -> tuple[LotPoints, ...]:
    """
    Name the lots that ``points`` come from: earliest expiry first, then oldest, then first made.

    Raises:
        InsufficientPoints: Fewer are available on that date.
    """
    book = account.books.get(point_currency)
    lots = sorted(spendable(account, book, on), key=urgency) if book else []
    available = max(0, sum(lot.points for lot in lots) - (book.owed_points if book else 0))
    if available < points:
        message = f"{points} points were asked for on {on}, and {available} are available."
        raise InsufficientPoints(message, pointer="/points", available_points=available, requested_points=points)
    return taken_from(lots, points)


def taken_from(lots: Iterable[Lot], points: int) -> tuple[LotPoints, ...]:
    """Name the lots, in their order, that as many points come from; fewer if there are not as many."""
    taken = []
    for lot in lots:
        if not points:
            break
        part = min(lot.points, points)
        taken.append(LotPoints(lot.lot, part))
        points -= part
    return tuple(taken)


def given_back(taken: Iterable[Lot], points: int) -> tuple[LotPoints, ...]:
    """Name the lots that get points back: those that were used last come first."""
    return taken_from(reversed(list(taken)), points)


def changed(account: Account, point_currency: str, points: int) -> dict[str, int]:
    """Return the balances after points of one currency came or went."""
    balances = account.balances()
    balances[point_currency] = balances.get(point_currency, 0) + points
    return balances


def open_book(account: Account, point_currency: str) -> Book:
    """Return the book of a point currency; an empty one if the account has none."""
    return account.books.get(point_currency) or Book()
