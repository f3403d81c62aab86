"""What the budgets of a program have paid for, folded from their events."""

from msgspec import Struct

from ledger.budget.events import BudgetEvent


class Budgets(Struct):
    """Points that each rule with a budget has given so far."""

    drawn_points: dict[str, int] = {}


def evolve(budgets: Budgets | None, event: BudgetEvent) -> Budgets:
    """Fold one recorded fact into the budgets."""
    if budgets is None:
        budgets = Budgets()
    budgets.drawn_points[event.rule] = budgets.drawn_points.get(event.rule, 0) + event.points
    return budgets
