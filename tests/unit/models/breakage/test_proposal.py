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


def history(months: int = 10, *, points: int = 10_000, funding: str = "own", first: int = 0) -> History:
    """Return a history in which every month issues the same and redeems by the same curve; one more month began."""
    moved = []
    for vintage in range(first, months + 1):
        moved += [(month(vintage), funding, month(vintage), "issued", points + 500)]
        moved += [(month(vintage), funding, month(vintage), "clawed_back", 500)]
        for age, rate in enumerate(RATES):
            if vintage + age <= months:
                moved.append((month(vintage), funding, month(vintage + age), "redeemed", points * rate // 100 + 7))
                moved.append((month(vintage), funding, month(vintage + age), "redemption_reversed", 7))
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
    moved = tuple(one for one in found.moved if one[0] != last or one[3] in {"issued", "clawed_back"})
    proposal = propose(msgspec.structs.replace(found, moved=moved), generator="test", tail="none")
    youngest = proposal.cohorts[-1]
    assert (youngest.redeemed_points, youngest.method) == (0, "cape_cod")
    assert Decimal("0.3") < Decimal(youngest.ultimate_redemption_rate) < Decimal("0.63")


def test_nobody_redeems_more_than_there_is() -> None:
    """However the curve goes on, a rate is not above 1, and breakage not below 0."""
    found = history(points=10_000)
    moved = tuple((*one, kind, points * 3 if kind == "redeemed" else points) for *one, kind, points in found.moved)
    proposal = propose(msgspec.structs.replace(found, moved=moved), generator="test")
    assert max(Decimal(cohort.ultimate_redemption_rate) for cohort in proposal.cohorts) <= 1
    assert min(cohort.expected_breakage_points for cohort in proposal.cohorts) >= 0


def test_same_history_same_bytes() -> None:
    """A proposal can be made again from its inputs, whose hash it names."""
    once, again = (msgspec.json.encode(propose(history(), generator="test")) for _ in range(2))
    assert once == again
    changed = propose(history(points=10_100), generator="test")
    assert changed.inputs_sha256 == history(points=10_100).sha256 != history().sha256


def together(*histories: History) -> History:
    """Return what moved in all of them."""
    moved = tuple(sorted(one for each in histories for one in each.moved))
    return msgspec.structs.replace(histories[0], moved=moved)


def test_cohorts_are_those_of_the_books() -> None:
    """By month of issue and funding; a partner whose points are redeemed half as often gets rates of its own."""
    partner = history(funding="bakery")
    halved = tuple(
        (*one, kind, points // 2 if kind.startswith("rede") else points) for *one, kind, points in partner.moved
    )
    both = together(history(), msgspec.structs.replace(partner, moved=halved))
    proposal = propose(both, generator="test", tail="none")
    rates = {one.cohort: Decimal(one.ultimate_redemption_rate) for one in proposal.cohorts}
    assert len(rates) == 20
    assert rates["2025-01/own/points"] == Decimal("0.63")
    assert rates["2025-01/bakery/points"] == pytest.approx(Decimal("0.315"), abs=Decimal("0.001"))
    own, bakery = sorted(proposal.fundings, key=lambda one: one.funding, reverse=True)
    assert (own.development, bakery.development, own.issued_points) == ("own", "own", 100_000)
    assert proposal.issued_points == 200_000
    for one in proposal.cohorts:
        assert one.ultimate_points == one.issued_points - one.expected_breakage_points >= one.redeemed_points


def test_a_funding_with_little_history_follows_all_together() -> None:
    """Four months of ten are too few; the method says whose curve it is, and the estimate is that curve's."""
    both = together(history(), history(funding="bakery", first=6))
    proposal = propose(both, generator="test", tail="none")
    assert {one.funding: one.development for one in proposal.fundings} == {
        "bakery": "all fundings together",
        "own": "own",
    }
    young = [one for one in proposal.cohorts if one.funding == "bakery"]
    assert [one.vintage for one in young] == ["2025-07", "2025-08", "2025-09", "2025-10"]
    assert {one.method for one in young} == {"chain_ladder, all fundings together"}
    assert {one.ultimate_redemption_rate for one in young} == {"0.630000"}


def test_points_that_paid_debts_or_became_vouchers_were_redeemed() -> None:
    """As in the books; otherwise an estimate could be below what they count."""
    found = history()
    first = month(0)
    more = ((first, "own", first, "repaid", 20), (first, "own", first, "converted", 30))
    found = msgspec.structs.replace(found, moved=(*found.moved, *more))
    assert cumulative(found, month(9)).iloc[0, 0] == 1050
    assert next(iter(issued(found, month(9)))) == 10_000
    assert found.used()["2025-01/own/points"] == 6_350


@pytest.mark.parametrize("wrong", [{"tail": "weibull"}, {"through": date(2024, 12, 1)}])
def test_what_cannot_be_asked_is_refused(wrong: dict[str, object]) -> None:
    """Unknown tails, and months before the first."""
    with pytest.raises(InvalidInput):
        propose(history(), generator="test", **wrong)  # type: ignore[arg-type]
