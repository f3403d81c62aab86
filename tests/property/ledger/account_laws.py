"""What is true of an account after every event."""

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import msgspec
from hypothesis.stateful import invariant

from ledger.account.activity import available_points
from ledger.account.books import Book, Lot
from ledger.account.events import AccountEvent, AccountOpened
from ledger.account.movements import Moved, movement_of
from ledger.account.state import Account
from ledger.posting.cache import Entry
from ledger.store.codec import decode, encode, topic_bytes
from ledger.streams import ACCOUNT
from tests.property.ledger.reference_account import ReferenceAccount


class AccountLaws:
    """Invariants of an account that a reference and a follower accompany."""

    live: Entry
    restored: Entry
    reference: ReferenceAccount
    recorded: list[tuple[AccountEvent, bytes]]
    today: date

    def __init__(self) -> None:
        """Nothing moved yet."""
        super().__init__()
        self.followed: dict[str, Moved] = defaultdict(Moved)

    def follow(self, event: AccountEvent) -> None:
        """Add up what events move, as views do."""
        for code, moved in movement_of(event).totals.items():
            figures = self.followed[code]
            for name in Moved.__struct_fields__:
                setattr(figures, name, getattr(figures, name) + getattr(moved, name))

    @property
    def account(self) -> Account:
        """As it was folded."""
        state: Account = self.live.state
        return state

    @invariant()
    def agrees_with_the_reference(self) -> None:
        """Lots, totals, what is held and owed, and what can be spent on any day are what the design says."""
        account = self.account
        assert account.status == self.reference.status
        for currency in {*account.books, *self.reference.currencies()}:
            book = account.books.get(currency, Book())
            assert self.reference.open_lots(currency) == {number: lot.points for number, lot in book.lots.items()}
            totals = self.reference.totals(currency)
            assert totals == {name: getattr(book, f"{name}_points") for name in totals}
            assert (self.reference.held(currency), self.reference.owed(currency)) == (
                book.held_points,
                book.owed_points,
            )
            for days in (-30, 0, 30):
                on = self.today + timedelta(days=days)
                assert self.reference.available(currency, on) == available_points(account, currency, on)

    @invariant()
    def keeps_its_books(self) -> None:
        """The identity of the books holds, and every lot is as it was made or as its dates were changed."""
        account = self.account
        for currency, book in account.books.items():
            assert book.balance_points == book.open_points + book.held_points - book.owed_points
            assert all(points > 0 for points in book.debts.values())
            for number, lot in book.lots.items():
                assert 0 < lot.points <= self.reference.lots[number]["points"]
                assert (currency, self.as_made(number, lot.points)) == (self.reference.lots[number]["currency"], lot)
        assert len(self.reference.lots) == account.lot_count
        assert {code: figures(book) for code, book in account.books.items()} == self.followed

    def as_made(self, number: int, points: int) -> Lot:
        """Return a lot as the reference knows it."""
        made: dict[str, Any] = self.reference.lots[number]
        return Lot(
            number,
            points,
            made["earned"],
            made["from"],
            made["until"],
            awaits=made["awaits"],
            cancels_on=made["cancels"],
            idle_months=made["idle"],
            activities=made["kinds"],
            converts=made["converts"],
            is_released=made["released"],
        )

    @invariant()
    def remembers_what_took_from_lots(self) -> None:
        """Redemptions and holds know what may come back, with the dates that its lots have."""
        account = self.account
        assert list(self.reference.redemptions) == list(account.redemptions)
        for redemption_id, redemption in account.redemptions.items():
            use = self.reference.redemptions[redemption_id]
            out = {number: points - use["back"].get(number, 0) for number, points in use["taken"].items()}
            assert [self.as_made(number, points) for number, points in out.items() if points] == redemption.taken
            assert redemption.points == sum(use["taken"].values())
            assert redemption.is_reversed == (not any(out.values()))
        outcomes = {hold_id: hold["outcome"] for hold_id, hold in self.reference.holds.items()}
        assert outcomes == dict.fromkeys(account.holds, "open") | account.resolved_holds
        for hold_id, hold in account.holds.items():
            taken = self.reference.holds[hold_id]["use"]["taken"]
            assert [self.as_made(number, points) for number, points in taken.items()] == hold.taken

    @invariant()
    def tells_its_balances(self) -> None:
        """The newest fact carries the balances after it."""
        event = self.recorded[-1][0]
        told = {} if isinstance(event, AccountOpened) else event.balances
        assert told == self.account.balances()

    @invariant()
    def replays(self) -> None:
        """From the stored bytes, with versions one after the other, the same state comes about."""
        replayed = Entry(ACCOUNT)
        for event, stored in self.recorded:
            read = decode(topic_bytes(event).decode(), stored)
            assert event == read
            assert stored == encode(read)
            replayed.fold(read)
        assert len(self.recorded) == replayed.version == self.live.version == self.restored.version
        states = [msgspec.json.encode(entry.state) for entry in (replayed, self.live, self.restored)]
        assert states == [states[0]] * 3
        assert replayed.state == self.live.state == self.restored.state


def figures(book: Book) -> Moved:
    """Return what a follower can know of a book."""
    names = [name for name in Moved.__struct_fields__ if name != "owed_points"]
    return Moved(**{name: getattr(book, name) for name in names}, owed_points=book.owed_points)
