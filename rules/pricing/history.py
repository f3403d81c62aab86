"""What a member's events say of each purchase: what it earns now, what came back of it, and what lapsed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from msgspec import Struct

from ledger.account.events import (
    AccountEvent,
    Accrual,
    LotMove,
    LotsExpired,
    PurchaseLine,
    PurchasePosted,
    PurchaseRepriced,
    PurchaseReturned,
)

Key = tuple[str, str]
"""A purchase: its source and transaction id."""


class Returned(Struct):
    """What came back of one line."""

    amount_minor: int = 0
    quantity: Decimal = Decimal(0)


class Undone(Struct):
    """What came back of a purchase."""

    amount_minor: int = 0
    lines: dict[str, Returned] = {}
    attributes: dict[str, int] = {}
    """Whole numbers, such as nights."""
    is_all: bool = False
    """Nothing is left of the purchase."""

    def add(self, sale: PurchasePosted, event: PurchaseReturned) -> None:
        """Note one more return."""
        self.amount_minor += event.amount_minor
        add_returned(self.lines, event.lines)
        for name, number in event.attributes.items():
            self.attributes[name] = self.attributes.get(name, 0) + number
        self.is_all = self.is_all or is_everything(sale, self.amount_minor, event.lines, self.lines)


class Booked(Struct):
    """A purchase with everything that happened to it since."""

    event: PurchasePosted
    points: dict[str, int]
    """What each rule gives it now."""
    lots: dict[str, list[LotMove]]
    """What the lots that each rule made still stand for, oldest first."""
    undone: Undone

    @property
    def left_minor(self) -> int:
        """What was not returned of its amount."""
        return self.event.amount_minor - self.undone.amount_minor

    def lines_left(self) -> tuple[PurchaseLine, ...]:
        """Return the lines that were not returned, or their rest."""
        return remaining_lines(self.event.lines, self.undone.lines)


class History(Struct):
    """A member's purchases, and what lapsed of each lot."""

    purchases: dict[Key, Booked] = {}
    lapsed: dict[int, int] = {}
    """Points by lot."""


def history_of(events: Iterable[AccountEvent]) -> History:
    """Read a member's events, oldest first."""
    history = History()
    for event in events:
        match event:
            case PurchasePosted():
                points: dict[str, int] = {}
                made: dict[str, list[LotMove]] = {}
                for accrual in event.accruals:
                    points[accrual.rule] = accrual.points
                _add(made, event.accruals)
                history.purchases[event.source, event.transaction_id] = Booked(event, points, made, Undone())
            case PurchaseReturned():
                booked = history.purchases[event.purchase_source, event.transaction_id]
                booked.undone.add(booked.event, event)
                _change(history, booked, event)
            case PurchaseRepriced():
                _change(history, history.purchases[event.purchase_source, event.transaction_id], event)
            case LotsExpired():
                for move in event.lots:
                    history.lapsed[move.lot] = history.lapsed.get(move.lot, 0) + move.points
            case _:
                pass
    return history


def _add(made: dict[str, list[LotMove]], accruals: Iterable[Accrual]) -> None:
    for one in accruals:
        made.setdefault(one.rule, []).append(LotMove(one.lot, one.point_currency, one.points))


def _change(history: History, booked: Booked, event: PurchaseReturned | PurchaseRepriced) -> None:
    """Take in what a purchase earns less, from which lots, and which of these points had lapsed and were forgiven."""
    taken = {part.lot: part.points for part in event.taken}
    forgiven = dict(event.written_off)
    for change in event.changes:
        booked.points[change.rule] = change.after_points
        lots = booked.lots.get(change.rule, [])
        lost = list(newest_of(lots, change.before_points - change.after_points))
        for move in lost:
            missing = move.points - taken.get(move.lot, 0)
            gone = min(missing, history.lapsed.get(move.lot, 0), forgiven.get(move.point_currency, 0))
            if gone > 0:
                history.lapsed[move.lot] -= gone
                forgiven[move.point_currency] -= gone
        booked.lots[change.rule] = _without(lots, lost)
    _add(booked.lots, event.accruals)


def newest_of(lots: Sequence[LotMove], points: int) -> Iterator[LotMove]:
    """Say which lots of a rule are to lose points: the newest first, because corrections made them."""
    for move in reversed(lots):
        part = min(points, move.points)
        if part > 0:
            yield LotMove(move.lot, move.point_currency, part)
            points -= part


def _without(lots: Iterable[LotMove], lost: Iterable[LotMove]) -> list[LotMove]:
    gone = {move.lot: move.points for move in lost}
    left = [LotMove(one.lot, one.point_currency, one.points - gone.get(one.lot, 0)) for one in lots]
    return [one for one in left if one.points]


def is_everything(
    sale: PurchasePosted,
    returned_minor: int,
    lines: Iterable[PurchaseLine],
    returned: Mapping[str, Returned],
) -> bool:
    """
    Tell whether nothing is left of a purchase: all of its amount came back, or, where it cost nothing, all lines.

    Args:
        sale: The purchase.
        returned_minor: What came back of its amount.
        lines: What the latest return named; one that names none is about everything.
        returned: What came back of each line.
    """
    if returned_minor < sale.amount_minor:
        return False
    return bool(sale.amount_minor) or not any(True for _ in lines) or not remaining_lines(sale.lines, returned)


def add_returned(returned: dict[str, Returned], lines: Iterable[PurchaseLine]) -> None:
    """Note lines that came back."""
    for line in lines:
        so_far = returned.setdefault(line.line, Returned())
        so_far.amount_minor += line.amount_minor
        so_far.quantity += Decimal(line.quantity)


def remaining_lines(lines: Iterable[PurchaseLine], returned: Mapping[str, Returned]) -> tuple[PurchaseLine, ...]:
    """Return what is left of lines."""
    left: list[PurchaseLine] = []
    for line in lines:
        gone = returned.get(line.line)
        if gone is None:
            left.append(line)
            continue
        quantity = Decimal(line.quantity) - gone.quantity
        amount_minor = line.amount_minor - gone.amount_minor
        if quantity > 0 or amount_minor > 0:
            left.append(_part(line, amount_minor, quantity))
    return tuple(left)


def _part(line: PurchaseLine, amount_minor: int, quantity: Decimal) -> PurchaseLine:
    fields: tuple[Any, ...] = (line.sku, line.category, line.brand, line.attributes)
    return PurchaseLine(line.line, amount_minor, f"{quantity:f}", *fields)
