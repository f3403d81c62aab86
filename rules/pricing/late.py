"""
What arrives out of order: offline tills, billing runs of last month, returns that were reported late.

The books shall be what they would be if everything had arrived in the order in which it happened. Where what a
purchase earns depends on what was before it (caps, tiers, first purchases), something late can change what later ones
earn. So the member's history is gone through again in the order in which it happened, and whatever comes out otherwise
is booked as a difference. Redemptions stay as they are: they happened. Budgets too: they are first come, first served,
so a rule with a budget never gives more than when the purchase arrived.

At one and the same moment the order is that of `ledger.account.order`, so that arrival never decides.
"""

import copy
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from msgspec import Struct
from msgspec.structs import replace

from ledger.account.commands import Beyond, PostPurchase, RepricePurchase
from ledger.account.decide import decide
from ledger.account.deciding.standing import tier_event
from ledger.account.events import (
    AccountEvent,
    Accrual,
    Count,
    HoldCaptured,
    PointsRedeemed,
    PurchasePosted,
    RedemptionReversed,
)
from ledger.account.evolve import evolve
from ledger.account.order import PURCHASE, Place, place_of
from ledger.account.state import Account
from ledger.posting.instruction import HistoryNeeded
from ledger.program.state import Program
from rules.pricing.earning import award_of
from rules.pricing.history import History, Key, history_of
from rules.pricing.plans import plan_of
from rules.pricing.replay import Replay, Sale
from rules.pricing.repricing import Repriced, kept_in_budget, reprice
from rules.tiers.changing import Change, differences
from rules.tiers.plans import LadderPlan


def is_late(account: Account, program: Program, place: Place) -> bool:
    """
    Tell whether something belongs before what is booked already, where that can change what is earned.

    Args:
        account: As it is.
        program: With every version; one that depends on the order is enough.
        place: Where it belongs.
    """
    is_before = account.last_place is not None and place < account.last_place
    is_before_moves = account.last_moved_at is not None and place[0] <= account.last_moved_at
    if not (is_before or is_before_moves):
        return False
    plans = [plan_of(program, version) for version in program.versions]
    return any((is_before and plan.depends_on_order) or (is_before_moves and plan.reads_balances) for plan in plans)


def place_of_purchase(command: PostPurchase) -> Place:
    """Return where a purchase belongs."""
    return command.occurred_at, PURCHASE, command.source, command.transaction_id


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
    replay = Replay(program, history, place_of_purchase(command))
    replay.run([*events, new])
    sale = replay.sales[command.source, command.transaction_id]
    booking = Booking(account)
    booking.add(decide(account, _in_order(command, sale, events)))
    cause = Cause("late", command.transaction_id, command.occurred_at, command.effective_on)
    booking.add_differences(replay, history, cause, but=(command.source, command.transaction_id))
    booking.add_tiers(program, replay.account, cause)
    return booking.events


def with_later(
    made: list[AccountEvent],
    account: Account,
    program: Program,
    history: Sequence[AccountEvent] | None,
) -> list[AccountEvent]:
    """
    Return what moves points late, with what it changes about purchases after it whose rules read balances.

    Args:
        made: A redemption or its reversal comes last.
        account: As it was before.
        program: With every version.
        history: Of the account, or ``None`` as long as it was not asked for.

    Raises:
        HistoryNeeded: It is needed.
    """
    event = made[-1]
    assert isinstance(event, PointsRedeemed | RedemptionReversed)
    place = place_of(event)
    if account.last_place is None or account.last_place < place:
        return made
    if not any(plan_of(program, version).reads_balances for version in program.versions):
        return made
    if history is None:
        raise HistoryNeeded
    before = history_of(history)
    replay = Replay(program, before, place)
    replay.run([*history, *made])
    booking = Booking(account)
    booking.add(made)
    cause = Cause("late", event.redemption_id, event.occurred_at, event.effective_on)
    booking.add_differences(replay, before, cause)
    booking.add_tiers(program, replay.account, cause)
    return booking.events


class Cause(Struct, frozen=True):
    """What changed what others earn."""

    reason: str
    """``late`` or ``returned``."""
    reference: str
    occurred_at: datetime
    effective_on: date


