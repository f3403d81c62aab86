"""A member's history, gone through again in the order in which it happened instead of that in which it arrived."""

import copy
from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from ledger.account.books import Book
from ledger.account.deciding.standing import tier_event
from ledger.account.events import (
    AccountEvent,
    AccountOpened,
    Accrual,
    Count,
    HoldCaptured,
    PointsAccrued,
    PointsRedeemed,
    PurchasePosted,
    PurchaseReturned,
    RedemptionReversed,
    RuleChange,
    TierChanged,
)
from ledger.account.evolve import evolve
from ledger.account.state import Account
from ledger.program.state import Program
from rules.pricing.earning import cap_periods, earn
from rules.pricing.facts import recorded
from rules.pricing.history import History, Key, Returned, add_returned, remaining_lines
from rules.pricing.plans import Plan, plan_of
from rules.pricing.repricing import points_of, remaining
from rules.tiers.changing import after_counting
from rules.tiers.counting import Counted, counts_of

_OF_ITSELF = frozenset({"assigned", "lapsed"})
"""Changes of tiers that were not made by purchases, and stay."""


class Sale(Struct):
    """A purchase on its way through the replay."""

    event: PurchasePosted
    plan: Plan
    points: dict[str, int]
    """What each rule gives it now."""
    counts: tuple[Count, ...] = ()
    """What it adds to the counters of tiers."""
    before: Account | None = None
    """The account before it; kept where something of it came back."""
    returned_minor: int = 0
    returned: dict[str, Returned] = {}


