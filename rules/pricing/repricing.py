"""What rules give a purchase now, against what they are to give: points to take back, and points to add."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from ledger.account.commands import Award
from ledger.account.events import AccountEvent, Accrual, LotMove, PurchaseLine, PurchasePosted, RuleChange
from ledger.account.evolve import evolve
from ledger.account.state import Account
from ledger.money import to_major
from rules.pricing.earning import Outcome, award_of, cap_periods
from rules.pricing.facts import Bought
from rules.pricing.history import Booked, History
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


def account_before(events: Iterable[AccountEvent], place: int) -> Account | None:
    """Return the account as it was before one of its events."""
    account = None
    for number, event in enumerate(events):
        if number == place:
            break
        account = evolve(account, event)
    return account


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
            lost = list(_losing(booked.accruals.get(rule_id, []), before_points - after_points))
            losing += lost
            for move in lost:
                gone = min(move.points, history.lapsed.get(move.lot, 0))
                lapsed[move.point_currency] = lapsed.get(move.point_currency, 0) + gone
        else:
            on = booked.event.effective_on
            earning = next(one for one in (*plan.base, *plan.bonus) if one.terms.rule_id == rule_id)
            awards.append(award_of(earning, after_points - before_points, on, keeps_age=True))
    # What an earlier return of the same purchase did not ask for because it had lapsed is not passed over again.
    unasked = {code: max(0, points - booked.written_off.get(code, 0)) for code, points in lapsed.items()}
    return Repriced(tuple(changes), tuple(losing), unasked, tuple(awards))


def _losing(accruals: Sequence[Accrual], points: int) -> Iterable[LotMove]:
    """Say which lots of a rule are to lose points: the newest first, because corrections made them."""
    for accrual in reversed(accruals):
        part = min(points, accrual.points)
        if part:
            yield LotMove(accrual.lot, accrual.point_currency, part)
        points -= part


def remaining(
    plan: Plan,
    sale: PurchasePosted,
    amount_minor: int,
    lines: tuple[PurchaseLine, ...],
    before: Account | None,
) -> Bought:
    """Return a purchase with another amount and basket, as its rules see it."""
    return Bought(
        to_major(amount_minor, sale.currency),
        sale.currency,
        sale.source,
        sale.occurred_at,
        sale.effective_on,
        plan.zone,
        before,
        lines,
        sale.attributes,
    )


def points_of(outcomes: Iterable[Outcome], booked: Mapping[str, int]) -> dict[str, int]:
    """Return the points of each rule; one with a budget gives no more than it gave then."""
    return {
        one.plan.terms.rule_id: min(one.points, booked.get(one.plan.terms.rule_id, 0))
        if one.plan.terms.budget_points
        else one.points
        for one in outcomes
    }
