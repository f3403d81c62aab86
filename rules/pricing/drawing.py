"""What events of an account take from the budgets of rules, and give back to them."""

from collections.abc import Iterable, Iterator

from ledger.account.events import AccountEvent, PurchasePosted, PurchaseRepriced, PurchaseReturned
from ledger.budget.events import BudgetDrawn, BudgetEvent, BudgetReturned
from ledger.program.state import Program
from rules.pricing.history import History


def budget_events(program: Program, history: History, events: Iterable[AccountEvent]) -> Iterator[BudgetEvent]:
    """
    Give what becomes of budgets: points that a rule with a budget gives, and those that it does not give any more.

    Args:
        program: With every version that priced something.
        history: What was booked before.
        events: To be recorded.
    """
    limited = {
        version.version: {one.rule_id for one in version.terms.earn_rules if one.budget_points}
        for version in (*program.versions, *program.withdrawn)
    }
    for event in events:
        match event:
            case PurchasePosted():
                for one in event.accruals:
                    if one.rule in limited[event.program_version]:
                        at = event.occurred_at
                        yield BudgetDrawn(one.rule, one.points, event.source, event.transaction_id, at)
            case PurchaseReturned() | PurchaseRepriced():
                sale = history.purchases[event.purchase_source, event.transaction_id].event
                if isinstance(event, PurchaseReturned):
                    by = event.source, event.return_id
                else:
                    by = event.purchase_source, event.cause
                for change in event.changes:
                    less = change.before_points - change.after_points
                    if less > 0 and change.rule in limited[sale.program_version]:
                        yield BudgetReturned(change.rule, less, *by, event.occurred_at)
            case _:
                pass
