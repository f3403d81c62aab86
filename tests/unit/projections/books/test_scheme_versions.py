"""Versions of the posting scheme: what version 2 posts otherwise, and that version 1 posts what it always did."""

from collections import defaultdict
from datetime import date
from typing import Any

import pytest

from ledger.account.events import (
    AccountEvent,
    Accrual,
    LotMove,
    LotPoints,
    PointsAccrued,
    PointsAdjusted,
    PurchaseRepriced,
    PurchaseReturned,
    RedemptionReversed,
)
from ledger.bookkeeping.events import Funder, SettingsSet, Supplier
from projections.books.entries import Entry
from tests.bookkeeper import Bookkeeper, at, bought, expired, redeemed, settings

JANUARY, FEBRUARY, MARCH = date(2026, 1, 10), date(2026, 2, 10), date(2026, 3, 10)


def everything() -> list[list[AccountEvent]]:
    """Return two months in which everything happens that versions differ in."""
    return [
        [
            bought(JANUARY, 10_001, 1_000),
            bought(JANUARY, 0, 500, 2, funding="bakery"),
            redeemed(JANUARY, 301, 1, "airline"),
            redeemed(JANUARY, 99, 2, "airline"),
            redeemed(JANUARY, 50, 1),
            given_back(JANUARY, 301, 101),
            repriced(JANUARY, Accrual(3, "points", 333, JANUARY, kind="bonus")),
            PurchaseReturned(
                "till",
                "b1",
                "till",
                "t1",
                at(JANUARY),
                JANUARY,
                "broken",
                1_000,
                "JPY",
                1,
                taken=(LotMove(1, "points", 100),),
                accruals=(Accrual(4, "points", 7, JANUARY),),
            ),
            PointsAccrued("desk", "a1", at(JANUARY), JANUARY, "welcome", (Accrual(5, "points", 40, JANUARY),), {}),
            PointsAdjusted(
                "desk",
                "d1",
                at(JANUARY),
                JANUARY,
                "correction",
                "",
                "points",
                -11,
                {},
                taken=(LotMove(5, "points", 11),),
            ),
            expired(JANUARY, 9, 5),
        ],
        [given_back(FEBRUARY, 301, 200), bought(FEBRUARY, 500, 70, 6), redeemed(FEBRUARY, 33, 6, "airline")],
    ]


def given_back(day: date, redeemed_points: int, points: int, lot: int = 1) -> RedemptionReversed:
    """Return the reversal of a part of a redemption."""
    lots = (LotPoints(lot, points),)
    return RedemptionReversed("desk", f"r{redeemed_points}", at(day), day, "regret", "points", points, lots, {})


def repriced(day: date, *accruals: Accrual) -> PurchaseRepriced:
    """Return what sale t1 earns more, because something arrived late."""
    return PurchaseRepriced("till", "t1", at(day), day, "t0", (), accruals=accruals)


def terms(**changes: Any) -> SettingsSet:
    """Return settings with a supplier and a funder that pays at redemption, at rates that have to be rounded."""
    fields: dict[str, Any] = {
        "point_value_minor": "0.7",
        "suppliers": (Supplier("airline", "agent", "0.333"),),
        "funders": (Funder("bakery", "0.6", "0.3", 3, "0.111"),),
    }
    return settings(**fields | changes)


def moved(entry: Entry) -> dict[str, int]:
    """Return what an entry moves per account of money."""
    sums: dict[str, int] = defaultdict(int)
    for one in entry.postings:
        if not one.is_points:
            sums[one.account] += one.amount
    return {account: amount for account, amount in sums.items() if amount}


def of_kind(entries: list[Entry], kind: str) -> list[dict[str, int]]:
    """Return what the entries of a kind of event move."""
    return [moved(one) for one in entries if one.kind == f"account.{kind}.v1"]


def test_version_1_posts_what_it_always_did() -> None:
    """The hashes are those that the months were closed with when there was no other version."""
    books = Bookkeeper(terms(), scheme_version=1)
    closed = [books.close(*month) for month in everything()]
    assert [(one.journal_hash, one.entry_count, one.scheme_version) for one in closed] == [
        ("557d5fd5c5f14aa00607a40d4482e6b91f9a48b5c807a396feb4e995c8653b05", 13, 1),
        ("caaf43d180f42fdab0dd62ca0f95877561dc55a66466351016ff328b24434d3b", 4, 1),
    ]


