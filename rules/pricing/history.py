"""What a member's events say of each purchase: what it earns now, what came back of it, and what lapsed."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from msgspec import Struct

from ledger.account.events import (
    AccountEvent,
    Accrual,
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


class Booked(Struct):
    """A purchase with everything that happened to it since."""

    event: PurchasePosted
    place: int
    """Of the event in the history."""
    points: dict[str, int]
    """What each rule gives it now."""
    gross: dict[str, int]
    """What each rule would give if nothing had come back."""
    accruals: dict[str, list[Accrual]]
    """The lots that each rule made, oldest first."""
    returned_minor: int = 0
    returned: dict[str, Returned] = {}
    attributes: dict[str, int] = {}
    """Whole numbers that were undone."""
    is_returned: bool = False
    is_undone: bool = False
    """All of it came back."""
    written_off: dict[str, int] = {}
    """Points per point currency that nobody was asked for when it came back."""

    @property
    def key(self) -> Key:
        """What the outside calls it."""
        return self.event.source, self.event.transaction_id

    @property
    def left_minor(self) -> int:
        """What was not returned of its amount."""
        return self.event.amount_minor - self.returned_minor

    def lines_left(self) -> tuple[PurchaseLine, ...]:
        """Return the lines that were not returned, or their rest."""
        return remaining_lines(self.event.lines, self.returned)


class History(Struct):
    """A member's purchases, and what lapsed of each lot."""

    purchases: dict[Key, Booked] = {}
    lapsed: dict[int, int] = {}
    """Points by lot."""


def history_of(events: Iterable[AccountEvent]) -> History:
    """Read a member's events, oldest first."""
    history = History()
    for place, event in enumerate(events):
        match event:
            case PurchasePosted():
                points = {accrual.rule: accrual.points for accrual in event.accruals}
                made: dict[str, list[Accrual]] = {}
                _add(made, event.accruals)
                history.purchases[event.source, event.transaction_id] = Booked(event, place, points, dict(points), made)
            case PurchaseReturned():
                _take_return(history.purchases[event.purchase_source, event.transaction_id], event)
            case PurchaseRepriced():
                booked = history.purchases[event.purchase_source, event.transaction_id]
                for change in event.changes:
                    booked.points[change.rule] = change.after_points
                    more = change.after_points - change.before_points
                    booked.gross[change.rule] = booked.gross.get(change.rule, 0) + more
                _add(booked.accruals, event.accruals)
            case LotsExpired():
                for move in event.lots:
                    history.lapsed[move.lot] = history.lapsed.get(move.lot, 0) + move.points
            case _:
                pass
    return history


def _add(made: dict[str, list[Accrual]], accruals: Sequence[Accrual]) -> None:
    for accrual in accruals:
        made.setdefault(accrual.rule, []).append(accrual)


def _take_return(booked: Booked, event: PurchaseReturned) -> None:
    for change in event.changes:
        booked.points[change.rule] = change.after_points
    booked.returned_minor += event.amount_minor
    booked.is_returned = True
    add_returned(booked.returned, event.lines)
    # A basket that cost nothing can come back line by line all the same.
    is_by_line = bool(event.lines) and not booked.event.amount_minor
    booked.is_undone = not (booked.left_minor or (is_by_line and booked.lines_left()))
    for code, points in event.written_off.items():
        booked.written_off[code] = booked.written_off.get(code, 0) + points
    for name, number in event.attributes.items():
        booked.attributes[name] = booked.attributes.get(name, 0) + number
    _add(booked.accruals, event.accruals)


def add_returned(returned: dict[str, Returned], lines: Iterable[PurchaseLine]) -> None:
    """Note lines that came back."""
    for line in lines:
        so_far = returned.setdefault(line.line, Returned())
        so_far.amount_minor += line.amount_minor
        so_far.quantity += Decimal(line.quantity)


def remaining_lines(lines: Iterable[PurchaseLine], returned: dict[str, Returned]) -> tuple[PurchaseLine, ...]:
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
