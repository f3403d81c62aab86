"""What a change of counters, or the passing of time, does to tiers: commands for the account."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from ledger.account.commands import ChangeTier, CloseQualifyingPeriod, RetainTier
from ledger.account.events import Count
from ledger.account.state import Account, Held
from rules.tiers.holding import amounts, earned, ends, next_change, tier_on
from rules.tiers.plans import LadderPlan
from rules.tiers.windows import counted, period_of, rolled_over

TierCommand = ChangeTier | RetainTier


def after_counting(
    plans: Iterable[LadderPlan],
    account: Account,
    counts: Sequence[Count],
    occurred_at: datetime,
    on: date,
) -> list[TierCommand]:
    """
    Return what becomes of the tiers when something is counted; what is taken away is for `rules.pricing.replay`.

    Args:
        plans: The program's ladders.
        account: As it was before.
        counts: What is added.
        occurred_at: When that happened.
        on: The date on which it counts.
    """
    commands: list[TierCommand] = []
    for plan in plans:
        added = _added(plan, account, counts, on)
        total = {code: amount + added.get(code, 0) for code, amount in amounts(plan, account, on).items()}
        command = _more(plan, account, total, occurred_at, on)
        if command is not None:
            commands.append(command)
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


def _more(
    plan: LadderPlan, account: Account, total: Mapping[str, int], occurred_at: datetime, on: date
) -> TierCommand | None:
    rank = earned(plan, total)
    if rank < 0 or plan.is_given[rank]:
        return None
    held = account.tiers.get(plan.ladder.code)
    tier, ladder = plan.tiers[rank].code, plan.ladder
    until = plan.until(on)
    period = period_of(ladder, account.opened_on, on)
    if rank > plan.rank(tier_on(plan, held, on)):
        return ChangeTier(ladder.code, tier, occurred_at, on, "qualified", until, period)
    if held is None or tier not in held.secured or is_longer(until, held.secured[tier]):
        return RetainTier(ladder.code, tier, occurred_at, on, until, period)
    return None


def is_longer(until: date | None, than: date | None) -> bool:
    """Tell whether something that ends on a date, or never, lasts longer than another."""
    return than is not None and (until is None or until > than)


class Change(NamedTuple):
    """Why tiers become others than they were."""

    reason: str
    """``late`` or ``returned``."""
    occurred_at: datetime
    effective_on: date
    asked_on: date
    """The latest date that anything booked is about; the tier of that date is told."""


def differences(plans: Iterable[LadderPlan], wanted: Account, account: Account, change: Change) -> list[TierCommand]:
    """
    Return what makes the tiers of an account those that it would have.

    Args:
        plans: Every ladder that counted.
        wanted: With the tiers that it would have.
        account: With those that it has.
        change: Why.
    """
    reason, occurred_at, on, asked_on = change
    commands: list[TierCommand] = []
    for plan in plans:
        ladder = plan.ladder.code
        want, have = wanted.tiers.get(ladder, Held()), account.tiers.get(ladder, Held())
        for tier, until in want.secured.items():
            period = want.bases.get(tier, "")
            if tier not in have.secured or (have.secured[tier], have.bases.get(tier, "")) != (until, period):
                commands.append(RetainTier(ladder, tier, occurred_at, on, until, period, reason))
        withdrawn = tuple(tier for tier in have.secured if tier not in want.secured)
        tier = tier_on(plan, want, asked_on)
        if withdrawn or tier != tier_on(plan, have, asked_on):
            secured_until, period = want.secured.get(tier), want.bases.get(tier, "")
            commands.append(ChangeTier(ladder, tier, occurred_at, on, reason, secured_until, period, withdrawn))
    return commands
