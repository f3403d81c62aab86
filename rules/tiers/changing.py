"""What a change of counters, or the passing of time, does to tiers: commands for the account."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from ledger.account.commands import ChangeTier, CloseQualifyingPeriod, RetainTier
from ledger.account.events import Count
from ledger.account.state import Account, Held
from rules.tiers.holding import LadderPlan, amounts, earned, tier_on
from rules.tiers.windows import counted, period_of, rolled_over

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
        after = _After(plan, account, held, total, occurred_at, on, from_on or on)
        commands += _less(after) if any(amount < 0 for amount in added.values()) else _more(after)
    return commands


def at_end(
    plans: Iterable[LadderPlan], account: Account, occurred_at: datetime, on: date
) -> list[TierCommand | CloseQualifyingPeriod]:
    """Return what time has done to the tiers until a date: those that ended."""
    commands: list[TierCommand | CloseQualifyingPeriod] = []
    for plan in plans:
        held = account.tiers.get(plan.ladder.code)
        if held is None:
            continue
        tier = tier_on(plan, held, on)
        if tier != held.tier:
            until, period = held.secured.get(tier), held.bases.get(tier, "")
            commands.append(
                ChangeTier(plan.ladder.code, tier, occurred_at, on, "lapsed", until, period),
            )
    return commands


def period_closed(
    plan: LadderPlan, account: Account, last_day: date, occurred_at: datetime, on: date
) -> CloseQualifyingPeriod:
    """Return what is recorded at the end of a period: what counted in it, and what goes on into the next."""
    totals = {one.code: counted(account, plan.ladder, one.code, last_day) for one in plan.ladder.counters}
    carried = {one.code: rolled_over(account, plan.ladder, one.code, on) for one in plan.ladder.counters}
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
    total: Mapping[str, int]
    """What every counter has then."""
    occurred_at: datetime
    on: date
    """On which it counts."""
    from_on: date
    """From which it shows."""


def _more(after: _After) -> list[TierCommand]:
    plan, account, held, total, occurred_at, on, _ = after
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
    """Withdraw what the period no longer carries; tiers of other periods, and those that were assigned, stay."""
    plan, account, held, total, occurred_at, on, from_on = after
    if held is None:
        return []
    period = period_of(plan.ladder, account.opened_on, on)
    rank = earned(plan, total)
    withdrawn = tuple(tier for tier in held.secured if held.bases.get(tier) == period and plan.rank(tier) > rank)
    if not withdrawn:
        return []
    secured = {tier: until for tier, until in held.secured.items() if tier not in withdrawn}
    if rank >= 0 and not plan.is_given[rank]:
        secured.setdefault(plan.tiers[rank].code, plan.until(on))
    rest = Held(held.tier, secured, held.bases)
    tier = tier_on(plan, rest, from_on)
    until = secured.get(tier)
    return [
        ChangeTier(
            plan.ladder.code,
            tier,
            occurred_at,
            from_on,
            "returned",
            until,
            held.bases.get(tier, period) if tier in secured else "",
            withdrawn,
        )
    ]
