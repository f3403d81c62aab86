"""
What a basket would earn and what points could pay of it, before anything is booked.

Nothing is calculated here: the functions that decide postings are asked what they would do, so that a quote cannot
differ from the posting that follows it on the same account.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from ledger.account.errors import AccountClosed, AccountSuspended
from ledger.account.events import AccountEvent, PointsRedeemed, PurchasePosted
from ledger.account.state import Account
from ledger.budget.state import Budgets
from ledger.errors import LedgerError
from ledger.posting.instruction import On
from ledger.program.state import Program
from rules.activity import Purchase
from rules.instructions import post_purchase
from rules.instructions.asking import folded
from rules.pricing.plans import plan_of
from rules.pricing.price import version_in_force
from rules.pricing.simulation import Simulated, explained, joined
from rules.pricing.spendable import Basket, Spendable, attempt, spendable
from rules.requests import QuoteRequest
from rules.tiers.holding import tier_on


class Known(Struct, frozen=True):
    """What a quote rests on, all of it read from the ledger at one moment."""

    program: Program
    account: Account | None
    """``None``: of somebody who joins with this purchase."""
    budgets: Budgets | None
    history: Sequence[AccountEvent] | None = None
    """Of the account, if it was asked for."""


class TierChange(Struct, frozen=True):
    """A ladder, and what the purchase would do to the tier on it."""

    ladder: str
    before: str | None
    after: str | None


class Quoted(Struct, frozen=True):
    """A quote."""

    account: Account
    earning: Simulated | LedgerError
    """What posting the purchase would book, or refuse because of the account's standing."""
    tiers: tuple[TierChange, ...]
    spending: list[Spendable]
    asked: PointsRedeemed | LedgerError | None
    """What redeeming the points that were asked about would book, or be refused for."""


def quote(known: Known, request: QuoteRequest, transaction_id: str, received_at: datetime) -> Quoted:
    """
    Say what a basket would earn, and how many points could pay for it.

    Args:
        known: Left alone.
        request: The basket.
        transaction_id: One that is not booked.
        received_at: Now, for the check of its time.

    Raises:
        HistoryNeeded: What it earns depends on the order of what is booked already.
        LedgerError: A posting of this purchase would be refused for what it says itself.
    """
    program = known.program
    purchase = Purchase(
        request.source,
        transaction_id,
        "",
        request.occurred_at,
        request.amount,
        request.currency,
        request.lines,
        request.attributes,
    )
    account = known.account or joined(program, purchase)
    posting = post_purchase(program.program_id, purchase, received_at, booked_on=bytes(16))
    earning: Simulated | LedgerError
    after = account
    try:
        made = posting.decide(account, program, known.budgets, history=known.history)
    except (AccountClosed, AccountSuspended) as refusal:
        # The basket is in order; what the account is not allowed is part of the answer.
        earning = refusal
    else:
        events: list[AccountEvent] = [event for event in made if not isinstance(event, On)]  # type: ignore[misc]
        event = next(one for one in events if isinstance(one, PurchasePosted))
        after = folded(account, events)
        earning = explained(program, event, account, known.budgets)
    basket = Basket(program, account, request.occurred_at, request.amount)
    asked = None if request.points is None else attempt(basket, request.point_currency, request.points)
    tiers = tuple(_tiers(program, request.occurred_at, account, after))
    return Quoted(account, earning, tiers, spendable(basket), asked)


def _tiers(program: Program, occurred_at: datetime, before: Account, after: Account) -> list[TierChange]:
    plan = plan_of(program, version_in_force(program, occurred_at))
    on = occurred_at.astimezone(plan.zone).date()
    return [
        TierChange(
            one.ladder.code,
            tier_on(one, before.tiers.get(one.ladder.code), on) or None,
            tier_on(one, after.tiers.get(one.ladder.code), on) or None,
        )
        for one in plan.ladders
    ]
