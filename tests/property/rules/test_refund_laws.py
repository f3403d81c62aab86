"""What is refunded leaves nothing behind."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ledger.account.activity import available_points
from ledger.account.events import PurchaseReturned
from ledger.program.state import Program
from tests.property.rules.histories import FIRST, key_of, purchases
from tests.property.rules.order_programs import BASE, PROGRAMS, caps, ladder, terms
from tests.property.rules.till import STARTED, Happening, Till, program, rule

LAWS = settings(max_examples=30, derandomize=True, database=None, deadline=None)
AMOUNT = {"var": "transaction_amount"}
SPEND = {"code": "spend", "of": "spend"}


def lasting(club: Program) -> Program:
    """
    Return a program whose points do not lapse.

    A refund may take the points of another purchase, where its own are spent. If those come back and lapse before that
    other purchase is refunded too, they are owed: who let points lapse does not have them to give back.
    """
    currencies = [
        [replace(one, expiry_months=None) for one in version.terms.point_currencies] for version in club.versions
    ]
    versions = [
        replace(version, terms=replace(version.terms, point_currencies=tuple(kept)))
        for version, kept in zip(club.versions, currencies, strict=True)
    ]
    return replace(club, versions=versions)


REFUNDED = {
    **{name: lasting(club) for name, club in PROGRAMS.items()},
    "budgets": lasting(
        program(
            (STARTED, terms(rule(AMOUNT, budget_points=300), rule(50, rule_id="fix", kind="bonus", budget_points=120)))
        )
    ),
    "rollover": lasting(
        program(
            (
                STARTED,
                terms(
                    rule(AMOUNT),
                    rule(
                        {"*": [BASE, {"var": ["benefit_times", 1]}]}, rule_id="tier", kind="bonus", caps=caps(year=300)
                    ),
                    ladders=[
                        {**ladder(SPEND, "0", "100", "200"), "rollover": {"counter": "spend", "maximum": 20000}},
                    ],
                ),
            )
        )
    ),
}
STEPWISE: Program = program(
    (
        STARTED,
        terms(
            rule({"*": [AMOUNT, 2]}, caps=caps(day=150)),
            rule(
                {"*": [{"var": "line_amount"}, 3]},
                {"==": [{"var": "line_category"}, "food"]},
                rule_id="food",
                per="line",
            ),
            rule(BASE, rule_id="again", kind="bonus"),
            ladders=[ladder(SPEND, "0", "60")],
        ),
    )
)
"""Whole units of money earn whole points, so that nothing is rounded."""


def refund(sale: Happening, name: str, days: int = 30, **part: Any) -> Happening:
    """Return a refund of a purchase, or of a part of it."""
    at = datetime.fromisoformat(sale["occurred_at"]) + timedelta(days=days)
    return {"kind": "return", "return_id": name, "occurred_at": at.isoformat(), "of": key_of(sale), **part}


def nothing_is_left(till: Till) -> None:
    """Hold an account to be like that of somebody who never bought anything."""
    account = till.account
    assert till.net_points() == {}
    assert [(book.balance_points, book.lots, book.debts) for book in account.books.values()] == [(0, {}, {})] * len(
        account.books
    )
    assert (account.capped_points, account.counters, account.spent_minor) == ({}, {}, 0)
    assert till.tiers() == Till(till.program).tiers()
    assert till.budgets is None or till.budgets.drawn_points == {}


LATER = (FIRST + timedelta(days=9)).isoformat()


@st.composite
def parts(draw: st.DrawFn, sale: Happening, number: int) -> list[Happening]:
    """Draw the refunds that together are everything of a purchase."""
    days = draw(st.sampled_from([0, 1, 40, 400]))
    cents = round(float(sale["amount"]) * 100)
    whole = [refund(sale, f"{number}-all", days + 2)]
    chosen = draw(st.sampled_from(["all", "amount", "lines"]))
    if chosen == "amount" and cents:
        part = draw(st.integers(0, cents - 1))
        return [refund(sale, f"{number}-part", days, amount=f"{part / 100:.2f}"), *whole]
    if chosen == "lines" and "lines" in sale and cents >= 800:
        return [refund(sale, f"{number}-a", days, lines=[{"line": "a", "quantity": "1"}]), *whole]
    return whole


@st.composite
def interleaved(draw: st.DrawFn, queues: list[list[Happening]]) -> list[Happening]:
    """Draw an order of everything that keeps the order within each queue."""
    turns = draw(st.permutations([number for number, queue in enumerate(queues) for _ in queue]))
    waiting = [iter(queue) for queue in queues]
    return [next(waiting[number]) for number in turns]


@st.composite
def spendings(draw: st.DrawFn, till: Till, at: datetime) -> list[Happening]:
    """Draw redemptions of a good part of what there is; each is booked."""
    made: list[Happening] = []
    for number in range(draw(st.integers(0, 2))):
        points = available_points(till.account, "points", at.date()) * draw(st.integers(1, 4)) // 4
        if points:
            spent = {"kind": "redemption", "redemption_id": f"x{number}", "occurred_at": at.isoformat()}
            made.append(spent | {"points": points})
            till.book(made[-1])
    return made


@pytest.mark.parametrize("name", REFUNDED)
@given(data=st.data())
@LAWS
def test_a_member_who_brings_everything_back_is_as_if_nothing_had_been_bought(name: str, data: st.DataObject) -> None:
    """In any order, in parts or at once, with points spent meanwhile and given back sooner or later."""
    sold = data.draw(purchases())
    till = Till(REFUNDED[name])
    for sale in sold:
        till.book(sale)
    last = max(datetime.fromisoformat(sale["occurred_at"]) for sale in sold)
    spent = data.draw(spendings(till, last))
    queues = [data.draw(parts(sale, number)) for number, sale in enumerate(sold)]
    at = (last + timedelta(days=5)).isoformat()
    queues += [[{"kind": "reversal", "of": one["redemption_id"], "occurred_at": at}] for one in spent]
    for one in data.draw(interleaved(queues)):
        till.book(one)
    nothing_is_left(till)


@pytest.mark.parametrize("name", REFUNDED)
@given(data=st.data())
@LAWS
def test_a_refund_never_takes_back_more_than_was_earned(name: str, data: st.DataObject) -> None:
    """Every rule gives from nothing to what it gave; what lots lose, is owed or is forgiven is the difference."""
    sold = data.draw(purchases())
    till = Till(REFUNDED[name])
    for sale in sold:
        till.book(sale)
    data.draw(spendings(till, max(datetime.fromisoformat(sale["occurred_at"]) for sale in sold)))
    for number, sale in enumerate(sold):
        for part in data.draw(parts(sale, number)):
            before = till.account.balances()
            seen = len(till.events)
            till.book(part)
            event = next(one for one in till.events[seen:] if isinstance(one, PurchaseReturned))
            assert all(change.after_points >= 0 for change in event.changes)
            less = Counter[str]()
            for change in event.changes:
                less[change.point_currency] += change.before_points - change.after_points
            gone = Counter[str](event.debts) + Counter(event.written_off)
            for move in event.taken:
                gone[move.point_currency] += move.points
            for one in event.accruals:
                gone[one.point_currency] -= one.points
            assert {code: points for code, points in less.items() if points} == {
                code: points for code, points in gone.items() if points
            }
            after = event.balances
            assert all(before.get(code, 0) - after.get(code, 0) == less[code] for code in after)


baskets = st.lists(
    st.tuples(st.integers(1, 5), st.integers(1, 9), st.sampled_from(["food", "other"])), min_size=1, max_size=4
)


@given(data=st.data(), baskets=st.lists(baskets, min_size=1, max_size=3), is_spent=st.booleans())
@settings(LAWS, max_examples=150)
def test_two_refunds_come_to_the_same_as_one(
    data: st.DataObject, baskets: list[list[tuple[int, int, str]]], *, is_spent: bool
) -> None:
    """Where nothing is rounded, the points are those of what is left, however it was brought back."""
    sold = [basket(number, lines) for number, lines in enumerate(baskets)]
    twice, once = Till(STEPWISE), Till(STEPWISE)
    for sale in sold:
        twice.book(sale)
        once.book(sale)
        if is_spent:
            for till in (once, twice):
                points = available_points(till.account, "points", FIRST.date()) // 2
                spent = {"kind": "redemption", "redemption_id": sale["transaction_id"], "occurred_at": LATER}
                till.book(spent | {"points": points})
    sale = data.draw(st.sampled_from(sold))
    first, second = [], []
    for line in sale["lines"]:
        pieces = int(line["quantity"])
        one = data.draw(st.integers(0, pieces))
        first.append((line["line"], one))
        second.append((line["line"], data.draw(st.integers(0, pieces - one))))
    both = [(line, one + two) for (line, one), (_, two) in zip(first, second, strict=True)]
    for till, name, counts in ((once, "both", both), (twice, "first", first), (twice, "second", second)):
        # A refund that names no lines would be of everything.
        if lines := pieces_of(counts):
            till.book(refund(sale, name, lines=lines))
    assert once.books() == twice.books()
    assert once.lots() == twice.lots()
    assert once.book_of("points").owed_points == twice.book_of("points").owed_points


def basket(number: int, lines: list[tuple[int, int, str]]) -> Happening:
    """Return a purchase of pieces, each at a price."""
    made = [
        {"line": f"{place}", "quantity": f"{pieces}", "amount": f"{pieces * price}", "category": category}
        for place, (pieces, price, category) in enumerate(lines)
    ]
    amount = sum(pieces * price for pieces, price, _ in lines)
    at = (FIRST + timedelta(hours=number)).isoformat()
    return {
        "kind": "purchase",
        "source": "s",
        "transaction_id": f"p{number}",
        "occurred_at": at,
        "amount": f"{amount}",
        "lines": made,
    }


def pieces_of(counts: list[tuple[str, int]]) -> list[Happening]:
    """Return the lines of a refund."""
    return [{"line": line, "quantity": f"{pieces}"} for line, pieces in counts if pieces]
