"""The periods in which counters count, and how much there is in one."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from ledger.account.state import Account
from ledger.dates import day_in
from ledger.program.ladders import (
    Anniversary,
    CalendarYear,
    Ladder,
    Lifetime,
    Rolling,
)
from rules.tiers.plans import LadderPlan

_EVER: Final = "ever"


def period_of(ladder: Ladder, opened_on: date, on: date) -> str:
    """
    Return the period that a date counts in: ``2026``, the first day of a year of membership, a day, or ``ever``.

    Args:
        ladder: Whose window it is.
        opened_on: When the member joined.
        on: Program-local date.
    """
    match ladder.window:
        case CalendarYear():
            return str(on.year)
        case Anniversary():
            return _anniversary(opened_on, on).isoformat()
        case Rolling():
            return on.isoformat()
        case Lifetime():
            return _EVER


def period_end(ladder: Ladder, opened_on: date, on: date) -> date | None:
    """Return the first date after the period that a date counts in; ``None`` where periods do not end, or every day."""
    match ladder.window:
        case CalendarYear():
            return date(on.year + 1, 1, 1) if on.year < date.max.year else None
        case Anniversary():
            # From the day of joining, not from the last anniversary: 28 February of one year is 29 of another.
            start = _anniversary(opened_on, on)
            return day_in(start.year + 1, opened_on.month, opened_on.day) if start.year < date.max.year else None
        case _:
            return None


def counted(account: Account, plan: LadderPlan, counter: str, on: date) -> int:
    """
    Return how much of a counter there is in the window that a date falls in; in a rolling one, up to that date.

    What was rolled over from the period before is in it.
    """
    ladder = plan.ladder
    periods = account.counters.get(plan.names[counter])
    if not periods:
        return 0
    if isinstance(ladder.window, Rolling):
        return _rolling(periods, ladder.window.months, on)
    own = periods.get(period_of(ladder, account.opened_on, on), 0)
    return own + rolled_over(account, plan, counter, on)


def rolled_over(account: Account, plan: LadderPlan, counter: str, on: date) -> int:
    """
    Return what of a counter came from the period before the one that a date falls in.

    It is what exceeded the tier that was reached then, without what had been rolled over before: each piece counts at
    most twice.
    """
    ladder = plan.ladder
    rollover = ladder.rollover
    if rollover is None or rollover.counter != counter:
        return 0
    start = _period_start(ladder, account.opened_on, on)
    if start is None or start <= account.opened_on:
        return 0
    before = start - timedelta(days=1)
    periods = account.counters.get(plan.names[counter], {})
    own = periods.get(period_of(ladder, account.opened_on, before), 0)
    reached = [amount for amount in plan.thresholds(counter) if amount <= own]
    return min(rollover.maximum, own - max(reached)) if reached else 0


def _rolling(periods: Mapping[str, int], months: int, on: date) -> int:
    first = _first_of_window(on, months).isoformat()
    last = on.isoformat()
    # ISO dates compare like the dates they are.
    return sum(amount for day, amount in periods.items() if first <= day <= last)


def _first_of_window(on: date, months: int) -> date:
    total = on.year * 12 + on.month - 1 - months
    year, month = divmod(total, 12)
    return day_in(max(year, 1), month + 1, on.day) + timedelta(days=1)


def _anniversary(opened_on: date, on: date) -> date:
    """Return the first day of the year of membership that a date falls in; years before the first count backwards."""
    start = day_in(on.year, opened_on.month, opened_on.day)
    return start if start <= on else day_in(max(on.year - 1, 1), opened_on.month, opened_on.day)


def _period_start(ladder: Ladder, opened_on: date, on: date) -> date | None:
    match ladder.window:
        case CalendarYear():
            return date(on.year, 1, 1)
        case Anniversary():
            return _anniversary(opened_on, on)
        case _:
            return None
