from datetime import date

import msgspec
import pytest

from ledger.account.books import Book, Lot
from ledger.account.commands import HoldPoints, ReturnPurchase
from ledger.account.decide import decide
from ledger.account.errors import InvalidExpiry
from ledger.account.events import Accrual, Count, LotMove, PurchasePosted, RuleChange
from ledger.account.evolve import evolve
from ledger.account.state import Account
from ledger.streams import ACCOUNT
from tests.spec import spec
from tests.unit.ledger.account.facts import NOON, OPENED, TODAY, accrued, lot, redeem, redeemed, reverse, was_reversed

APRIL, MAY = date(2026, 4, 30), date(2026, 5, 31)

story = spec(ACCOUNT).given(
    OPENED,
    accrued(lot(1, 50, expires_on=MAY), lot(2, 70, "miles", available_from=APRIL), lot(3, 30)),
    redeemed(redeem(60), {1: 50, 3: 10}, {"points": 20, "miles": 70}),
    redeemed(redeem(5, "r2"), {3: 5}, {"points": 15, "miles": 70}),
    was_reversed(reverse(), {1: 50, 3: 10}, {"points": 75, "miles": 70}),
)


def test_a_book_counts_everything_that_moved_its_lots() -> None:
    """What is left is what was accrued, less what was redeemed, plus what came back."""
    book = story.state().books["points"]
    assert (
        book.accrued_points,
        book.redeemed_points,
        book.reversed_points,
        book.balance_points,
    ) == (80, 65, 60, 75)
    assert book.balance_points == sum(lot.points for lot in book.lots.values())


def test_the_account_tells_the_balance_of_every_book() -> None:
    """One entry per point currency it ever held."""
    account: Account = story.state()
    assert account.balances() == {"points": 75, "miles": 70}
    assert account.balances() == {code: book.balance_points for code, book in account.books.items()}


def test_available_points_depend_on_the_day_asked_about() -> None:
    """A lot counts from the day it is available until the day before it expires."""
    books = story.state().books
    assert tuple(books["points"].available_points(on) for on in (TODAY, APRIL, MAY)) == (75, 75, 25)
    assert tuple(books["miles"].available_points(on) for on in (TODAY, APRIL, MAY)) == (0, 70, 70)
    assert Book().available_points(TODAY) == 0


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (date(2024, 2, 28), False),
        (date(2024, 2, 29), True),
        (date(2025, 2, 27), True),
        (date(2025, 2, 28), False),
        (date.min, False),
        (date.max, False),
    ],
)
def test_a_lot_is_available_in_a_half_open_period(on: date, *, expected: bool) -> None:
    """The first day is in, the expiry date is out."""
    assert expected is Lot(1, 1, date(2024, 1, 1), date(2024, 2, 29), date(2025, 2, 28)).is_available(on)


def test_a_redemption_remembers_what_it_took() -> None:
    """With the dates of the lots, so that they can come back after they are gone; what came back is forgotten."""
    redemptions = story.state().redemptions
    assert [Lot(3, 5, TODAY, TODAY, None)] == redemptions["r2"].taken
    assert not redemptions["r2"].is_reversed
    assert redemptions["r1"].taken == []
    assert (redemptions["r1"].points, redemptions["r1"].reversed_points) == (60, 60)
    assert redemptions["r1"].is_reversed


def test_accounts_share_nothing() -> None:
    """Two folds of the same facts do not see each other's changes."""
    first, second = story.state(), story.state()
    before = msgspec.json.encode(second)
    command = redeem(75, "r3")
    evolve(first, redeemed(command, {1: 50, 3: 25}, {"points": 0, "miles": 70}))
    evolve(first, was_reversed(reverse("r2"), {3: 5}, {"points": 5, "miles": 70}))
    assert before == msgspec.json.encode(second)


def test_an_opening_in_the_middle_changes_nothing() -> None:
    """A fold takes every recorded fact, also one that the decider would not have let through."""
    assert story.state() == story.given(OPENED).state()


def test_an_account_begins_with_its_opening() -> None:
    """Anything else at the front is a damaged stream, and is not read as if it were none."""
    with pytest.raises(AssertionError):
        evolve(None, accrued(lot(1, 1)))


def test_what_is_no_command_or_event_is_a_bug_and_not_a_refusal() -> None:
    """The type checker sees to it that nobody asks."""
    account: Account = story.state()
    with pytest.raises(KeyError, match="object"):
        decide(account, object())  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="unreachable"):
        evolve(account, object())  # type: ignore[arg-type]


def test_what_is_given_back_leaves_no_trace_in_caps_and_counters() -> None:
    """A rule that gives nothing any more, and a counter at zero, are as if they had never been."""
    counts = (Count("status:spend", "2026", 1250),)
    bought = PurchasePosted(
        "store-330",
        "t1",
        NOON,
        TODAY,
        1250,
        "EUR",
        1,
        (Accrual(1, "points", 12, TODAY, rule="spring", cap_periods=("2026-03", "2026")),),
        {"points": 12},
        counts=counts,
    )
    earned = spec(ACCOUNT).given(OPENED, bought)
    assert earned.state().capped_points == {"spring": {"2026-03": 12, "2026": 12}}
    assert earned.state().counters == {"status:spend": {"2026": 1250}}
    command = ReturnPurchase(
        "store-330",
        "x1",
        "store-330",
        "t1",
        NOON,
        TODAY,
        "too small",
        1250,
        "EUR",
        1,
        (),
        (RuleChange("spring", "points", 12, 0, ("2026-03", "2026")),),
        (LotMove(1, "points", 12),),
        {},
        (),
        (Count("status:spend", "2026", -1250),),
        "negative",
    )
    (returned,) = decide(earned.state(), command)
    undone = earned.given(returned).state()
    assert (undone.capped_points, undone.counters, undone.spent_minor) == ({}, {}, 0)


def test_a_hold_must_end_after_it_begins() -> None:
    """One that ends at once would reserve nothing."""
    command = HoldPoints("shop", "h", NOON, TODAY, "points", 5, NOON)
    story.when(command).refuses(InvalidExpiry, pointer="/expires_at")
