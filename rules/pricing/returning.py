"""
What a return takes back: the basket that remains is priced again by the version of the day of the sale.

The facts of the account are those from before the sale, in the order in which things happened, so that a welcome bonus
stays one, and a tier reached since does not change what the sale was worth.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from ledger.account.commands import ReturnPurchase
from ledger.account.events import AccountEvent, LotMove, PurchaseReturned
from ledger.account.order import RETURN
from ledger.account.state import Account
from ledger.dates import as_utc, local_date
from ledger.program.state import Program
from rules.errors import UnknownPurchase
from rules.pricing.burning import worth_minor
from rules.pricing.history import History, Key, history_of, is_everything
from rules.pricing.plans import Plan, numbered, plan_of
from rules.pricing.replay import Replay
from rules.pricing.repricing import kept_in_budget, reprice
from rules.pricing.returned import returned_amount, returned_attributes, returned_lines, with_returned
from rules.requests import ReturnRequest
from rules.tiers.counting import Counted, counts_of


class PricedReturn(Struct, frozen=True):
    """A return with everything that the rules make of it."""

    command: ReturnPurchase
    replay: Replay
    """The member's history with it."""
    history: History
    """Without it."""


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
    plan = plan_of(program, numbered(program, sale.program_version))
    lines = returned_lines(booked, request, sale.currency)
    amount_minor = returned_amount(booked, request, lines)
    back = with_returned(booked.undone.lines, lines)
    is_full = is_everything(sale, booked.undone.amount_minor + amount_minor, lines, back)
    attributes = returned_attributes(booked, request, is_full=is_full)
    occurred_at = as_utc(request.occurred_at)
    on = local_date(occurred_at, plan.zone)
    new = PurchaseReturned(
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
        attributes=attributes,
    )
    replay = Replay(program, history, (occurred_at, RETURN, request.source, request.return_id))
    replay.run([*events, new])
    after = kept_in_budget(plan, replay.sales[key].points, booked.points)
    repriced = reprice(plan, booked, after, history)
    undone = Counted(
        sale.effective_on,
        -amount_minor,
        repriced.given(plan),
        {name: -number for name, number in attributes.items()},
        -1 if is_full and not booked.undone.is_all else 0,
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
    return PricedReturn(command, replay, history)


def _worth(plan: Plan, program: Program, losing: Iterable[LotMove], account: Account) -> dict[str, int]:
    """Return what the points that are taken back are worth, per point currency, by the burn rules of the sale's day."""
    points: dict[str, int] = {}
    for move in losing:
        points[move.point_currency] = points.get(move.point_currency, 0) + move.points
    return {code: worth_minor(plan, program, code, number, account) for code, number in points.items()}
