"""Ladders, ready to be asked: tiers in their order, thresholds in the smallest unit of what they count."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from msgspec import Struct

from ledger.dates import add_months, day_in
from ledger.program.counting import counter_scale
from ledger.program.ladders import ForEver, ForMonths, Ladder, Threshold, Tier, UntilDay
from ledger.program.state import Program
from ledger.program.terms import Terms

_REMEMBERED_DAYS: Final = 4096


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

    def thresholds(self, counter: str) -> list[int]:
        """Return what tiers take of a counter."""
        return [amount for tier in (*self.any_of, *self.all_of) for name, amount in tier if name == counter]


def ladder_plan(ladder: Ladder, terms: Terms, currency: str) -> LadderPlan:
    """Return a ladder that is ready to be asked."""
    scales = {counter.code: counter_scale(counter, terms, currency) for counter in ladder.counters}
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
        {counter.code: f"{ladder.code}:{counter.code}" for counter in ladder.counters},
        {},
    )


def ladder_plans(program: Program, terms: Terms) -> tuple[LadderPlan, ...]:
    """Return all ladders of a program's terms."""
    return tuple([ladder_plan(ladder, terms, program.currency) for ladder in terms.ladders])


def _short(tier: Tier, ladder: Ladder) -> tuple[Threshold, ...]:
    if not tier.min_points:
        return ()
    counter = next(one.code for one in ladder.counters if one.of == "points")
    return (Threshold(counter, Decimal(tier.min_points)),)


def _amounts(thresholds: tuple[Threshold, ...], scales: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple((one.counter, int(one.at_least.scaleb(scales[one.counter]))) for one in thresholds)


def valid_until(ladder: Ladder, on: date) -> date | None:
    """Return the first date on which a tier that is reached on a date is no longer held; ``None`` for never."""
    if ladder.downgrade == "none":
        return None
    match ladder.validity:
        case UntilDay(day=day, years=years):
            month, number = map(int, day.split("-"))
            year = on.year + years
            if not years and day_in(year, month, number) < on:
                # It is past this year: whoever reaches a tier holds it.
                year += 1
            return day_in(year, month, number) + timedelta(days=1) if year < date.max.year else None
        case ForMonths(months=months):
            return add_months(on, months)
        case ForEver():
            return None
