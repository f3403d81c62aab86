"""
Which tier a member holds on a date.

Tiers follow from dated facts: what was qualified for, until when each qualification holds, and what counts in the
window. So a tier is right on every date, whether or not anybody has recorded yet that it ended.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from msgspec import Struct

from ledger.account.state import Account, Held
from ledger.money import minor_digits
from ledger.program.ladders import Counter, Ladder, Threshold, Tier
from ledger.program.state import Program
from ledger.program.terms import Terms
from rules.tiers.windows import counted

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

    @property
    def lowest(self) -> str:
        """The tier that everybody holds; empty if there is none."""
        return self.tiers[0].code if self.is_given[0] else ""

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
        any_of, all_of = plan.any_of[rank], plan.all_of[rank]
        if all(amounts.get(counter, 0) >= amount for counter, amount in all_of) and (
            not any_of or any(amounts.get(counter, 0) >= amount for counter, amount in any_of)
        ):
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
    rank = max((rank for rank in _ranks(plan, held, on)), default=-1)
    return plan.tiers[rank].code if rank >= 0 else ""


def held_until(plan: LadderPlan, held: Held | None, tier: str) -> date | None:
    """Return the first date on which a tier that was secured is no longer held, grace included; ``None`` for never."""
    until = held.secured.get(tier) if held else None
    return until + timedelta(days=plan.ladder.grace_days) if until else None


def _ranks(plan: LadderPlan, held: Held | None, on: date) -> Iterator[int]:
    if plan.is_given[0]:
        yield 0
    if held is None:
        return
    for tier, until in held.secured.items():
        rank = plan.rank(tier)
        if rank < 0:
            continue
        end = until and until + timedelta(days=plan.ladder.grace_days)
        if end is None or on < end:
            yield rank
        elif plan.ladder.downgrade == "one_step":
            months = (on.year - end.year) * 12 + on.month - end.month - (on.day < end.day)
            yield rank - 1 - months // _STEP_MONTHS
