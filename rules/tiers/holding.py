"""
Which tier a member holds on a date.

Tiers follow from dated facts: what was qualified for, until when each qualification holds, and what counts in the
window. So a tier is right on every date, whether or not anybody has recorded yet that it ended.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from msgspec import Struct

from ledger.account.state import Account, Held
from ledger.money import minor_digits
from ledger.program.ladders import Counter, Ladder, Threshold, Tier
from ledger.program.state import Program
from ledger.program.terms import Terms
from rules.tiers.windows import counted, counter_name, valid_until

_REMEMBERED_DAYS: Final = 4096
_STEP_MONTHS: Final = 12
"""How long each tier is held on the way down, one step at a time."""


class LadderPlan(Struct, frozen=True):
    """A ladder with its tiers in order, and thresholds in the smallest unit of what they count."""

    ladder: Ladder
    tiers: tuple[Tier, ...]
    """Lowest first."""
    ranks: dict[str, int]
    any_of: tuple[tuple[tuple[str, int], ...], ...]
    """Per tier: counter and amount, of which one is enough."""
    all_of: tuple[tuple[tuple[str, int], ...], ...]
    is_given: tuple[bool, ...]
    """Per tier: everybody holds it."""
    scales: dict[str, int]
    """Per counter: decimal places of its smallest unit."""
    grace: timedelta
    names: dict[str, str]
    """Per counter: what it is called on the account."""
    untils: dict[date, date | None]
    """Remembered answers of `until`."""

    @property
    def lowest(self) -> str:
        """The tier that everybody holds; empty if there is none."""
        return self.tiers[0].code if self.is_given[0] else ""

    def until(self, on: date) -> date | None:
        """Return the first date on which a tier that is reached on a date is no longer held; ``None`` for never."""
        if on not in self.untils:
            if len(self.untils) >= _REMEMBERED_DAYS:
                self.untils.clear()
            self.untils[on] = valid_until(self.ladder, on)
        return self.untils[on]

    def rank(self, tier: str) -> int:
        """Return where a tier stands, from 0; -1 for none, or one that the ladder no longer has."""
        return self.ranks.get(tier, -1)


def ladder_plan(ladder: Ladder, terms: Terms, currency: str) -> LadderPlan:
    """Return a ladder that is ready to be asked."""
    scales = {counter.code: _scale(counter, terms, currency) for counter in ladder.counters}
    tiers = ladder.ranked
    any_of = [_amounts(tier.any_of, scales) for tier in tiers]
    all_of = [_amounts((*_short(tier, ladder), *tier.all_of), scales) for tier in tiers]
    return LadderPlan(
        ladder,
        tiers,
        {tier.code: rank for rank, tier in enumerate(tiers)},
        tuple(any_of),
        tuple(all_of),
        tuple(not (any_of[rank] or all_of[rank]) for rank in range(len(tiers))),
        scales,
        timedelta(days=ladder.grace_days),
        {counter.code: counter_name(ladder.code, counter.code) for counter in ladder.counters},
        {},
    )


def ladder_plans(program: Program, terms: Terms) -> tuple[LadderPlan, ...]:
    """Return all ladders of a program's terms."""
    return tuple([ladder_plan(ladder, terms, program.currency) for ladder in terms.ladders])


def _scale(counter: Counter, terms: Terms, currency: str) -> int:
    if counter.of == "spend":
        return minor_digits(currency)
    if counter.of == "points":
        codes = [one for one in terms.point_currencies if counter.point_currency in (None, one.code)]
        return max((one.scale for one in codes), default=0)
    return 0


def _short(tier: Tier, ladder: Ladder) -> tuple[Threshold, ...]:
    if not tier.min_points:
        return ()
    counter = next(one.code for one in ladder.counters if one.of == "points")
    return (Threshold(counter, Decimal(tier.min_points)),)


def _amounts(thresholds: tuple[Threshold, ...], scales: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple((one.counter, int(one.at_least.scaleb(scales[one.counter]))) for one in thresholds)


def earned(plan: LadderPlan, amounts: Mapping[str, int]) -> int:
    """Return the rank of the highest tier that these amounts are enough for; -1 for none."""
    for rank in range(len(plan.tiers) - 1, -1, -1):
        for counter, amount in plan.all_of[rank]:
            if amounts.get(counter, 0) < amount:
                break
        else:
            any_of = plan.any_of[rank]
            if not any_of:
                return rank
            for counter, amount in any_of:
                if amounts.get(counter, 0) >= amount:
                    return rank
    return -1


def amounts(plan: LadderPlan, account: Account, on: date) -> dict[str, int]:
    """Return what every counter of a ladder has in the window that a date falls in."""
    return {one.code: counted(account, plan.ladder, one.code, on) for one in plan.ladder.counters}


def tier_on(plan: LadderPlan, held: Held | None, on: date) -> str:
    """
    Return the tier that is held on a date; empty for none.

    Args:
        plan: The ladder.
        held: What is recorded of the member on it.
        on: Program-local date, not before the last record.
    """
    best = 0 if plan.is_given[0] else -1
    if held is not None:
        for tier, until in held.secured.items():
            rank = plan.ranks.get(tier, -1)
            if rank > best:
                if until is None or on < until + plan.grace:
                    best = rank
                elif plan.ladder.downgrade == "one_step":
                    best = max(best, rank - 1 - _steps(until + plan.grace, on))
    return plan.tiers[best].code if best >= 0 else ""


def _steps(end: date, on: date) -> int:
    """Return how many further tiers a member has fallen, one step at a time, since a tier ended."""
    months = (on.year - end.year) * 12 + on.month - end.month - (on.day < end.day)
    return months // _STEP_MONTHS


def held_until(plan: LadderPlan, held: Held | None, tier: str) -> date | None:
    """Return the first date on which a tier that was secured is no longer held, grace included; ``None`` for never."""
    until = held.secured.get(tier) if held else None
    return until + plan.grace if until else None