class Booking:
    """Events one after the other, and the account after them; the one given is left alone."""

    def __init__(self, account: Account) -> None:
        self.account = copy.deepcopy(account)
        self.events: list[AccountEvent] = []

    def add(self, events: Iterable[AccountEvent]) -> None:
        """Take events."""
        for event in events:
            self.events.append(event)
            self.account = evolve(self.account, event)

    def add_differences(self, replay: Replay, history: History, cause: Cause, *, but: Key | None = None) -> None:
        """Book what purchases earn otherwise in the order in which things happened, all but the one in question."""
        repriced = []
        for key, sale in replay.sales.items():
            if key != but:
                booked = history.purchases[key]
                points = kept_in_budget(sale.plan, sale.points, booked.points)
                difference = reprice(sale.plan, booked, points, history)
                if difference.changes:
                    repriced.append(_reprice(key, sale, difference, cause))
        if repriced:
            counts = _counts(replay.account, self.account)
            repriced[-1] = replace(repriced[-1], counts=counts)
        for one in repriced:
            self.add(decide(self.account, one))

    def add_tiers(self, program: Program, wanted: Account, cause: Cause) -> None:
        """Book what makes tiers what they would be."""
        at, on = cause.occurred_at, cause.effective_on
        latest = max([on, *self.account.last_active.values()])
        ladders = _ladders(program)
        commands = differences(ladders, wanted, self.account, Change(cause.reason, at, on, latest))
        balances = self.account.balances()
        self.add([tier_event(self.account, command, balances) for command in commands])


def _ladders(program: Program) -> Iterable[LadderPlan]:
    """Return every ladder that ever counted, as the newest version that has it says."""
    found = {one.ladder.code: one for version in program.versions for one in plan_of(program, version).ladders}
    return found.values()


def _in_order(command: PostPurchase, sale: Sale, events: Sequence[AccountEvent]) -> PostPurchase:
    """Return the purchase with what it earns in its place."""
    rules = {one.terms.rule_id: one for one in (*sale.plan.base, *sale.plan.bonus)}
    awards = tuple(
        award_of(rules[rule], points, command.effective_on) for rule, points in sale.points.items() if points
    )
    urgent: dict[str, date] = {}
    for award in awards:
        until = award.expires_on or date.max
        urgent[award.point_currency] = min(until, urgent.get(award.point_currency, until))
    return replace(command, awards=awards, counts=sale.counts, overtaken_by=_overtaken_by(events, command, urgent))


def _overtaken_by(events: Sequence[AccountEvent], command: PostPurchase, urgent: dict[str, date]) -> tuple[str, ...]:
    """
    Return the later redemptions that took lots which are less urgent than those that come only now.

    Args:
        events: Of the account.
        command: What comes only now.
        urgent: Per point currency, the earliest expiry of its lots.
    """
    accruals: list[Accrual] = [one for event in events for one in getattr(event, "accruals", ())]
    dates = {one.lot: one.expires_on or date.max for one in accruals}
    return tuple(
        event.redemption_id
        for event in events
        if isinstance(event, PointsRedeemed | HoldCaptured)
        and event.occurred_at >= command.occurred_at
        and event.point_currency in urgent
        and any(dates.get(part.lot, date.max) > urgent[event.point_currency] for part in event.taken)
    )


def _reprice(key: Key, sale: Sale, difference: Repriced, cause: Cause) -> RepricePurchase:
    beyond: Beyond = sale.plan.version.terms.returns.beyond
    return RepricePurchase(
        *key,
        cause.occurred_at,
        cause.effective_on,
        cause.reference,
        difference.changes,
        difference.losing,
        difference.lapsed,
        difference.awards,
        (),
        # A refund cannot be made smaller for something that nobody brought back.
        "within_balance" if beyond == "waterfall" else beyond,
    )


def _counts(wanted: Account, account: Account) -> tuple[Count, ...]:
    """Return what counters are to get so that they are as if everything had come in order."""
    counts = []
    for counter in wanted.counters.keys() | account.counters.keys():
        want, have = wanted.counters.get(counter, {}), account.counters.get(counter, {})
        for period in want.keys() | have.keys():
            amount = want.get(period, 0) - have.get(period, 0)
            if amount:
                counts.append(Count(counter, period, amount))
    return tuple(sorted(counts, key=lambda one: (one.counter, one.period)))
