"""
Purchases that arrive out of order: offline tills, billing runs of last month.

The books shall be what they would be if everything had arrived in the order in which it happened. Where what a purchase
earns depends on what was before it (caps, tiers, first purchases), a late one can change what later ones earn. So the
member's history is gone through again in the order in which it happened, and whatever comes out otherwise is booked as
a difference. Redemptions stay as they are: they happened. Budgets too: they are first come, first served.
"""

import copy
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from msgspec.structs import replace

from ledger.account.commands import Beyond, ChangeTier, PostPurchase, RepricePurchase, RetainTier
from ledger.account.decide import decide
from ledger.account.deciding.standing import tier_event
from ledger.account.events import AccountEvent, Accrual, Count, HoldCaptured, PointsRedeemed, PurchasePosted
from ledger.account.evolve import evolve
from ledger.account.state import Account, Held
from ledger.program.state import Program
from rules.pricing.earning import award_of
from rules.pricing.history import history_of
from rules.pricing.replay import Replay, Sale
from rules.pricing.repricing import Repriced, reprice

_Urgency = tuple[date, date]


def is_late(account: Account | None, occurred_at: datetime) -> bool:
    """Tell whether something happened before what is booked already."""
    return account is not None and account.last_occurred_at is not None and occurred_at < account.last_occurred_at


def post_late(
    command: PostPurchase,
    account: Account,
    program: Program,
    events: Sequence[AccountEvent],
) -> list[AccountEvent]:
    """
    Book a purchase that arrives late, and what it changes about those after it.

    Args:
        command: The purchase, priced as if it had come last; what its budgets allow is final.
        account: As it is now.
        program: With every version that priced something.
        events: Of the account, oldest first.

    Returns:
        The purchase, then the differences of others, then what becomes of tiers.
    """
    history = history_of(events)
    alone = decide(account, command)
    new = next(event for event in alone if isinstance(event, PurchasePosted))
    replay = Replay(program, history, command.occurred_at)
    replay.run([*events, new])
    sale = replay.sales[command.source, command.transaction_id]
    booking = _Booking(account)
    booking.add(decide(account, _in_order(command, sale, events)))
    repriced = [
        _reprice(key, one, difference, command)
        for key, one in replay.sales.items()
        if key in history.purchases
        and (difference := reprice(one.plan, history.purchases[key], one.points, history)).changes
    ]
    counts = _differences(replay.account, booking.account, repriced)
    for number, one in enumerate(repriced):
        last = number == len(repriced) - 1
        booking.add(decide(booking.account, replace(one, counts=counts) if last else one))
    booking.add(_tiers(replay.account, booking.account, command))
    return booking.events


class _Booking:
    """Events one after the other, and the account after them; the one given is left alone."""

    def __init__(self, account: Account) -> None:
        self.account = copy.deepcopy(account)
        self.events: list[AccountEvent] = []

    def add(self, events: Iterable[AccountEvent]) -> None:
        for event in events:
            self.events.append(event)
            self.account = evolve(self.account, event)


def _in_order(command: PostPurchase, sale: Sale, events: Sequence[AccountEvent]) -> PostPurchase:
    """Return the purchase with what it earns in its place."""
    rules = {one.terms.rule_id: one for one in (*sale.plan.base, *sale.plan.bonus)}
    awards = tuple(
        award_of(rules[rule], points, command.effective_on) for rule, points in sale.points.items() if points
    )
    overtaken = _overtaken_by(
        events,
        command,
        {award.point_currency for award in awards},
        [(award.expires_on or date.max, command.effective_on) for award in awards],
    )
    return replace(command, awards=awards, counts=sale.counts, overtaken_by=overtaken)


def _overtaken_by(
    events: Sequence[AccountEvent],
    command: PostPurchase,
    currencies: set[str],
    urgencies: Sequence[_Urgency],
) -> tuple[str, ...]:
    """Return the later redemptions that took lots which are less urgent than those that come only now."""
    accruals: list[Accrual] = [one for event in events for one in getattr(event, "accruals", ())]
    dates = {one.lot: one.expires_on or date.max for one in accruals}
    most_urgent = min(urgencies, default=None)
    if most_urgent is None:
        return ()
    return tuple(
        event.redemption_id
        for event in events
        if isinstance(event, PointsRedeemed | HoldCaptured)
        and event.occurred_at >= command.occurred_at
        and event.point_currency in currencies
        and any(dates.get(part.lot, date.max) > most_urgent[0] for part in event.taken)
    )


def _reprice(key: tuple[str, str], sale: Sale, difference: Repriced, command: PostPurchase) -> RepricePurchase:
    beyond: Beyond = sale.plan.version.terms.returns.beyond
    return RepricePurchase(
        *key,
        command.occurred_at,
        command.effective_on,
        command.transaction_id,
        difference.changes,
        difference.losing,
        difference.lapsed,
        difference.awards,
        (),
        # A refund cannot be made smaller for something that nobody brought back.
        "within_balance" if beyond == "waterfall" else beyond,
    )


def _differences(wanted: Account, account: Account, repriced: Sequence[RepricePurchase]) -> tuple[Count, ...]:
    """Return what counters are to get so that they are as if everything had come in order."""
    if not repriced:
        return ()
    counts = []
    for counter in wanted.counters.keys() | account.counters.keys():
        want, have = wanted.counters.get(counter, {}), account.counters.get(counter, {})
        for period in want.keys() | have.keys():
            amount = want.get(period, 0) - have.get(period, 0)
            if amount:
                counts.append(Count(counter, period, amount))
    return tuple(sorted(counts, key=lambda one: (one.counter, one.period)))


def _tiers(wanted: Account, account: Account, command: PostPurchase) -> list[AccountEvent]:
    """Return what makes tiers what they would be."""
    events = []
    for ladder in sorted(wanted.tiers.keys() | account.tiers.keys()):
        want, have = wanted.tiers.get(ladder, Held()), account.tiers.get(ladder, Held())
        at, on, balances = command.occurred_at, command.effective_on, account.balances()
        for tier, until in want.secured.items():
            period = want.bases.get(tier, "")
            if tier not in have.secured or have.secured[tier] != until:
                events.append(tier_event(account, RetainTier(ladder, tier, at, on, until, period), balances))
        withdrawn = tuple(tier for tier in have.secured if tier not in want.secured)
        if want.tier != have.tier or withdrawn:
            until, period = want.secured.get(want.tier), want.bases.get(want.tier, "")
            change = ChangeTier(ladder, want.tier, at, on, "late", until, period, withdrawn)
            events.append(tier_event(account, change, balances))
    return events
