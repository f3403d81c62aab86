"""Where a member stands on each ladder: what is held and until when, what it takes to rise, and where time leads."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from msgspec import Struct

from ledger.account.state import Account
from ledger.program.ladders import Benefit
from rules.tiers.holding import amounts, earned, next_change, tier_on
from rules.tiers.plans import LadderPlan
from rules.tiers.windows import period_end, period_of, rolled_over


class Counted(Struct, frozen=True):
    """A counter in the window that a date falls in. In major units."""

    counter: str
    amount: Decimal
    rolled_over: Decimal
    """What of it came from the period before."""


class Needed(Struct, frozen=True):
    """What is missing of one threshold. In major units."""

    counter: str
    at_least: Decimal
    missing: Decimal


class NextTier(Struct, frozen=True):
    """The tier above, and what it takes."""

    tier: str
    any_of: tuple[Needed, ...]
    """One of these is enough; empty if there is no choice."""
    all_of: tuple[Needed, ...]
    by: date | None
    """The last day on which it counts in this window; null where windows do not end."""


class Drop(Struct, frozen=True):
    """What happens if nothing more counts."""

    tier: str | None
    """Held from then on; null for none."""
    on: date


class Progress(Struct, frozen=True):
    """One ladder."""

    ladder: str
    tier: str | None
    """Held on that date; null for none."""
    name: str | None
    benefits: dict[str, Benefit]
    valid_until: date | None
    """First date on which it is no longer held unless it is earned again; null for never."""
    period: str
    counters: list[Counted]
    next: NextTier | None
    """Null at the top."""
    drop: Drop | None
    """Null where the tier does not end, or is held by everybody."""
    text: str
    """All of it in a sentence for the member."""


def progress_on(plans: Iterable[LadderPlan], account: Account, on: date) -> list[Progress]:
    """
    Return where a member stands on a date.

    Args:
        plans: The program's ladders.
        account: As it is.
        on: Program-local date, not before what was last booked.
    """
    return [_progress(plan, account, on) for plan in plans]


def _progress(plan: LadderPlan, account: Account, on: date) -> Progress:
    ladder = plan.ladder
    held = account.tiers.get(ladder.code)
    code = tier_on(plan, held, on)
    rank = plan.rank(code)
    tier = plan.tiers[rank] if rank >= 0 else None
    total = amounts(plan, account, on)
    counters = [
        Counted(
            name,
            _major(plan, name, amount),
            _major(plan, name, rolled_over(account, plan, name, on)),
        )
        for name, amount in total.items()
    ]
    until = next_change(plan, held, on)
    next_tier = _next(plan, rank, total, account, on)
    drop = Drop(tier_on(plan, held, until) or None, until) if until is not None else None
    told = _text(plan, tier.name if tier else None, next_tier, drop)
    return Progress(
        ladder.code,
        code or None,
        tier.name if tier else None,
        tier.benefits if tier else {},
        until,
        period_of(ladder, account.opened_on, on),
        counters,
        next_tier,
        drop,
        told,
    )


def _next(plan: LadderPlan, rank: int, total: dict[str, int], account: Account, on: date) -> NextTier | None:
    """Return what it takes to get above both what is held and what was earned."""
    above = max(rank, earned(plan, total)) + 1
    if above >= len(plan.tiers):
        return None
    end = period_end(plan.ladder, account.opened_on, on)

    def needed(thresholds: tuple[tuple[str, int], ...]) -> tuple[Needed, ...]:
        return tuple(
            Needed(name, _major(plan, name, amount), _major(plan, name, max(0, amount - total.get(name, 0))))
            for name, amount in thresholds
        )

    return NextTier(
        plan.tiers[above].code,
        needed(plan.any_of[above]),
        needed(plan.all_of[above]),
        end - timedelta(days=1) if end else None,
    )


def _major(plan: LadderPlan, counter: str, amount: int) -> Decimal:
    return Decimal(amount).scaleb(-plan.scales[counter])


def _text(plan: LadderPlan, name: str | None, above: NextTier | None, drop: Drop | None) -> str:
    names = {tier.code: tier.name for tier in plan.tiers}
    parts = [f"{name}" if name else "No tier yet"]
    if above is not None:
        missing = [one for one in (*above.all_of, *above.any_of[:1]) if one.missing]
        amounts_told = " and ".join(f"{one.missing:f} {one.counter}" for one in missing)
        if len(above.any_of) > 1:
            least = " or ".join(f"{one.missing:f} {one.counter}" for one in above.any_of)
            rest = [f"{one.missing:f} {one.counter}" for one in above.all_of if one.missing]
            amounts_told = " and ".join([*rest, least])
        by = f" by {above.by.isoformat()}" if above.by else ""
        parts.append(f"{amounts_told} to {names[above.tier]}{by}")
    if drop is not None:
        falls = f"drops to {names[drop.tier]}" if drop.tier else "ends"
        parts.append(f"{falls} on {drop.on.isoformat()} unless it is earned again")
    return "; ".join(parts) + "."
