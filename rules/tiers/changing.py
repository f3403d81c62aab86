"""What a change of counters, or the passing of time, does to tiers: commands for the account."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from ledger.account.commands import ChangeTier, CloseQualifyingPeriod, RetainTier
from ledger.account.events import Count
from ledger.account.state import Account, Held
from rules.tiers.holding import amounts, earned, ends, next_change, tier_on
from rules.tiers.plans import LadderPlan
from rules.tiers.windows import counted, day_within, period_of, rolled_over

TierCommand = ChangeTier | RetainTier


def after_counting(
    plans: Iterable[LadderPlan],
    account: Account,
    counts: Sequence[Count],
    occurred_at: datetime,
    on: date,
    *,
    from_on: date | None = None,
) -> list[TierCommand]:
    """
    Return what becomes of the tiers when something is counted.

    Args:
        plans: The program's ladders.
        account: As it was before.
        counts: What is added, or below zero taken away.
        occurred_at: When that happened.
        on: The date on which it counts.
        from_on: The date from which it shows, if that is a later one.
    """
    commands: list[TierCommand] = []
    for plan in plans:
        added = _added(plan, account, counts, on)
        total = {code: amount + added.get(code, 0) for code, amount in amounts(plan, account, on).items()}
        held = account.tiers.get(plan.ladder.code)
        after = _After(plan, account, held, counts, total, occurred_at, on, from_on or on)
        commands += _less(after) if any(amount < 0 for amount in added.values()) else _more(after)
    return commands


def at_end(plans: Iterable[LadderPlan], account: Account, occurred_at: datetime, on: date) -> list[ChangeTier]:
    """Return what time has done to the tiers until a date: those that ended, each as of its day."""
    commands: list[ChangeTier] = []
    for plan in plans:
        held = account.tiers.get(plan.ladder.code)
        if held is None or tier_on(plan, held, on) == held.tier:
            continue
        tier = held.tier
        for day in _unrecorded(plan, held, on):
            then = tier_on(plan, held, day)
            if then == tier:
                continue
            tier = then
            until = held.secured[tier] if tier in held.secured else next_change(plan, held, day)
            period = held.bases.get(tier, "")
            commands.append(ChangeTier(plan.ladder.code, tier, occurred_at, day, "lapsed", until, period))
    return commands


def _unrecorded(plan: LadderPlan, held: Held, on: date) -> list[date]:
    """Return the days on which tiers ended since the last that was recorded; at least today."""
    days = [day for day in ends(plan, held) if day <= on]
    recorded = [place for place, day in enumerate(days) if tier_on(plan, held, day) == held.tier]
    return [*days[recorded[-1] + 1 if recorded else 0 :], on]


def period_closed(
    plan: LadderPlan, account: Account, last_day: date, occurred_at: datetime, on: date
) -> CloseQualifyingPeriod:
    """Return what is recorded at the end of a period: what counted in it, and what goes on into the next."""
    totals = {one.code: counted(account, plan, one.code, last_day) for one in plan.ladder.counters}
    carried = {one.code: rolled_over(account, plan, one.code, on) for one in plan.ladder.counters}
    return CloseQualifyingPeriod(
        plan.ladder.code,
        period_of(plan.ladder, account.opened_on, last_day),
        occurred_at,
        on,
        {code: amount for code, amount in totals.items() if amount},
        {code: amount for code, amount in carried.items() if amount},
        tier_on(plan, account.tiers.get(plan.ladder.code), last_day),
    )


def _added(plan: LadderPlan, account: Account, counts: Sequence[Count], on: date) -> dict[str, int]:
    """Return what is added in the window that a date falls in, by the ladder's own counters."""
    period = period_of(plan.ladder, account.opened_on, on)
    added: dict[str, int] = {}
    for code, name in plan.names.items():
        for count in counts:
            if count.counter == name and count.period == period:
                added[code] = added.get(code, 0) + count.amount
    return added


class _After(NamedTuple):
    """A ladder once something was counted."""

    plan: LadderPlan
    account: Account
    """As it was before."""
    held: Held | None
    counts: Sequence[Count]
    total: Mapping[str, int]
    """What every counter has then."""
    occurred_at: datetime
    on: date
    """On which it counts."""
    from_on: date
    """From which it shows."""


def _more(after: _After) -> list[TierCommand]:
    plan, account, held, _, total, occurred_at, on, _ = after
    rank = earned(plan, total)
    if rank < 0 or plan.is_given[rank]:
        return []
    tier, ladder = plan.tiers[rank].code, plan.ladder
    until = plan.until(on)
    period = period_of(ladder, account.opened_on, on)
    if rank > plan.rank(tier_on(plan, held, on)):
        return [ChangeTier(ladder.code, tier, occurred_at, on, "qualified", until, period)]
    if held is None or tier not in held.secured or is_longer(until, held.secured[tier]):
        return [RetainTier(ladder.code, tier, occurred_at, on, until, period)]
    return []


def is_longer(until: date | None, than: date | None) -> bool:
    """Tell whether something that ends on a date, or never, lasts longer than another."""
    return than is not None and (until is None or until > than)


def _less(after: _After) -> list[TierCommand]:
    """
    Withdraw the tiers that would not have been reached without what is taken away; those that were assigned stay.

    Also those of other periods, as far as they rest on it: in a rolling window, or by what was rolled over.
    """
    plan, account, held, occurred_at, on, from_on = (
        after.plan,
        after.account,
        after.held,
        after.occurred_at,
        after.on,
        after.from_on,
    )
    if held is None:
        return []
    without = _with_counts(account, after.counts)
    secured, bases = dict(held.secured), dict(held.bases)
    withdrawn: list[str] = []
    instead: dict[str, RetainTier] = {}
    for tier, period in held.bases.items():
        day = day_within(period, from_on) if period else None
        if day is None or tier not in secured:
            continue
        rank = earned(plan, amounts(plan, without, day))
        if not rank < plan.rank(tier) <= earned(plan, amounts(plan, account, day)):
            continue
        withdrawn.append(tier)
        del secured[tier]
        if rank >= 0 and not plan.is_given[rank]:
            reached = on if period == period_of(plan.ladder, account.opened_on, on) else min(day, from_on)
            until = plan.until(reached)
            lower = plan.tiers[rank].code
            instead[lower] = RetainTier(plan.ladder.code, lower, occurred_at, from_on, until, period)
    if not withdrawn:
        return []
    for lower in [lower for lower in instead if lower in secured]:
        del instead[lower]
    for lower, retain in instead.items():
        secured[lower], bases[lower] = retain.valid_until, retain.period
    tier = tier_on(plan, Held(held.tier, secured, bases), from_on)
    until, period = (secured[tier], bases.get(tier, "")) if tier in secured else (None, "")
    change = ChangeTier(plan.ladder.code, tier, occurred_at, from_on, "returned", until, period, tuple(withdrawn))
    return [*instead.values(), change]


def _with_counts(account: Account, counts: Iterable[Count]) -> Account:
    """Return an account with other counters; the one given is left alone."""
    changed = copy.copy(account)
    changed.counters = {name: dict(periods) for name, periods in account.counters.items()}
    for count in counts:
        periods = changed.counters.setdefault(count.counter, {})
        periods[count.period] = periods.get(count.period, 0) + count.amount
    return changed
