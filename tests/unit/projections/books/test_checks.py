"""Checks of a month: they pass over what was booked, and each fails where it should."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from ledger.account.events import LotsReleased, PointsHeld, PurchasePosted
from ledger.bookkeeping.events import PeriodClosed
from projections.books.checks import Tally, judge
from projections.books.entries import Entry
from projections.books.expecting import expects_entry
from projections.books.window import Window
from tests.bookkeeper import Bookkeeper, at, bought, expired, redeemed, settings

DAY = date(2026, 2, 10)


@pytest.fixture
def books() -> Bookkeeper:
    """Provide books with two months: one before, and one with a sale, a redemption and points that lapse."""
    keeper = Bookkeeper(settings())
    keeper.close(bought(date(2026, 1, 10), 1_000, 100, 1))
    keeper.first = keeper.before  # type: ignore[attr-defined]
    keeper.close(bought(DAY, 2_000, 200, 2), redeemed(DAY, 60, 2), expired(DAY, 40, 2))
    return keeper


def failing(books: Bookkeeper, entries: list[Entry], after: PeriodClosed | None = None) -> list[str]:
    """Return what does not hold, with what is told of it."""
    before: PeriodClosed = books.first  # type: ignore[attr-defined]
    closed = after or books.before
    assert closed is not None
    tally = Tally(Window("2026-02", before, {"0": books.position}))
    for entry in entries:
        tally.take(entry)
    return [f"{one.name}: {one.told}" for one in judge(before, closed, tally) if not one.is_passed]


def test_what_was_booked_holds(books: Bookkeeper) -> None:
    """Every check passes."""
    assert failing(books, books.entries) == []


def changed(entries: list[Entry], **changes: Any) -> list[Entry]:
    """Change the first entry."""
    return [replace(entries[0], **changes), *entries[1:]]


def with_amount(entries: list[Entry], account: str, more: int) -> list[Entry]:
    """Change the amount of the first line of an account."""
    postings = list(entries[0].postings)
    number = next(number for number, one in enumerate(postings) if one.account == account)
    postings[number] = postings[number]._replace(amount=postings[number].amount + more)
    return changed(entries, postings=postings)


@pytest.mark.parametrize(
    ("attack", "told"),
    [
        (lambda entries: with_amount(entries, "1000", 1), "every entry balances, in money and in points: 0:2"),
        (lambda entries: with_amount(entries, "9010", 1), "every entry balances, in money and in points: 0:2"),
        (lambda entries: changed(entries, posting_date=date(2026, 1, 31)), "every entry is posted in the month: 0:2"),
        (lambda entries: changed(entries, posting_date=date(2026, 3, 1)), "every entry is posted in the month: 0:2"),
        (lambda entries: changed(entries, entry_id="0:1"), "every entry names its event: 0:1"),
        (lambda entries: changed(entries, entry_id="0:9"), "every entry names its event: 0:9"),
        (lambda entries: changed(entries, entry_id="1:2"), "every entry names its event: 1:2"),
        (lambda entries: entries[1:], "opening balances and the journal give the closing ones: 1000: 1000 is not 3000"),
        (
            lambda entries: entries[1:],
            "the roll-forward of points equals the journal: 2026-02/own/points, 9000: -100 is not 100",
        ),
        (lambda entries: entries[1:], "the roll-forward of value equals the journal: 2026-02/own/points: "),
    ],
)
def test_a_journal_that_was_changed(books: Bookkeeper, attack: Callable[[list[Entry]], list[Entry]], told: str) -> None:
    """Says which check, and where."""
    assert any(one.startswith(told) for one in failing(books, attack(books.entries))), told


def cohort(closed: PeriodClosed, **changes: Any) -> PeriodClosed:
    """Change the figures of the second cohort."""
    return replace(closed, cohorts=(closed.cohorts[0], replace(closed.cohorts[1], **changes)))


@pytest.mark.parametrize(
    ("attack", "told"),
    [
        (
            lambda one: replace(one, balances_minor=one.balances_minor | {"1000": 1}),
            "the trial balance is zero: money -",
        ),
        (
            lambda one: replace(one, balances_minor=one.balances_minor | {"9000:points": 0}),
            "the trial balance is zero: points ",
        ),
        (
            lambda one: replace(one, balances_minor=one.balances_minor | {"2000": 0}),
            "liability accounts equal the cohorts: 2000: ",
        ),
        (
            lambda one: replace(one, balances_minor=one.balances_minor | {"9000:points": -1}),
            "points of members equal the cohorts: points: 200 is not 1",
        ),
        (
            lambda one: cohort(one, released_minor=(10_000, 0, 0)),
            "recognised is between nothing and what was allocated: 2026-02/own/points: 10000 of ",
        ),
        (
            lambda one: cohort(one, points=one.cohorts[1].points | {"redeemed": 61}),
            "the roll-forward of points equals the journal: 2026-02/own/points, 9000: -99 is not -100",
        ),
        (
            lambda one: cohort(one, values_minor=one.cohorts[1].values_minor | {"issued": 1}),
            "the roll-forward ends with what is owed: 2026-02/own/points, value: ",
        ),
    ],
)
def test_figures_that_were_changed(
    books: Bookkeeper, attack: Callable[[PeriodClosed], PeriodClosed], told: str
) -> None:
    """Says which check, and by how much."""
    assert books.before is not None
    found = failing(books, books.entries, attack(books.before))
    assert any(one.startswith(told) for one in found), found


def test_which_events_need_an_entry() -> None:
    """Those that move points or money; holds and releases do neither."""
    assert expects_entry(bought(DAY, 100, 0))
    assert expects_entry(redeemed(DAY, 1))
    assert expects_entry(expired(DAY, 1))
    assert not expects_entry(PurchasePosted("till", "t", at(DAY), DAY, 0, "JPY", 1, ()))
    held = PointsHeld("till", "h", at(DAY), DAY, "points", 1, at(DAY), redeemed(DAY, 1).taken, {})
    assert not expects_entry(held)
    assert not expects_entry(LotsReleased(at(DAY), DAY, (), {}))
