"""What the budgets of a program have paid for, folded from their events."""

from msgspec import Struct

from ledger.budget.events import BudgetEvent, BudgetReturned


class Budgets(Struct):
    """Points that each rule with a budget has given so far."""

    drawn_points: dict[str, int] = {}


def evolve(budgets: Budgets | None, event: BudgetEvent) -> Budgets:
    """Fold one recorded fact into the budgets."""
    if budgets is None:
        budgets = Budgets()
    points = -event.points if isinstance(event, BudgetReturned) else event.points
    budgets.drawn_points[event.rule] = budgets.drawn_points.get(event.rule, 0) + points
    if not budgets.drawn_points[event.rule]:
        del budgets.drawn_points[event.rule]
    return budgets