def test_a_month_goes_on_from_one_of_another_version() -> None:
    """Closed by version 1 or 2, a month is followed by one of version 2 in which a reversal undoes what was posted."""
    for version in (1, 2):
        books = Bookkeeper(terms(), scheme_version=version)
        first, second = everything()
        books.close(*first)
        (redemption, _, _) = of_kind(books.entries, "points_redeemed")
        (part,) = of_kind(books.entries, "redemption_reversed")
        books.scheme_version = 2
        books.close(*second)
        (rest,) = of_kind(books.entries, "redemption_reversed")
        back = {name: -part.get(name, 0) - rest.get(name, 0) for name in redemption}
        assert back["2100"] == redemption["2100"]
        assert version == 1 or back == redemption


@pytest.mark.parametrize("role", ["agent", "principal"])
@pytest.mark.parametrize("lot", [1, 2])
def test_a_reversal_at_a_supplier_mirrors_the_entry(role: str, lot: int) -> None:
    """
    In parts and months later, whatever was redeemed between and whatever the rate is by then: line by line, the same
    amounts with the other sign. Rounding of the whole is made good at the end of the month.
    """
    old = terms(suppliers=(Supplier("airline", role, "0.333"),))
    new = terms(suppliers=(Supplier("airline", role, "0.75"),), effective_on=date(2026, 3, 1))
    books = Bookkeeper(old, new)
    books.close(bought(JANUARY, 10_001, 1_000), bought(JANUARY, 0, 500, 2, funding="bakery"))
    books.close(*[redeemed(FEBRUARY, points, lot, "airline") for points in (1, 101, 2, 7)])
    first = {name: -amount for name, amount in of_kind(books.entries, "points_redeemed")[1].items()}
    assert "2100" in first
    books.books.estimates["2026-01/own/points"] = 150
    books.close(
        redeemed(MARCH, 3, lot, "airline"),
        given_back(MARCH, 101, 50, lot),
        redeemed(MARCH, 4, lot, "airline"),
        given_back(MARCH, 101, 51, lot),
    )
    parts = of_kind(books.entries, "redemption_reversed")
    assert {name: sum(part.get(name, 0) for part in parts) for name in first} == first
    assert books.before
    # What is owed in the end is what the rates make of the points: 10 at the old one and 7 at the new.
    assert books.before.balances_minor["2100"] == -round(10 * 0.333 + 7 * 0.75)
    assert books.before.owed["airline"] == "8.580"
    for part in range(2):
        assert all(0 <= one.released_minor[part] <= one.allocated_minor[part] for one in books.before.cohorts)


def test_a_reversal_has_the_lines_of_the_entry() -> None:
    """Account by account, with cohort and partner, in the same order, when all of it is given back at once."""
    books = Bookkeeper(terms())
    books.close(bought(JANUARY, 0, 500, 2, funding="bakery"), redeemed(JANUARY, 101, 2, "airline"))
    (there,) = [one for one in books.entries if one.kind == "account.points_redeemed.v1"]
    books.close(given_back(FEBRUARY, 101, 101, 2))
    (back,) = [one for one in books.entries if one.kind == "account.redemption_reversed.v1"]
    told = [(one.account, -one.amount, one.cohort, -one.points, one.partner) for one in back.postings[2:]]
    assert told == [(one.account, one.amount, one.cohort, one.points, one.partner) for one in there.postings[2:]]
    assert back.description == "Reversal of redemption r101"


def test_points_earned_later_get_their_part_of_the_price() -> None:
    """
    As if they had come with the sale: 10,000 for goods, with 1,000 points worth 1,900 and 500 that come later.

    They get 10,000 x 950 / (10,000 + 1,900 + 950) = 739.30. At their selling price alone it would be 950.
    """
    price = settings(point_value_minor="2")
    for version, expected in ((1, 950), (2, 739)):
        books = Bookkeeper(price, scheme_version=version)
        books.close(bought(JANUARY, 10_000, 1_000), repriced(JANUARY, Accrual(2, "points", 500, JANUARY)))
        assert of_kind(books.entries, "purchase_repriced") == [{"2000": -expected, "4000": expected}]


def test_the_prices_of_the_day_of_the_sale_count() -> None:
    """Also where points cost more by the time that something arrives late; partners pay for theirs as ever."""
    later = settings(effective_on=date(2026, 2, 1), point_value_minor="9", funders=(Funder("bakery", "0.5"),))
    books = Bookkeeper(settings(point_value_minor="2"), later)
    books.close(bought(JANUARY, 10_000, 1_000))
    books.close(
        repriced(FEBRUARY, Accrual(2, "points", 500, FEBRUARY), Accrual(3, "points", 100, FEBRUARY, funding="bakery"))
    )
    assert of_kind(books.entries, "purchase_repriced") == [{"2000": -739, "4000": 739, "1110": 50, "2010": -50}]
