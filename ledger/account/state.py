"""What an account is, folded from its events."""

from collections.abc import Iterable
from datetime import date
from typing import assert_never

from msgspec import Struct

from ledger.account.events import (
    AccountEvent,
    AccountOpened,
    Accrual,
    LotPoints,
    PointsAccrued,
    PointsRedeemed,
    PurchasePosted,
    RedemptionReversed,
)


class Lot(Struct, gc=False):
    """Points of one accrual that are still open."""

    lot: int
    points: int
    earned_on: date
    available_from: date
    expires_on: date | None

    def is_available(self, on: date) -> bool:
        """Tell whether the points can be spent on the program-local date ``on``."""
        return self.available_from <= on and (self.expires_on is None or on < self.expires_on)


class Book(Struct):
    """One point currency of an account: its open lots, and everything that ever moved them."""

    lots: dict[int, Lot] = {}
    accrued_points: int = 0
    redeemed_points: int = 0
    reversed_points: int = 0
    """Redeemed points that a reversal gave back."""

    @property
    def balance_points(self) -> int:
        """Points the open lots hold, whatever their dates say. Always equal to the sum over the lots."""
        return self.accrued_points - self.redeemed_points + self.reversed_points

    def available_points(self, on: date) -> int:
        """Points that can be spent on the program-local date ``on``."""
        return sum(lot.points for lot in self.lots.values() if lot.is_available(on))


class Redemption(Struct):
    """A booked redemption, with the lots as they were when it took from them."""

    point_currency: str
    points: int
    effective_on: date
    taken: list[Lot]
    """Each with the points taken, and the dates the lot has."""
    is_reversed: bool = False


class Account(Struct):
    """
    One member's holdings in one program.

    Only `evolve` changes it, in place: posting is the hottest path of the engine, and copying an account per event
    would cost more than deciding it.
    """

    program_id: str
    member_id: str
    opened_on: date
    books: dict[str, Book] = {}
    redemptions: dict[str, Redemption] = {}
    lot_count: int = 0
    """Lots ever made; the next one gets this number plus one."""
    purchase_count: int = 0
    spent_minor: int = 0
    """Amounts of all purchases together, in minor units of the program's currency."""
    last_purchase_on: date | None = None
    capped_points: dict[str, dict[str, int]] = {}
    """What rules with caps gave: by rule, then by period."""

    def balances(self) -> dict[str, int]:
        """Return the booked points of every point currency."""
        return {
            code: book.accrued_points - book.redeemed_points + book.reversed_points for code, book in self.books.items()
        }


def evolve(account: Account | None, event: AccountEvent) -> Account:
    """Fold one recorded fact into the account. Never refuses: what is recorded has happened."""
    if account is None:
        # Every account stream begins with AccountOpened; the decider lets nothing else through.
        assert isinstance(event, AccountOpened)
        return Account(event.program_id, event.member_id, event.effective_on)
    match event:
        case PurchasePosted():
            _count_purchase(account, event)
            if event.accruals:
                _accrue(account, event.accruals, event.effective_on)
        case PointsAccrued():
            _accrue(account, event.accruals, event.effective_on)
        case PointsRedeemed():
            _take(account, event)
        case RedemptionReversed():
            _give_back(account, event)
        case AccountOpened():
            pass
        case _:
            assert_never(event)
    return account


def _count_purchase(account: Account, event: PurchasePosted) -> None:
    account.purchase_count += 1
    account.spent_minor += event.amount_minor
    if account.last_purchase_on is None or account.last_purchase_on < event.effective_on:
        account.last_purchase_on = event.effective_on


def _accrue(account: Account, accruals: Iterable[Accrual], earned_on: date) -> None:
    for accrual in accruals:
        book = account.books.get(accrual.point_currency)
        if book is None:
            book = account.books[accrual.point_currency] = Book()
        account.lot_count = accrual.lot
        book.accrued_points += accrual.points
        book.lots[accrual.lot] = Lot(
            accrual.lot,
            accrual.points,
            earned_on,
            accrual.available_from,
            accrual.expires_on,
        )
        if accrual.cap_periods:
            counted = account.capped_points.setdefault(accrual.rule, {})
            for period in accrual.cap_periods:
                counted[period] = counted.get(period, 0) + accrual.points


def _take(account: Account, event: PointsRedeemed) -> None:
    book = account.books[event.point_currency]
    book.redeemed_points += event.points
    taken = [_part(book.lots[part.lot], part) for part in event.taken]
    for part in event.taken:
        lot = book.lots[part.lot]
        lot.points -= part.points
        if not lot.points:
            del book.lots[part.lot]
    account.redemptions[event.redemption_id] = Redemption(
        event.point_currency,
        event.points,
        event.effective_on,
        taken,
    )


def _part(lot: Lot, part: LotPoints) -> Lot:
    return Lot(lot.lot, part.points, lot.earned_on, lot.available_from, lot.expires_on)


def _give_back(account: Account, event: RedemptionReversed) -> None:
    book = account.books[event.point_currency]
    book.reversed_points += event.points
    redemption = account.redemptions[event.redemption_id]
    redemption.is_reversed = True
    for part in redemption.taken:
        open_lot = book.lots.get(part.lot)
        if open_lot is None:
            book.lots[part.lot] = _part(part, LotPoints(part.lot, part.points))
        else:
            open_lot.points += part.points