class Replay:
    """An account as it would be, as far as pricing asks for it: caps, counters, tiers and totals."""

    def __init__(self, program: Program, history: History, changed_from: datetime) -> None:
        """
        Args:
            program: With every version that priced something.
            history: What is booked.
            changed_from: Everything before this moment is as it was booked; from then on it is priced again.
        """
        self._program = program
        self._history = history
        self._changed_from = changed_from
        self._account: Account | None = None
        self._lot_count = 0
        self.sales: dict[Key, Sale] = {}

    @property
    def account(self) -> Account:
        """The account after what was taken."""
        assert self._account is not None
        return self._account

    def run(self, events: Iterable[AccountEvent]) -> None:
        """Take events in the order in which they happened; of those at one moment, in the order of arrival."""
        placed = enumerate(events)
        for _, event in sorted(placed, key=lambda one: (one[1].occurred_at, one[0])):
            self._take(event)

    def _take(self, event: AccountEvent) -> None:
        match event:
            case AccountOpened():
                self._account = evolve(None, event)
            case PurchasePosted():
                self._sell(event)
            case PurchaseReturned():
                self._take_back(event)
            case PointsAccrued():
                self._evolve(replace(event, accruals=self._renumbered(event.accruals), repaid=()))
            case PointsRedeemed() | HoldCaptured():
                self._book(event.point_currency).redeemed_points += event.points
            case RedemptionReversed():
                self._book(event.point_currency).reversed_points += event.points
            case TierChanged(reason=reason) if reason in _OF_ITSELF:
                self._evolve(event)
            case _:
                pass

    def _sell(self, event: PurchasePosted) -> None:
        plan = self._plan(event)
        key = (event.source, event.transaction_id)
        booked = self._history.purchases.get(key)
        if booked is not None and event.occurred_at < self._changed_from:
            points = dict(booked.gross)
        else:
            given = booked.gross if booked else {accrual.rule: accrual.points for accrual in event.accruals}
            points = points_of(earn(plan, recorded(event, plan.zone, self.account), None), given)
        before = copy.deepcopy(self.account) if booked is not None and booked.is_returned else None
        account, on = self.account, event.effective_on
        sold = Counted(on, event.amount_minor, _given(plan, points), event.attributes)
        counts = counts_of(plan.ladders, account, sold, plan.version.terms.point_currencies)
        self.sales[key] = Sale(event, plan, points, counts, before)
        tiers = after_counting(plan.ladders, account, counts, event.occurred_at, on) if counts else []
        changes = [tier_event(account, command, {}) for command in tiers]
        accruals = [self._accrual(plan, rule, number, event) for rule, number in points.items() if number]
        self._evolve(replace(event, accruals=tuple(accruals), counts=counts, repaid=()))
        for change in changes:
            self._evolve(change)

    def _accrual(self, plan: Plan, rule_id: str, points: int, event: PurchasePosted) -> Accrual:
        rule = next(one for one in plan.version.terms.earn_rules if one.rule_id == rule_id)
        self._lot_count += 1
        periods = cap_periods(rule.caps, event.effective_on) if rule.caps else ()
        return Accrual(
            self._lot_count,
            rule.point_currency,
            points,
            event.effective_on,
            None,
            rule.kind,
            rule_id,
            cap_periods=periods,
        )

    def _take_back(self, event: PurchaseReturned) -> None:
        sale = self.sales.get((event.purchase_source, event.transaction_id))
        if sale is None:
            # It is dated before its purchase; the clock of a till was wrong, and nothing depends on it.
            return
        after = self._after(sale, event)
        changes = list(_changes(sale, after))
        plan, account, on = sale.plan, self.account, sale.event.effective_on
        kinds = {one.rule_id: one.kind for one in plan.version.terms.earn_rules}
        differences = [(one.point_currency, kinds[one.rule], one.after_points - one.before_points) for one in changes]
        is_full = sale.returned_minor == sale.event.amount_minor
        undone = Counted(
            on,
            -event.amount_minor,
            differences,
            {name: -number for name, number in event.attributes.items()},
            -1 if is_full else 0,
        )
        counts = counts_of(plan.ladders, account, undone, plan.version.terms.point_currencies)
        tiers = (
            after_counting(plan.ladders, account, counts, event.occurred_at, on, from_on=event.effective_on)
            if counts
            else []
        )
        tier_events = [tier_event(account, command, {}) for command in tiers]
        for one in changes:
            self._book(one.point_currency).clawed_back_points += max(0, one.before_points - one.after_points)
        # What its lots lose is of no consequence here; the totals are, because rules read them.
        self._evolve(replace(event, changes=tuple(changes), counts=counts, taken=(), accruals=(), debts={}, repaid=()))
        for made in tier_events:
            self._evolve(made)
        sale.points = after

    def _after(self, sale: Sale, event: PurchaseReturned) -> dict[str, int]:
        """Return what each rule gives for what remains."""
        sale.returned_minor += event.amount_minor
        add_returned(sale.returned, event.lines)
        if sale.event.occurred_at < self._changed_from:
            return sale.points | {change.rule: change.after_points for change in event.changes}
        left_minor = sale.event.amount_minor - sale.returned_minor
        if not left_minor:
            return dict.fromkeys(sale.points, 0)
        left = remaining_lines(sale.event.lines, sale.returned)
        bought = remaining(sale.plan, sale.event, left_minor, left, sale.before)
        return dict.fromkeys(sale.points, 0) | points_of(earn(sale.plan, bought, None), sale.points)

    def _plan(self, event: PurchasePosted) -> Plan:
        version = next(one for one in self._program.versions if one.version == event.program_version)
        return plan_of(self._program, version)

    def _renumbered(self, accruals: Iterable[Accrual]) -> tuple[Accrual, ...]:
        made = []
        for accrual in accruals:
            self._lot_count += 1
            made.append(
                Accrual(
                    self._lot_count, accrual.point_currency, accrual.points, accrual.available_from, accrual.expires_on
                )
            )
        return tuple(made)

    def _evolve(self, event: AccountEvent) -> None:
        self._account = evolve(self._account, event)

    def _book(self, code: str) -> Book:
        return self.account.books.setdefault(code, Book())


def _given(plan: Plan, points: Mapping[str, int]) -> list[tuple[str, str, int]]:
    rules = {one.rule_id: one for one in plan.version.terms.earn_rules}
    return [(rules[rule].point_currency, rules[rule].kind, number) for rule, number in points.items() if number]


def _changes(sale: Sale, after: Mapping[str, int]) -> Iterable[RuleChange]:
    rules = {one.rule_id: one for one in sale.plan.version.terms.earn_rules}
    for rule_id, after_points in after.items():
        before_points = sale.points.get(rule_id, 0)
        if before_points != after_points:
            rule = rules[rule_id]
            periods = cap_periods(rule.caps, sale.event.effective_on) if rule.caps else ()
            yield RuleChange(rule_id, rule.point_currency, before_points, after_points, periods)
