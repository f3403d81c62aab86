"""Roll-forwards in another currency: published ones by configuration, and what holds of every one."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ledger.account.events import AccountEvent, Accrual, PointsAdjusted, PurchasePosted
from ledger.bookkeeping.events import Funder
from ledger.errors import InvalidInput
from ledger.money import UnknownCurrency
from projections.books.reports import Figures, RollForward, rolled
from projections.books.translation import rates_of, translated
from tests.bookkeeper import Bookkeeper, at, bought, redeemed, settings

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[3] / "golden/accounting.json").read_text())
AIR_MILES = GOLDEN["air_miles_usd_thousand"]


class Year(NamedTuple):
    """What AIR MILES booked in Canadian cents, so that it comes to what was published in US dollars."""

    rates: tuple[str, str, str]
    service: tuple[int, int, int]
    """Issued, recognised, other."""
    redemption: tuple[int, int, int]


OPENING = {"service": 32_060_282_575, "redemption": 87_892_203_035}
YEARS = {
    "2010": Year(
        ("0.9555", "0.9757205548", "1.0082113361"),
        (19_206_113_787, 17_591_512_155, 0),
        (51_395_248_110, 52_414_187_390, 581_416_469),
    ),
    "2011": Year(
        ("1.0082113361", "1.0110155273", "0.9854059257"),
        (21_772_959_372, 19_018_896_823, 0),
        (57_081_022_439, 56_626_133_283, 121_462_032),
    ),
    "2012": Year(
        ("0.9854059257", "1.0052660897", "1.0126559641"),
        (21_563_643_917, 20_466_223_034, 0),
        (56_745_075_343, 59_056_901_062, 99_476_150),
    ),
}
"""The filings tell rates only as charts; these follow from their rows, and are close to the Bank of Canada's."""


def test_the_roll_forward_of_air_miles_in_us_dollars() -> None:
    """
    Three years of deferred revenue, kept in Canadian dollars and told in thousands of US dollars: every published cell,
    the effect of translation too. A year is a month here, and a mile a cent.
    """
    books = Bookkeeper(
        settings(currency="CAD", redemption_rate="1", funders=(Funder("service", "1"), Funder("redemption", "1")))
    )
    elements = [Element(name, cents, first_lot) for first_lot, (name, cents) in enumerate(OPENING.items())]
    before = books.close(*[one.lots[0].sale(day_of(books)) for one in elements])
    for year, booked in YEARS.items():
        events = [event for one in elements for event in one.year_of(day_of(books), *getattr(booked, one.name))]
        after = books.close(*events)
        told = translated(rolled(before, after, "CAD", is_closed=True), rates_of("USD", *booked.rates))
        before = after
        cells = {line.cohort.partition("/")[0]: thousands(line.value_minor) for line in told.by_funding}
        assert cells == {name: AIR_MILES[year][name] for name in cells}, year
        assert [sum(column) for column in zip(*cells.values(), strict=True)] == AIR_MILES[year]["total"], year


@dataclass
class Lot:
    """Miles of one year."""

    number: int
    funding: str
    left: int

    def sale(self, day: date) -> PurchasePosted:
        """Sell them to a sponsor."""
        return bought(day, 0, self.left, self.number, funding=self.funding)


class Element:
    """Service or redemption: miles that are sold, and recognised the oldest first."""

    def __init__(self, name: str, opening: int, first_lot: int) -> None:
        self.name = name
        self.lots = [Lot(first_lot + 1, name, opening)]
        self._next = first_lot + 11

    def year_of(self, day: date, issued: int, recognised: int, other: int) -> Iterator[AccountEvent]:
        """Give what happens in a year."""
        self.lots.append(Lot(self._next, self.name, issued))
        yield self.lots[-1].sale(day)
        for lot in self.lots:
            points = min(lot.left, recognised)
            if points:
                yield redeemed(day, points, lot.number)
            lot.left, recognised = lot.left - points, recognised - points
        if other:
            accrual = Accrual(self._next + 5, "points", other, day, funding=self.name)
            yield PointsAdjusted("desk", "other", at(day), day, "other", "", "points", other, {}, accruals=(accrual,))
        self._next += 10


def day_of(books: Bookkeeper) -> date:
    """Return a day of the month that is open."""
    return date.fromisoformat(f"{books.period}-10")


def thousands(figures: Figures) -> list[int]:
    """Return the cells of a published row, in thousands of dollars."""
    moved = figures.movements
    columns = [moved.get(name, 0) for name in ("issued", "redeemed", "adjusted", "translation")]
    return [round(Decimal(minor) / 100_000) for minor in (figures.opening, *columns, figures.closing)]


def rolled_forward() -> tuple[RollForward, RollForward]:
    """Return two months of two cohorts, in yen."""
    books = Bookkeeper(settings())
    first = books.close(bought(date(2026, 1, 10), 10_001, 1_000), redeemed(date(2026, 1, 20), 301))
    second = books.close(bought(date(2026, 2, 10), 333, 77, 2), redeemed(date(2026, 2, 20), 98))
    return rolled(None, first, "JPY", is_closed=True), rolled(first, second, "JPY", is_closed=True)


def test_lines_and_sums_add_up() -> None:
    """Across with the translation, down over the cohorts; a month begins with what the one before ended with."""
    first, second = rolled_forward()
    told = translated(second, rates_of("EUR", "0.0061", "0.00605", "0.0059"))
    before = translated(first, rates_of("EUR", "0.0063", "0.0062", "0.0061"))
    assert told.currency == "EUR"
    assert told.translation is not None
    assert (told.translation.from_currency, told.translation.average_rate) == ("JPY", "0.00605")
    for line in (*told.cohorts, *told.by_funding):
        for figures in (line.value_minor, line.service_minor):
            assert figures.opening + sum(figures.movements.values()) == figures.closing
    (whole,) = told.by_funding
    assert whole.value_minor.closing == sum(line.value_minor.closing for line in told.cohorts)
    assert whole.value_minor.opening == before.by_funding[0].value_minor.closing
    assert whole.points == second.by_funding[0].points
    # A yen has no cents: 666 yen at 0.0059 are 3.93 euros.
    closing = second.cohorts[0].value_minor.closing
    assert told.cohorts[0].value_minor.closing == round(closing * Decimal("0.59"))


def test_the_same_currency_at_rate_1_is_the_same() -> None:
    """And has no difference."""
    _, second = rolled_forward()
    told = translated(second, rates_of("JPY", "1", "1", "1"))
    assert (told.cohorts, told.by_funding) == (second.cohorts, second.by_funding)


@pytest.mark.parametrize("rate", ["0", "-1", "x", "NaN", "Infinity", "1e12", "0.0000000000001", ""])
def test_what_is_no_rate_is_refused(rate: str) -> None:
    """Each at its own place."""
    for place, name in enumerate(("opening", "average", "closing")):
        texts = ["1", "1", "1"]
        texts[place] = rate
        with pytest.raises(InvalidInput) as refused:
            rates_of("EUR", *texts)
        assert refused.value.pointer == f"/{name}_rate"
    with pytest.raises(UnknownCurrency):
        rates_of("XXX", "1", "1", "1")
