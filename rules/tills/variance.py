"""
What was promised against what was booked, and why they differ.

The reason is found by pricing the purchase again as the till may have seen the member: whatever comes to exactly what
was promised is what the till did not know. It is stored with the purchase, because it is known for certain only when
the purchase is booked.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from msgspec.structs import replace

from ledger.account.commands import Award
from ledger.account.events import Accrual, PurchasePosted
from ledger.account.state import Account, Held
from ledger.program.state import Program
from rules.pricing.earning import earn
from rules.pricing.facts import recorded
from rules.pricing.plans import Plan, plan_of
from rules.pricing.price import Priced

Reason = Literal[
    "other_version",
    "late_arrival",
    "budget_empty",
    "cap_reached",
    "tier_differed",
    "history_differed",
    "other_facts",
]
"""
``other_version``: the till priced by another version than was in force. ``late_arrival``: alone it would have earned
what was promised, and in its place among what happened it does not. ``budget_empty``, ``cap_reached``: without that
limit it would have. ``tier_differed``: with another tier it would have. ``history_differed``: for somebody without
history it would have. ``other_facts``: none of these; the till saw another purchase, or calculated otherwise.
"""


def points_by_currency(parts: Iterable[Accrual | Award]) -> dict[str, int]:
    """Return the points of each point currency."""
    points: dict[str, int] = {}
    for one in parts:
        points[one.point_currency] = points.get(one.point_currency, 0) + one.points
    return points


def variance(event: PurchasePosted) -> dict[str, int] | None:
    """Return what was booked less what was promised, per point currency; ``None`` where nothing was promised."""
    if event.promised is None:
        return None
    booked, promised = points_by_currency(event.accruals), event.promised.points
    return {code: booked.get(code, 0) - promised.get(code, 0) for code in sorted(booked.keys() | promised.keys())}


def with_reason(event: PurchasePosted, priced: Priced, program: Program, account: Account | None) -> PurchasePosted:
    """
    Return a purchase with why its points are not those promised; the same one if they are.

    Args:
        event: To be recorded.
        priced: As if it had come last.
        program: That prices it.
        account: As it was before.
    """
    if event.promised is None or not any((variance(event) or {}).values()):
        return event
    return replace(event, promised=replace(event.promised, reason=_reason(event, priced, program, account)))


def _reason(event: PurchasePosted, priced: Priced, program: Program, account: Account | None) -> Reason:
    assert event.promised is not None
    if event.promised.program_version != event.program_version:
        return "other_version"
    promised = _some(event.promised.points)
    if points_by_currency(priced.command.awards) == promised:
        return "late_arrival"
    plan = plan_of(program, next(one for one in program.versions if one.version == event.program_version))
    for reason, seen in _guesses(plan, account):
        outcomes = earn(plan, recorded(event, plan.zone, seen), None)
        given = [(one.plan.terms.point_currency, one.points) for one in outcomes]
        points = {code: sum(number for of, number in given if of == code) for code, _ in given}
        if _some(points) == promised:
            return reason
    return "other_facts"


def _guesses(plan: Plan, account: Account | None) -> Iterator[tuple[Reason, Account | None]]:
    """Give the member as a till may have seen them, the likeliest first."""
    # Nothing draws on a budget in any of them; the member's own account as it is shows what the budget alone did.
    yield "budget_empty", account
    if account is None:
        return
    uncapped = replace(account, capped_points={})
    yield "cap_reached", uncapped
    for ladder in plan.ladders:
        code = ladder.ladder.code
        for tier in ("", *(one.code for one in ladder.tiers)):
            held = {code: Held(tier, {tier: None})} if tier else {}
            others = {name: one for name, one in account.tiers.items() if name != code}
            yield "tier_differed", replace(uncapped, tiers=others | held)
    yield "history_differed", None


def _some(points: Mapping[str, int]) -> dict[str, int]:
    return {code: number for code, number in points.items() if number}
