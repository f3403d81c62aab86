"""Examples that the standards and companies published, by configuration alone."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ledger.bookkeeping.events import Funder, Supplier
from projections.books.rollforward import Row, roll, total
from tests.bookkeeper import Bookkeeper, bought, expired, redeemed, settings

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[3] / "golden/accounting.json").read_text())
JANUARY, FEBRUARY, MARCH = date(2026, 1, 10), date(2026, 2, 10), date(2026, 3, 10)
COHORT = "2026-01/own/points"


def test_example_52_of_ifrs_15() -> None:
    """IE267-IE270: 100,000 of sales with 10,000 points, of which 9,500, later 9,700 will be redeemed."""
    golden, books = GOLDEN["ifrs15_ie52"], Bookkeeper(settings())
    books.close(bought(JANUARY, 100_000, 10_000), redeemed(JANUARY, 4_500))
    assert books.moved() == {
        "1000": 100_000,
        "2000": -golden["liab_y1"],
        "4000": -golden["products"],
        "4100": -golden["rev_y1"],
    }
    books.books.estimates[COHORT] = 9_700
    books.close(redeemed(FEBRUARY, 4_000))
    assert books.moved() == {"2000": golden["rev_y2"], "4100": -golden["rev_y2"]}
    assert books.before
    assert books.before.balances_minor["2000"] == -golden["liab_y2"]
    assert [entry.description for entry in books.entries][-1] == "Change of estimate"
    books.close(redeemed(MARCH, 600), expired(MARCH, 900))
    assert books.moved() == {"2000": 1_073, "4100": -536, "4110": -537}


def test_many_small_sales_come_out_like_one_large_one() -> None:
    """A thousand sales of 100: amounts are rounded on the cumulative figure, so that rounding does not drift."""
    golden, books = GOLDEN["ifrs15_ie52"], Bookkeeper(settings())
    books.close(
        *[bought(JANUARY, 100, 10, lot) for lot in range(1, 1001)], *[redeemed(JANUARY, 10, n) for n in range(1, 451)]
    )
    assert books.moved()["4000"] == -golden["products"]
    assert books.moved()["4100"] == -golden["rev_y1"]


@pytest.mark.parametrize("year", ["2010", "2011", "2012"])
def test_the_roll_forward_of_air_miles(year: str) -> None:
    """Deferred revenue with its service and redemption elements; years follow each other."""
    golden = GOLDEN["air_miles_usd_thousand"]
    columns = ("issued", "redeemed", "other", "translation")

    def row(element: str) -> Row:
        opening, issued, recognised, other, translation, _ = golden[year][element]
        # What is recognised leaves, and is printed below zero.
        return Row(element, opening, dict(zip(columns, (issued, -recognised, other, translation), strict=True)))

    service, redemption = row("service"), row("redemption")
    assert [service.closing, redemption.closing] == [golden[year]["service"][-1], golden[year]["redemption"][-1]]
    both = total("total", [service, redemption])
    assert [both.opening, *both.signed.values(), both.closing] == golden[year]["total"]
    if following := golden.get(str(int(year) + 1)):
        assert both.closing == following["total"][0]


def test_points_sold_to_a_partner_with_service_over_their_life() -> None:
    """As AIR MILES: the redemption element waits for redemption, the service is rendered over 42 months."""
    funder = Funder("bakery", "0.70", "0.42", 42)
    books = Bookkeeper(settings(redemption_rate="0.72", funders=(funder,)))
    first = books.close(bought(JANUARY, 500, 1_000, funding="bakery"))
    assert books.moved() == {"1000": 500, "1110": 1_120, "2010": -700, "2030": -410, "4000": -500, "4200": -10}
    second = books.close(redeemed(FEBRUARY, 360))
    assert books.moved() == {"2010": 350, "2030": 10, "4100": -350, "4200": -10}
    (line,) = roll(first.cohorts, second.cohorts)
    assert (line.value.opening, line.value.signed, line.value.closing) == (700, {"redeemed": -350}, 350)
    assert (line.service.opening, line.service.signed, line.service.closing) == (410, {"service_rendered": -10}, 400)
    for _ in range(41):
        last = books.close()
    assert "2030" not in last.balances_minor


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("principal", {"2000": 800, "2100": -600, "4100": -800, "5000": 600}),
        ("agent", {"2000": 800, "2100": -600, "4200": -200}),
    ],
)
def test_principal_and_agent(role: str, expected: dict[str, int]) -> None:
    """IFRS 15.B34-B38: a principal shows revenue and cost, an agent its margin; the liability ends the same."""
    books = Bookkeeper(settings(redemption_rate="1", suppliers=(Supplier("airline", role, "0.6"),)))
    books.close(bought(JANUARY, 4_000, 1_000))
    assert books.moved()["2000"] == -800
    books.close(redeemed(FEBRUARY, 1_000, source="airline"))
    assert books.moved() == expected


def test_a_loyalty_program_of_the_us_standard() -> None:
    """ASC 606-10-55-353..356 has the figures of example 52; with the remote method they wait for expiry."""
    books = Bookkeeper(settings(expiry_method="remote"))
    books.close(bought(JANUARY, 100_000, 10_000), redeemed(JANUARY, 4_500))
    assert books.moved()["4100"] == -3_904  # 8,676 x 4,500 / 10,000
    books.close(expired(FEBRUARY, 500))
    assert books.moved() == {"2000": 434, "4110": -434}
    books.close(redeemed(MARCH, 5_000))
    assert books.moved() == {"2000": 4_338, "4100": -4_338}


def test_gift_cards_of_the_standard() -> None:
    """IFRS 15.B44-B47 as commonly shown: 1,000 of cards sold, 10 % breakage, 450 redeemed: 500 are recognised."""
    cards = settings(redemption_rate="0.9", funders=(Funder("cards", "1"),))
    books = Bookkeeper(cards)
    books.close(bought(JANUARY, 0, 1_000, funding="cards"), redeemed(JANUARY, 450))
    assert books.moved() == {"1110": 1_000, "2010": -500, "4100": -500}


def test_settings_hold_from_their_date() -> None:
    """A later price is for later points; what was allocated stays."""
    later = settings(effective_on=date(2026, 2, 1), point_value_minor="2", redemption_rate="1")
    books = Bookkeeper(settings(redemption_rate="1"), later)
    books.close(bought(JANUARY, 900, 100))
    assert books.moved()["2000"] == -90
    books.close(bought(FEBRUARY, 800, 100, 2))
    assert books.moved()["2000"] == -160
