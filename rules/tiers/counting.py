"""What a purchase adds to the counters of tiers."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from msgspec import Struct

from ledger.account.events import Count
from ledger.account.state import Account
from ledger.program.ladders import Counter
from ledger.program.terms import PointCurrency
from rules.tiers.plans import LadderPlan
from rules.tiers.windows import period_of

Given = tuple[str, str, int]
"""Points that a rule gave: point currency, kind, points."""


class Counted(Struct, frozen=True, gc=False):
    """What of an activity can count; below zero where something is undone."""

    on: date
    """The date on which it counts."""
    amount_minor: int
    given: Sequence[Given]
    """Points of its rules, or what they give less."""
    attributes: Mapping[str, Any]
    """What it carries; whole numbers may count."""
    purchases: int = 1
    """-1 where all of a purchase is undone, 0 where a part is."""


def counts_of(
    plans: Iterable[LadderPlan],
    account: Account | None,
    activity: Counted,
    point_currencies: Iterable[PointCurrency],
) -> tuple[Count, ...]:
    """
    Return what an activity adds to the counters.

    Args:
        plans: The program's ladders.
        account: As it was before; ``None`` for somebody who joins with it.
        activity: What can count.
        point_currencies: Of the program.
    """
    qualifying = {one.code for one in point_currencies if one.qualifying} or {one.code for one in point_currencies}
    opened_on = account.opened_on if account else activity.on
    counts = []
    for plan in plans:
        period = period_of(plan.ladder, opened_on, activity.on)
        for counter in plan.ladder.counters:
            amount = _amount(counter, activity, qualifying)
            if amount:
                counts.append(Count(plan.names[counter.code], period, amount))
    return tuple(counts)


def _amount(counter: Counter, activity: Counted, qualifying: set[str]) -> int:
    match counter.of:
        case "spend":
            return activity.amount_minor
        case "purchases":
            return activity.purchases
        case "attribute":
            return int(activity.attributes.get(counter.attribute or "") or 0)
        case "points":
            codes = {counter.point_currency} if counter.point_currency else qualifying
            is_any = counter.kind == "all"
            return sum(
                points for code, kind, points in activity.given if code in codes and (is_any or kind == counter.kind)
            )
