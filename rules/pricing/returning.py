"""
What a return takes back: the basket that remains is priced again by the version of the day of the sale.

The facts of the account are those from before the sale, so that a welcome bonus stays one, and a tier reached since
does not change what the sale was worth.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from ledger.account.commands import ReturnPurchase
from ledger.account.events import AccountEvent, LotMove, PurchaseLine
from ledger.account.state import Account
from ledger.budget.events import BudgetReturned
from ledger.dates import as_utc, local_date
from ledger.program.state import Program
from rules.errors import UnknownPurchase
from rules.pricing.burning import worth_minor
from rules.pricing.earning import earn
from rules.pricing.history import Booked, Key, history_of, remaining_lines
from rules.pricing.plans import Plan, plan_of
from rules.pricing.repricing import account_before, points_of, remaining, reprice
from rules.pricing.returned import is_all, returned_amount, returned_attributes, returned_lines, with_returned
from rules.requests import ReturnRequest
from rules.tiers.changing import TierCommand, after_counting
from rules.tiers.counting import Counted, counts_of


class PricedReturn(Struct, frozen=True):
    """A return with everything that the rules make of it."""

    command: ReturnPurchase
    tiers: Sequence[TierCommand]
    budgets: Sequence[BudgetReturned]


def price_return(
    key: Key,
    request: ReturnRequest,
    events: Sequence[AccountEvent],
    program: Program,
    account: Account,
) -> PricedReturn:
    """
    Find out what a return takes back.

    Args:
        key: The purchase: its source and transaction id.
        request: As reported.
        events: Of the account, oldest first.
        program: Still holds the version that priced the purchase.
        account: As it is now.

    Raises:
        UnknownPurchase: The account has no such purchase.
        UnknownLine: It has no such line.
        ReturnExceedsPurchase: More is to be returned than is left.
    """
    history = history_of(events)
    booked = history.purchases.get(key)
    if booked is None:
        raise UnknownPurchase(f"{key[0]!r} has no purchase {key[1]!r} on this account.", pointer="/transaction_id")
    sale = booked.event
    plan = plan_of(program, next(one for one in program.versions if one.version == sale.program_version))
    lines = returned_lines(booked, request, sale.currency)
    amount_minor = returned_amount(booked, request, lines)
    is_full = is_all(booked, lines, amount_minor)
    attributes = returned_attributes(booked, request, is_full=is_full)
    after = {} if is_full else _after(plan, booked, lines, amount_minor, account_before(events, booked.place))
    repriced = reprice(plan, booked, after, history)
    occurred_at = as_utc(request.occurred_at)
    on = local_date(occurred_at, plan.zone)
    undone = Counted(
        sale.effective_on,
        -amount_minor,
        repriced.given(plan),
        {name: -number for name, number in attributes.items()},
        -1 if is_full else 0,
    )
    counts = counts_of(plan.ladders, account, undone, plan.version.terms.point_currencies)
    beyond = plan.version.terms.returns.beyond
    command = ReturnPurchase(
        request.source,
        request.return_id,
        *key,
        occurred_at,
        on,
        request.reason,
        amount_minor,
        sale.currency,
        sale.program_version,
        lines,
        repriced.changes,
        repriced.losing,
        repriced.lapsed,
        repriced.awards,
        counts,
        beyond,
        _worth(plan, program, repriced.losing, account) if beyond == "waterfall" else {},
        attributes,
    )
    tiers = after_counting(plan.ladders, account, counts, occurred_at, sale.effective_on, from_on=on) if counts else []
    budgets = _budgets(plan, request, command)
    return PricedReturn(command, tiers, budgets)


def _after(
    plan: Plan,
    booked: Booked,
    lines: Sequence[PurchaseLine],
    amount_minor: int,
    before: Account | None,
) -> dict[str, int]:
    """Return what each rule gives for what remains."""
    left_minor = booked.left_minor - amount_minor
    left = remaining_lines(booked.event.lines, with_returned(booked.returned, lines))
    return points_of(earn(plan, remaining(plan, booked.event, left_minor, left, before), None), booked.points)


def _worth(plan: Plan, program: Program, losing: Iterable[LotMove], account: Account) -> dict[str, int]:
    """Return what the points that are taken back are worth, per point currency, by the burn rules of the sale's day."""
    points: dict[str, int] = {}
    for move in losing:
        points[move.point_currency] = points.get(move.point_currency, 0) + move.points
    return {code: worth_minor(plan, program, code, number, account) for code, number in points.items()}


def _budgets(plan: Plan, request: ReturnRequest, command: ReturnPurchase) -> list[BudgetReturned]:
    limited = {one.rule_id for one in plan.version.terms.earn_rules if one.budget_points}
    return [
        BudgetReturned(
            change.rule,
            change.before_points - change.after_points,
            request.source,
            request.return_id,
            command.occurred_at,
        )
        for change in command.changes
        if change.rule in limited and change.after_points < change.before_points
    ]
