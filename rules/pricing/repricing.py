"""What rules give a purchase now, against what they are to give: points to take back, and points to add."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from ledger.account.commands import Award
from ledger.account.events import LotMove, PurchasePosted, RuleChange
from ledger.account.state import Account
from ledger.money import to_major
from rules.pricing.earning import Outcome, award_of, cap_periods
from rules.pricing.facts import Bought
from rules.pricing.history import Booked, History, Undone, newest_of, remaining_lines
from rules.pricing.plans import Plan


class Repriced(Struct, frozen=True):
    """What rules give a purchase less, or more, than before."""

    changes: tuple[RuleChange, ...]
    losing: tuple[LotMove, ...]
    lapsed: dict[str, int]
    awards: tuple[Award, ...]

    def given(self, plan: Plan) -> list[tuple[str, str, int]]:
        """Return the differences as points that count toward tiers: point currency, kind, points."""
        kinds = {one.rule_id: one.kind for one in plan.version.terms.earn_rules}
        return [
            (change.point_currency, kinds.get(change.rule, ""), change.after_points - change.before_points)
            for change in self.changes
        ]


def reprice(plan: Plan, booked: Booked, after: Mapping[str, int], history: History) -> Repriced:
    """
    Compare what rules give a purchase now with what they are to give.

    Args:
        plan: That priced the purchase.
        booked: The purchase as it stands.
        after: Points by rule; a rule that is not in it gives none.
        history: What lapsed of its lots.
    """
    rules = {one.rule_id: one for one in plan.version.terms.earn_rules}
    changes, losing, awards = [], [], []
    lapsed: dict[str, int] = {}
    for rule_id in dict.fromkeys([*booked.points, *after]):
        before_points, after_points = booked.points.get(rule_id, 0), after.get(rule_id, 0)
        if before_points == after_points:
            continue
        rule = rules[rule_id]
        periods = cap_periods(rule.caps, booked.event.effective_on) if rule.caps else ()
        changes.append(RuleChange(rule_id, rule.point_currency, before_points, after_points, periods))
        if after_points < before_points:
            lost = list(newest_of(booked.lots.get(rule_id, []), before_points - after_points))
            losing += lost
            for move in lost:
                gone = min(move.points, history.lapsed.get(move.lot, 0))
                lapsed[move.point_currency] = lapsed.get(move.point_currency, 0) + gone
        else:
            on = booked.event.effective_on
            earning = next(one for one in (*plan.base, *plan.bonus) if one.terms.rule_id == rule_id)
            awards.append(award_of(earning, after_points - before_points, on, keeps_age=True))
    return Repriced(tuple(changes), tuple(losing), lapsed, tuple(awards))


def remaining(plan: Plan, sale: PurchasePosted, undone: Undone, before: Account) -> Bought:
    """Return what is left of a purchase, as its rules see it."""
    attributes = dict(sale.attributes)
    for name, number in undone.attributes.items():
        whole = attributes[name]
        assert isinstance(whole, int)  # only whole numbers are undone
        attributes[name] = whole - number
    return Bought(
        to_major(sale.amount_minor - undone.amount_minor, sale.currency),
        sale.currency,
        sale.source,
        sale.occurred_at,
        sale.effective_on,
        plan.zone,
        before,
        remaining_lines(sale.lines, undone.lines),
        attributes,
    )


def kept_in_budget(plan: Plan, points: Mapping[str, int], booked: Mapping[str, int]) -> dict[str, int]:
    """Return points by rule; those of a rule with a budget are no more than it has paid for."""
    limited = {one.rule_id for one in plan.version.terms.earn_rules if one.budget_points}
    return {rule: min(number, booked.get(rule, 0)) if rule in limited else number for rule, number in points.items()}


def points_of(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Return the points of each rule."""
    return {one.plan.terms.rule_id: one.points for one in outcomes}
