"""How a purchase came to its points: every rule with what it saw, what it gave, and a sentence to read out."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from msgspec import Struct

from rules.explain import Trace, award_sentence, explain, reason
from rules.pricing.earning import Cut, Outcome, Status, line_facts
from rules.pricing.facts import Bought
from rules.pricing.plans import Plan
from rules.wording import spelled


class LineTrace(Struct, frozen=True):
    """What a rule per line made of one line."""

    line: str
    is_met: bool
    """Whether the rule's condition holds."""
    result: Decimal | None
    """Points before rounding; the sum over the lines is rounded."""


class RuleTrace(Struct, frozen=True):
    """What one rule made of a purchase."""

    rule: str
    """The rule's id in the program."""
    kind: str
    status: Status
    points: int
    """Given, in the smallest unit of the point currency."""
    point_currency: str
    result: Any
    """Points before rounding."""
    text: str
    """One sentence to read out."""
    condition: Trace | None
    """How the condition came out; absent where there is none, and for a rule per line."""
    calculation: Trace | None
    """How the points came about; absent where they were not asked for, and for a rule per line."""
    lines: tuple[LineTrace, ...]
    cuts: tuple[Cut, ...]
    """What caps and the budget took away, in this order."""


class PurchaseTrace(Struct, frozen=True):
    """What all rules made of a purchase."""

    text: str
    """To read out: what was given and why, or why nothing was."""
    rules: tuple[RuleTrace, ...]


def trace_purchase(
    plan: Plan,
    bought: Bought,
    outcomes: Sequence[Outcome],
    given: Mapping[str, int],
) -> PurchaseTrace:
    """
    Tell how a purchase came to its points.

    Args:
        plan: That priced it.
        bought: The purchase, and the account before it.
        outcomes: Of pricing it.
        given: Points that each rule gave in the end, by its id.
    """
    for outcome in outcomes:
        _settle(outcome, given.get(outcome.plan.terms.rule_id, 0))
    is_alone = len(outcomes) == 1
    traces = tuple([_trace(plan, bought, outcome, is_alone=is_alone) for outcome in outcomes])
    told = [one.text for one in traces if one.points] or [one.text for one in traces]
    return PurchaseTrace(" ".join(told) or "The program has no earn rules.", traces)


def _settle(outcome: Outcome, given_points: int) -> None:
    """What the event has less than the rule and its caps make was left out by the budget as it was then."""
    budget_points = outcome.plan.terms.budget_points
    if budget_points and given_points < outcome.points:
        used_points = budget_points - given_points
        outcome.cuts += (Cut("budget", budget_points, used_points, outcome.points, given_points),)
        outcome.points = given_points
        outcome.status = Status.AWARDED if given_points else Status.CAPPED


def _trace(plan: Plan, bought: Bought, outcome: Outcome, *, is_alone: bool) -> RuleTrace:
    terms, rule = outcome.plan.terms, outcome.plan
    per_line = terms.per == "line"
    was_evaluated = outcome.status is not Status.NOT_VALID and not per_line
    has_points = was_evaluated and outcome.status is not Status.NOT_MET
    return RuleTrace(
        terms.rule_id,
        terms.kind,
        outcome.status,
        outcome.points,
        terms.point_currency,
        outcome.exact,
        _sentence(outcome, is_alone=is_alone),
        explain(rule.condition.rule, outcome.facts) if rule.condition and was_evaluated else None,
        explain(rule.points.rule, outcome.facts) if has_points else None,
        tuple(_line_traces(plan, bought, outcome)) if per_line and outcome.status is not Status.NOT_VALID else (),
        outcome.cuts,
    )


def _line_traces(plan: Plan, bought: Bought, outcome: Outcome) -> list[LineTrace]:
    rule = outcome.plan
    traces = []
    for line, facts in zip(bought.lines, line_facts(plan, bought, outcome.facts), strict=True):
        is_met = rule.condition is None or bool(rule.condition.evaluate(facts))
        result: Any = rule.points.evaluate(facts) if is_met else None
        traces.append(LineTrace(line.line, is_met, result))
    return traces


def _sentence(outcome: Outcome, *, is_alone: bool) -> str:
    terms = outcome.plan.terms
    by = "" if is_alone else f" from {terms.rule_id!r}"
    why_not = _why_not(outcome)
    if why_not is not None:
        return f"No {terms.point_currency}{by}: {why_not}."
    text = _points_sentence(outcome)
    head, colon, rest = text.partition(":")
    text = f"{head}{by}{colon}{rest}"
    for cut in outcome.cuts:
        text = f"{text[:-1]}; {_cut_text(cut, outcome)}."
    return text


def _points_sentence(outcome: Outcome) -> str:
    plan = outcome.plan
    terms = plan.terms
    if terms.per == "line":
        points = spelled(_major(outcome.rounded_points, outcome))
        return f"{points} {terms.point_currency}: the lines together make {spelled(outcome.exact)}."
    scale = plan.point_currency.scale if terms.rounding_scale is None else terms.rounding_scale
    text = award_sentence(plan.points.rule, outcome.facts, terms.rounding, scale, terms.point_currency)
    if plan.condition is not None and outcome.rounded_points:
        head, colon, rest = text.partition(": ")
        text = f"{head}{colon}{reason(plan.condition.rule, outcome.facts)} and {rest}"
    return text


def _why_not(outcome: Outcome) -> str | None:
    """Say why a rule gave nothing, unless its own calculation says so."""
    terms = outcome.plan.terms
    text = None
    match outcome.status:
        case Status.NOT_VALID:
            since = f" from {terms.valid_from.isoformat()}" if terms.valid_from else ""
            until = f" until before {terms.valid_until.isoformat()}" if terms.valid_until else ""
            text = f"it applies{since}{until}"
        case Status.NOT_MET if terms.per == "line":
            text = "no line of the basket meets its condition"
        case Status.NOT_MET:
            assert outcome.plan.condition
            text = reason(outcome.plan.condition.rule, outcome.facts)
        case Status.OUTBID:
            text = f"{outcome.outbid_by!r} gives them, and only one of the two does"
        case Status.CAPPED:
            text = "; ".join(_cut_text(cut, outcome) for cut in outcome.cuts)
        case Status.NOTHING if terms.per == "line":
            text = f"the lines together make {spelled(outcome.exact)}"
    return text


def _cut_text(cut: Cut, outcome: Outcome) -> str:
    limit, used = (spelled(_major(points, outcome)) for points in (cut.limit_points, cut.used_points))
    left = spelled(_major(cut.to_points, outcome)) if cut.to_points else "nothing"
    if cut.limit == "budget":
        return f"the promotion's budget of {limit} leaves {left}"
    if cut.limit == "purchase":
        return f"at most {limit} are given for one purchase"
    return f"of at most {limit} a {cut.limit}, {used} were given before, which leaves {left}"


def _major(points: int, outcome: Outcome) -> Decimal:
    return Decimal(points).scaleb(-outcome.plan.point_currency.scale)
