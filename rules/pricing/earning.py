"""
What a purchase earns: every earn rule of a program version in its order, what competes, and what caps leave.

Base rules come first, because bonus rules may read what they gave. Within each kind the rules are evaluated in their
order; of those in a group one is taken; then caps and budgets cut what is left, in the rules' order.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from ledger.account.commands import Award
from ledger.account.state import Account
from ledger.budget.state import Budgets
from ledger.program.terms import Cap
from rules.emit.arithmetic import CONTEXT
from rules.pricing.facts import Bought
from rules.pricing.plans import PERIOD_LENGTH, EarnPlan, Plan
from rules.variables import BASE_POINTS


class Status(StrEnum):
    """What became of a rule."""

    AWARDED = "awarded"
    NOT_VALID = "not_valid"
    """The purchase's date lies outside the rule's window."""
    NOT_MET = "not_met"
    """Its condition does not hold; of a rule per line, for no line."""
    NOTHING = "nothing"
    """It comes to no points."""
    OUTBID = "outbid"
    """Another rule of its group gives the points."""
    CAPPED = "capped"
    """Caps or the budget leave nothing of it."""


class Cut(Struct, frozen=True):
    """A limit that took points away."""

    limit: str
    """``purchase``, ``day``, ``month``, ``year`` or ``budget``."""
    limit_points: int
    used_points: int
    """Before this purchase."""
    from_points: int
    to_points: int


class Outcome(Struct, gc=False):
    """What one rule makes of a purchase."""

    plan: EarnPlan
    status: Status
    exact: Decimal | None = None
    """Before rounding."""
    rounded_points: int = 0
    points: int = 0
    """After caps."""
    cuts: tuple[Cut, ...] = ()
    outbid_by: str = ""
    facts: dict[str, Any] = {}
    """What the rule was given; for a rule per line, what the lines have in common."""


_ZERO: Final = Decimal(0)


def earn(plan: Plan, bought: Bought, budgets: Budgets | None) -> list[Outcome]:
    """
    Apply the earn rules of a program version to a purchase.

    Args:
        plan: Of the version in force.
        bought: The purchase, and the account as it was before.
        budgets: What the program's budgets have paid for before.

    Returns:
        One outcome for each rule: base rules in their order, then bonus rules in theirs.
    """
    facts = {name: read(bought) for name, read in plan.readers}
    outcomes = _apply(plan, plan.base, bought, facts, budgets)
    for currency, rules in plan.bonus_by_currency:
        base_points = 0
        for one in outcomes:
            if one.points and one.plan.point_currency is currency and one.plan.terms.kind == "base":
                base_points += one.points
        facts[BASE_POINTS.name] = (
            Decimal(base_points).scaleb(-currency.scale) if currency.scale else Decimal(base_points)
        )
        outcomes += _apply(plan, rules, bought, dict(facts), budgets)
    return outcomes


def awards_of(outcomes: Iterable[Outcome], earned_on: date) -> tuple[Award, ...]:
    """Return what the account is to book."""
    return tuple([award_of(outcome.plan, outcome.points, earned_on) for outcome in outcomes if outcome.points])


def award_of(plan: EarnPlan, points: int, earned_on: date, *, keeps_age: bool = False) -> Award:
    """
    Return points that a rule gives, with the dates that its policies give them.

    Args:
        plan: Of the rule.
        points: Given.
        earned_on: When.
        keeps_age: They are booked later than they were earned, and say so.
    """
    terms = plan.terms
    award = plan.policy.award(
        terms.point_currency,
        points,
        earned_on,
        kind=terms.kind,
        rule=terms.rule_id,
        funding=terms.funding,
        cap_periods=plan.cap_periods(earned_on)[1] if terms.caps else (),
    )
    return replace(award, earned_on=earned_on) if keeps_age else award


def cap_periods(caps: Sequence[Cap], on: date) -> tuple[str, ...]:
    """Return the periods in which points of a day count: ``2026-11-22``, ``2026-11``, ``2026``."""
    text = on.isoformat()
    return tuple([text[: PERIOD_LENGTH[cap.period]] for cap in caps if cap.period != "purchase"])


def _apply(
    plan: Plan,
    rules: Sequence[EarnPlan],
    bought: Bought,
    facts: dict[str, Any],
    budgets: Budgets | None,
) -> list[Outcome]:
    outcomes = [_evaluated(plan, rule, bought, facts) for rule in rules]
    if plan.has_groups:
        _compete(outcomes)
    for outcome in outcomes:
        terms = outcome.plan.terms
        if outcome.status is Status.AWARDED and (terms.caps or terms.budget_points):
            _cut(outcome, bought, budgets)
    return outcomes


def _evaluated(plan: Plan, rule: EarnPlan, bought: Bought, facts: dict[str, Any]) -> Outcome:
    """Evaluate one rule, as if it were alone."""
    terms = rule.terms
    on = bought.effective_on
    if rule.is_bounded and (
        (terms.valid_from and on < terms.valid_from) or (terms.valid_until and on >= terms.valid_until)
    ):
        return Outcome(rule, Status.NOT_VALID, facts=facts)
    exact: Any
    if terms.per == "line":
        met = [line for line in line_facts(plan, bought, facts) if _is_met(rule, line)]
        if not met:
            return Outcome(rule, Status.NOT_MET, facts=facts)
        exact = _ZERO
        for line in met:
            value = rule.points.evaluate(line)
            exact = exact if value is None else CONTEXT.add(exact, value)  # type: ignore[arg-type]  # earn rules yield numbers
    elif _is_met(rule, facts):
        exact = rule.points.evaluate(facts)
    else:
        return Outcome(rule, Status.NOT_MET, facts=facts)
    # A rule that comes out negative takes nothing away: earning never costs points.
    points = max(0, rule.to_units(exact))
    status = Status.AWARDED if points else Status.NOTHING
    return Outcome(rule, status, exact, points, points, facts=facts)


def _is_met(rule: EarnPlan, facts: dict[str, Any]) -> bool:
    return rule.condition is None or bool(rule.condition.evaluate(facts))


def line_facts(plan: Plan, bought: Bought, facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the facts of each line, on top of those of the purchase."""
    return [{**facts, **plan.read_line(line)} for line in bought.lines]


