"""
Which tier a member holds on a date.

Tiers follow from dated facts: what was qualified for, until when each qualification holds, and what counts in the
window. So a tier is right on every date, whether or not anybody has recorded yet that it ended.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from ledger.account.state import Account, Held
from ledger.dates import add_months
from rules.tiers.plans import LadderPlan
from rules.tiers.windows import counted

_STEP_MONTHS: Final = 12
"""How long each tier is held on the way down, one step at a time."""


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
    return {one.code: counted(account, plan, one.code, on) for one in plan.ladder.counters}


def tier_on(plan: LadderPlan, held: Held | None, on: date) -> str:
    """
    Return the tier that is held on a date; empty for none.

    Args:
        plan: The ladder.
        held: What is recorded of the member on it.
        on: Program-local date, not before the last record.
    """
    best = 0 if plan.is_given[0] else -1
    for tier, until in held.secured.items() if held else ():
        rank = plan.rank(tier)
        if rank <= best:
            continue
        end = _end(plan, until) if until else None
        if end is None or on < end:
            best = rank
        elif plan.ladder.downgrade == "one_step":
            years = on.year - end.year
            best = max(best, rank - 1 - years + (add_months(end, _STEP_MONTHS * years) > on))
    return plan.tiers[best].code if best >= 0 else ""


def next_change(plan: LadderPlan, held: Held | None, on: date) -> date | None:
    """Return the first date after one on which another tier is held if nothing more counts; ``None`` for never."""
    now = tier_on(plan, held, on)
    return next((day for day in ends(plan, held) if day > on and tier_on(plan, held, day) != now), None)


def ends(plan: LadderPlan, held: Held | None) -> list[date]:
    """Return every date on which the tier that is held may become another by itself, in their order."""
    days = set()
    for tier, until in held.secured.items() if held else ():
        rank = plan.rank(tier)
        if until is not None and rank >= 0:
            end = _end(plan, until)
            steps = rank + 1 if plan.ladder.downgrade == "one_step" else 0
            days.update([end, *[add_months(end, _STEP_MONTHS * step) for step in range(1, steps + 1)]])
    return sorted(days)


def _end(plan: LadderPlan, until: date) -> date:
    """Return the first date on which a tier is no longer held, grace included."""
    grace = plan.ladder.grace_days
    return until + timedelta(days=grace) if grace <= (date.max - until).days else date.max
