"""What an event moves is told twice: to accounts and to views. Both say the same."""

from collections import defaultdict
from typing import Any

import msgspec
import pytest

from ledger.account.books import Book, Totals
from ledger.account.events import AccountEvent, AccountOpened
from ledger.account.evolve import evolve
from ledger.account.movements import ACTIVITY, Moved, movement_of
from ledger.account.state import Account
from ledger.store.codec import decode
from ledger.streams import ACCOUNT
from tests.unit.ledger.account.facts import NOON, OPENED, TODAY
from tests.unit.ledger.store.test_golden_events import EVENTS

HISTORY: list[AccountEvent] = [
    decode(sample.topic, bytes(sample.state)) for sample in EVENTS if sample.topic.startswith("account.")
]


class Follower:
    """Adds up movements, as a view does, and knows nothing else of the account."""

    def __init__(self) -> None:
        """Nothing moved yet."""
        self.figures: dict[str, Moved] = defaultdict(Moved)
        self.points: dict[int, int] = defaultdict(int)
        self.dates: dict[int, dict[str, Any]] = {}
        self.last_active: dict[str, Any] = {}

    def follow(self, event: AccountEvent) -> None:
        """Add what an event moves."""
        movement = movement_of(event)
        for code, moved in movement.totals.items():
            for name in Moved.__struct_fields__:
                figure = getattr(self.figures[code], name) + getattr(moved, name)
                setattr(self.figures[code], name, figure)
        for accrual in movement.accruals:
            self.points[accrual.lot] += accrual.points
            dates = {name: getattr(accrual, name) for name in DATES}
            self.dates[accrual.lot] = dates | {"earned_on": accrual.earned_on or event.effective_on}
        for part in movement.lots:
            self.points[part.lot] += part.points
        for part in movement.released:
            dates = self.dates[part.lot]
            dates |= {"available_from": min(dates["available_from"], event.effective_on), "awaits": ""}
        for new in movement.redated:
            names = ("expires_on", "idle_months", "activities")
            self.dates[new.lot] |= {name: getattr(new, name) for name in names}
        if kind := ACTIVITY.get(type(event)):
            self.last_active[kind] = max(self.last_active.get(kind, event.effective_on), event.effective_on)


DATES = ("available_from", "expires_on", "awaits", "cancels_on", "idle_months", "activities", "converts")


def test_every_event_type_is_in_the_history() -> None:
    """Whoever adds one adds a golden sample, and with it an example for this."""
    assert {type(event) for event in HISTORY} == set(ACCOUNT.event_types)


def test_movements_add_up_to_the_account() -> None:
    """After every event: totals, held and owed points, the points and dates of lots, and the last activity."""
    follower, account = Follower(), None
    for event in HISTORY:
        follower.follow(event)
        account = evolve(account, event)
        assert {code: figures(book) for code, book in account.books.items()} == follower.figures
        lots = {number: lot for book in account.books.values() for number, lot in book.lots.items()}
        assert {number: lot.points for number, lot in lots.items()} == {
            number: points for number, points in follower.points.items() if points
        }
        for number, lot in lots.items():
            shown = {name: getattr(lot, name) for name in (*DATES, "earned_on")}
            assert shown == follower.dates[number]
        assert account.last_active == follower.last_active


@pytest.mark.parametrize("event", HISTORY, ids=lambda event: type(event).__name__)
def test_points_go_somewhere(event: AccountEvent) -> None:
    """What moves a balance moves lots, held points or debts by as much."""
    movement = movement_of(event)
    for code, moved in movement.totals.items():
        in_lots = sum(part.points for part in (*movement.accruals, *movement.lots) if part.point_currency == code)
        assert moved.balance_points == in_lots + moved.held_points - moved.owed_points


def test_an_opening_moves_nothing() -> None:
    """Nor does anything else that is about the account and not about points."""
    assert movement_of(OPENED).totals == movement_of(AccountOpened("club", "m", NOON, TODAY)).totals == {}


def test_what_is_no_event_is_a_bug() -> None:
    """The type checker sees to it that nobody asks."""
    with pytest.raises(AssertionError, match="unreachable"):
        movement_of(object())  # type: ignore[arg-type]


def figures(book: Book) -> Moved:
    """Return what a follower can know of a book."""
    totals = {name: getattr(book, name) for name in Totals.__struct_fields__}
    return Moved(**totals, held_points=book.held_points, owed_points=book.owed_points)


def test_a_copy_of_the_history_is_left_alone() -> None:
    """Telling what an event moves does not change it."""
    before = msgspec.json.encode(HISTORY)
    account: Account | None = None
    for event in HISTORY:
        movement_of(event)
        account = evolve(account, event)
    assert before == msgspec.json.encode(HISTORY)