def _compete(outcomes: list[Outcome]) -> None:
    """Leave of each group the rule of the highest priority, then of most points, then the first."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        group = outcome.plan.terms.group
        if group and outcome.status is Status.AWARDED:
            groups.setdefault(group, []).append(outcome)
    for competing in groups.values():
        winner = max(competing, key=lambda one: (one.plan.terms.priority, one.points))
        for outcome in competing:
            if outcome is not winner:
                outcome.status, outcome.points = Status.OUTBID, 0
                outcome.outbid_by = winner.plan.terms.rule_id


def _cut(outcome: Outcome, bought: Bought, budgets: Budgets | None) -> None:
    """Leave what the rule's caps and its budget allow."""
    cuts = []
    for limit, limit_points, used_points in _limits(outcome.plan, bought, budgets):
        left = max(0, limit_points - used_points)
        if outcome.points > left:
            cuts.append(Cut(limit, limit_points, used_points, outcome.points, left))
            outcome.points = left
    if cuts:
        outcome.cuts = tuple(cuts)
    if not outcome.points:
        outcome.status = Status.CAPPED


def _limits(rule: EarnPlan, bought: Bought, budgets: Budgets | None) -> list[tuple[str, int, int]]:
    """Return each limit of a rule: its name, its points, and what of them is used."""
    terms = rule.terms
    limits: list[tuple[str, int, int]] = []
    if terms.caps:
        used = _capped_points(bought.account, terms.rule_id)
        for cap, period in zip(terms.caps, rule.cap_periods(bought.effective_on)[0], strict=True):
            limits.append((cap.period, cap.points, used.get(period, 0)))
    if terms.budget_points:
        drawn = budgets.drawn_points.get(terms.rule_id, 0) if budgets else 0
        limits.append(("budget", terms.budget_points, drawn))
    return limits


def _capped_points(account: Account | None, rule_id: str) -> dict[str, int]:
    return account.capped_points.get(rule_id, {}) if account else {}
