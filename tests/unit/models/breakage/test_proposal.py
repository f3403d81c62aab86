"""Proposals: rates per vintage in exact digits, the same from the same history."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from ledger.errors import InvalidInput
from models.breakage import History, cumulative, propose
from models.breakage.triangle import issued

RATES = [10, 20, 15, 10, 5, 2, 1]
"""Per cent of a vintage that are redeemed at an age of so many months."""


def month(number: int) -> date:
    """Return the first day of a month; 0 is January 2025."""
    return date(2025 + number // 12, number % 12 + 1, 1)


def history(months: int = 10, *, points: int = 10_000) -> History:
    """Return a history in which every month issues the same and redeems by the same curve; one more month began."""
    moved = []
    for vintage in range(months + 1):
        moved += [(month(vintage), month(vintage), "issued", points + 500)]
        moved += [(month(vintage), month(vintage), "clawed_back", 500)]
        for age, rate in enumerate(RATES):
            if vintage + age <= months:
                moved.append((month(vintage), month(vintage + age), "redeemed", points * rate // 100 + 7))
                moved.append((month(vintage), month(vintage + age), "redemption_reversed", 7))
    return History("demo", "points", ("0:1000",), month(months).replace(day=12), tuple(moved))


def test_triangle_is_net_and_whole() -> None:
    """Reversals and what was taken back are subtracted; the month that is not over does not count."""
    found = history()
    last = found.last_whole_month
    assert last == month(9)
    assert list(issued(found, last)) == [10_000] * 10
    triangle = cumulative(found, last)
    assert triangle.shape == (10, 10)
    assert list(triangle.iloc[0, :4]) == [1000, 3000, 4500, 5500]
    assert [int(row.notna().sum()) for _, row in triangle.iterrows()] == list(range(10, 0, -1))
    assert str(triangle.index[0]) == "2025-01"


def test_every_vintage_gets_its_rate() -> None:
    """63 % are redeemed in the end, so 37 % are breakage; one point more or less moves it by 1 % of what was issued."""
    proposal = propose(history(), generator="test", tail="none")
    assert {cohort.ultimate_redemption_rate for cohort in proposal.cohorts} == {"0.630000"}
    assert {cohort.method for cohort in proposal.cohorts} == {"chain_ladder"}
    assert proposal.ultimate_redemption_rate == "0.630000"
    assert (proposal.issued_points, proposal.expected_breakage_points) == (100_000, 37_000)
    up, down = proposal.sensitivity.rates_up_breakage_points, proposal.sensitivity.rates_down_breakage_points
    assert (up, down) == (36_000, 38_000)
    assert proposal.back_test.mean_absolute_percentage_error == "0.000000"
    assert proposal.through == "2025-10"
    assert [cohort.redeemed_points for cohort in proposal.cohorts[-2:]] == [3000, 1000]


def test_a_vintage_too_young_follows_the_others() -> None:
    """A month that issued and has seen nothing redeemed is not told to have no redemptions at all."""
    found = history()
    last = found.last_whole_month
    moved = tuple(one for one in found.moved if one[0] != last or one[2] in {"issued", "clawed_back"})
    proposal = propose(msgspec.structs.replace(found, moved=moved), generator="test", tail="none")
    youngest = proposal.cohorts[-1]
    assert (youngest.redeemed_points, youngest.method) == (0, "cape_cod")
    assert Decimal("0.3") < Decimal(youngest.ultimate_redemption_rate) < Decimal("0.63")


def test_nobody_redeems_more_than_there_is() -> None:
    """However the curve goes on, a rate is not above 1, and breakage not below 0."""
    found = history(points=10_000)
    moved = tuple((a, b, kind, points * 3 if kind == "redeemed" else points) for a, b, kind, points in found.moved)
    proposal = propose(msgspec.structs.replace(found, moved=moved), generator="test")
    assert max(Decimal(cohort.ultimate_redemption_rate) for cohort in proposal.cohorts) <= 1
    assert min(cohort.expected_breakage_points for cohort in proposal.cohorts) >= 0


def test_same_history_same_bytes() -> None:
    """A proposal can be made again from its inputs, whose hash it names."""
    once, again = (msgspec.json.encode(propose(history(), generator="test")) for _ in range(2))
    assert once == again
    changed = propose(history(points=10_100), generator="test")
    assert changed.inputs_sha256 == history(points=10_100).sha256 != history().sha256


@pytest.mark.parametrize("wrong", [{"tail": "weibull"}, {"through": date(2024, 12, 1)}])
def test_what_cannot_be_asked_is_refused(wrong: dict[str, object]) -> None:
    """Unknown tails, and months before the first."""
    with pytest.raises(InvalidInput):
        propose(history(), generator="test", **wrong)  # type: ignore[arg-type]
