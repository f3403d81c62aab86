"""What another version would have come to: nothing else if it is the same, or else what it comes to from scratch."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.program.state import Program
from ledger.program.terms import Terms
from rules.pricing.plans import numbered
from rules.pricing.whatif import Outcome, Question, compare
from rules.tiers.holding import tier_on
from tests.property.rules.histories import ANCHOR, arrivals, in_order, purchases, redemptions, returns
from tests.property.rules.order_programs import (
    ANNIVERSARY,
    CALENDAR,
    CAPPED,
    FACTS,
    LIFETIME,
    PROGRAMS,
    ROLLING,
)
from tests.property.rules.till import STARTED, Happening, Till, program

LAWS = settings(max_examples=30, derandomize=True, database=None, deadline=None)
AS_OF = datetime(2028, 1, 1, tzinfo=UTC)
TERMS = {
    "capped": CAPPED,
    "facts": FACTS,
    "calendar": CALENDAR,
    "rolling": ROLLING,
    "anniversary": ANNIVERSARY,
    "lifetime": LIFETIME,
}


def told(program: Program, happenings: list[Happening]) -> Till:
    """Return a till that booked happenings one after the other."""
    till = Till(program)
    for happening in happenings:
        till.book(happening)
    return till


def asked(till: Till, terms: Terms, start: datetime = STARTED, end: datetime | None = None) -> Outcome:
    """Ask what a till would have booked under other terms."""
    return compare(Question(till.program, terms, start, end, AS_OF), till.events)


@pytest.mark.parametrize("name", PROGRAMS)
@given(data=st.data())
@LAWS
def test_the_version_that_was_in_force_changes_nothing(name: str, data: st.DataObject) -> None:
    """Whatever happened, in whatever order it arrived, and wherever the window begins and ends."""
    sold = [ANCHOR, *data.draw(purchases())]
    rest = [*sold[1:], *data.draw(returns(sold[1:])), *data.draw(redemptions())]
    till = told(PROGRAMS[name], [ANCHOR, *data.draw(arrivals(rest))])
    versions = till.program.versions
    number = data.draw(st.integers(1, len(versions)))
    start = versions[number - 1].effective_from
    end = versions[number].effective_from if number < len(versions) else None
    outcome = asked(till, numbered(till.program, number).terms, start, end)
    assert outcome.is_same, outcome
    assert not outcome.budgets


@pytest.mark.parametrize("name", TERMS)
@given(data=st.data())
@LAWS
def test_another_version_comes_to_what_it_comes_to_from_scratch(name: str, data: st.DataObject) -> None:
    """Points of purchases, balances but for what lapses, and tiers: as if they had been posted under it at first."""
    other = data.draw(st.sampled_from([one for one in TERMS if one != name]))
    sold = data.draw(purchases())
    rest = in_order([*sold, *data.draw(returns(sold))])
    scratch = told(program((STARTED, TERMS[other])), rest)
    outcome = asked(told(program((STARTED, TERMS[name])), rest), msgspec.convert(TERMS[other], Terms))
    net: dict[str, int] = {}
    terms = scratch.program.versions[0].terms
    currencies = {one.rule_id: one.point_currency for one in terms.earn_rules}
    for (_, rule), points in scratch.net_points().items():
        net[currencies[rule]] = net.get(currencies[rule], 0) + points
    assert net == {one.point_currency: one.hypothetical.all for one in outcome.currencies if one.hypothetical.all}
    balances = {code: points for code, points in scratch.account.balances().items() if points}
    would = {one.point_currency: one.hypothetical_balance_points + one.lapsed_points for one in outcome.currencies}
    assert balances == {code: points for code, points in would.items() if points}
    assert tiers(scratch) == {
        one.ladder: one.hypothetical_tier for one in outcome.tiers if one.ladder in tiers(scratch)
    }


def tiers(till: Till) -> dict[str, Any]:
    """Return the tier that is held on each ladder in the end."""
    from rules.pricing.plans import plan_of  # noqa: PLC0415

    plan = plan_of(till.program, till.program.versions[-1])
    return {
        one.ladder.code: tier_on(one, till.account.tiers.get(one.ladder.code), AS_OF.date()) for one in plan.ladders
    }
