"""
A member's history, gone through again in the order in which it happened instead of that in which it arrived.

The order is that of `ledger.account.order`; a return whose clock says that it came before its purchase comes right
after it. The account that comes about has everything that rules and tiers read, and no lots.

What a return takes back is also taken from the tiers: they become those that the purchases which remain would have
earned. So a tier goes when the last thing goes that carried it, and one that was earned before stays for as long as it
was to be held then. What other purchases earned through that tier meanwhile, stays: it was held.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ledger.account.books import Book, Totals
from ledger.account.deciding.standing import tier_event
from ledger.account.events import (
    AccountEvent,
    AccountOpened,
    Accrual,
    Count,
    PointsAccrued,
    PurchasePosted,
    PurchaseReturned,
    RuleChange,
    TierChanged,
    TierRetained,
)
from ledger.account.evolve import evolve
from ledger.account.movements import movement_of
from ledger.account.order import MOVES, Place
from ledger.account.state import Account
from ledger.program.state import Program
from rules.pricing.earning import cap_periods, earn
from rules.pricing.facts import recorded
from rules.pricing.history import History, Key, Undone
from rules.pricing.ordering import in_order, key_of
from rules.pricing.plans import Plan, numbered, plan_of
from rules.pricing.repricing import kept_in_budget, points_of, remaining
from rules.tiers.changing import after_counting
from rules.tiers.counting import Counted, counts_of

_FIELDS = Totals.__struct_fields__


class Sale(Struct):
    """A purchase on its way through the replay."""

    event: PurchasePosted
    plan: Plan
    points: dict[str, int]
    """What each rule gives it now."""
    counts: tuple[Count, ...]
    """What it adds to the counters of tiers by itself."""
    left: dict[tuple[str, str], int]
    """What of that is left: by counter and period."""
    afterwards: list[dict[str, int]]
    """What each rule gives after each return that is still to come, the next one last."""
    undone: Undone


_Act = Sale | TierChanged | TierRetained


class Replay:
    """An account as it would be, as far as pricing asks for it: caps, counters, tiers and totals."""

    def __init__(self, program: Program, history: History, changed_from: Place) -> None:
        """
        Args:
            program: With every version that priced something.
            history: What is booked.
            changed_from: What belongs before this is as it was booked; from then on it is priced again.
        """
        self._program = program
        self._history = history
        self._changed_from = changed_from
        self._lot_count = 0
        self._returns: dict[Key, list[PurchaseReturned]] = {}
        self._acts: list[_Act] = []
        self._is_withdrawn = False
        self.account: Account
        """After what was taken."""
        self.sales: dict[Key, Sale] = {}

    def run(self, events: Iterable[AccountEvent]) -> None:
        """Take events in the order in which they happened."""
        placed = in_order(events)
        for _, event in placed:
            if isinstance(event, PurchaseReturned):
                self._returns.setdefault(key_of(event), []).append(event)
        for place, event in placed:
            self._take(event, place)
        self._stand_anew()

    def _take(self, event: AccountEvent, place: tuple[Any, ...]) -> None:
        match event:
            case AccountOpened():
                self.account = evolve(None, event)
            case PurchasePosted():
                self._sell(event, place)
            case PurchaseReturned():
                self._take_back(event)
            case PointsAccrued():
                accruals = [self._lot(one.point_currency, one.points) for one in event.accruals]
                self._evolve(replace(event, accruals=tuple(accruals), repaid=()))
            case TierChanged(reason="assigned") | TierRetained(period="", reason=""):
                self._stand_anew()
                self._acts.append(event)
                self._evolve(event)
            case _:
                if isinstance(event, MOVES):
                    self._move(event)

    def _sell(self, event: PurchasePosted, place: tuple[Any, ...]) -> None:
        self._stand_anew()
        plan = self._plan(event)
        key = event.source, event.transaction_id
        booked, returns = self._history.purchases.get(key), self._returns.get(key, [])
        if booked is not None and not returns and place < self._changed_from:
            points, afterwards = booked.points, []
        else:
            points = self._paid(plan, event, points_of(earn(plan, recorded(event, plan.zone, self.account), None)))
            afterwards = self._afterwards(plan, event, points, returns)
        counted = Counted(event.effective_on, event.amount_minor, _given(plan, points), event.attributes)
        counts = counts_of(plan.ladders, self.account, counted, plan.version.terms.point_currencies)
        left: dict[tuple[str, str], int] = {}
        _add(left, counts)
        sale = Sale(event, plan, dict(points), counts, left, afterwards, Undone())
        self.sales[key] = sale
        self._acts.append(sale)
        _earn_tiers(self.account, sale, counts)
        accruals = [self._accrual(plan, rule, number, event) for rule, number in points.items() if number]
        self._evolve(replace(event, accruals=tuple(accruals), counts=counts, repaid=()))

    def _paid(self, plan: Plan, event: PurchasePosted, points: dict[str, int]) -> dict[str, int]:
        """Return what rules give, as far as their budgets pay for it."""
        return kept_in_budget(plan, points, {accrual.rule: accrual.points for accrual in event.accruals})

    def _afterwards(
        self, plan: Plan, event: PurchasePosted, points: dict[str, int], returns: Iterable[PurchaseReturned]
    ) -> list[dict[str, int]]:
        """Return what each rule gives after each return, on the account as it is before the purchase."""
        found, undone = [], Undone()
        for one in returns:
            undone.add(event, one)
            after = dict.fromkeys(points, 0)
            if not undone.is_all:
                left = points_of(earn(plan, remaining(plan, event, undone, self.account), None))
                after |= kept_in_budget(plan, left, points)
            found.append(after)
            points = after
        return found[::-1]

    def _take_back(self, event: PurchaseReturned) -> None:
        sale = self.sales[key_of(event)]
        after, was_all = sale.afterwards.pop(), sale.undone.is_all
        sale.undone.add(sale.event, event)
        plan, on = sale.plan, sale.event.effective_on
        changes = tuple(_changes(sale, after))
        undone = Counted(
            on,
            -event.amount_minor,
            [
                (rule.point_currency, rule.kind, after_points - before)
                for rule, before, after_points in _less(sale, after)
            ],
            {name: -number for name, number in event.attributes.items()},
            -1 if sale.undone.is_all and not was_all else 0,
        )
        counts = counts_of(plan.ladders, self.account, undone, plan.version.terms.point_currencies)
        more = [
            self._accrual(plan, one.rule, one.after_points - one.before_points, sale.event)
            for one in changes
            if one.after_points > one.before_points
        ]
        self._evolve(
            replace(event, changes=changes, counts=counts, accruals=tuple(more), taken=(), debts={}, repaid=())
        )
        for change in changes:
            self._book(change.point_currency).clawed_back_points += max(0, change.before_points - change.after_points)
        for code, points in event.written_off.items():
            self._book(code).clawed_back_points -= points
        _add(sale.left, counts)
        sale.points = after
        self._is_withdrawn = self._is_withdrawn or bool(counts)

    def _stand_anew(self) -> None:
        """Find out which tiers the purchases that remain would have earned, once something was taken back."""
        if not self._is_withdrawn:
            return
        self._is_withdrawn = False
        standing = Account(self.account.program_id, self.account.member_id, self.account.opened_on)
        for act in self._acts:
            if not isinstance(act, Sale):
                evolve(standing, act)
                continue
            counts = tuple(Count(counter, period, amount) for (counter, period), amount in act.left.items() if amount)
            if counts:
                _earn_tiers(standing, act, counts)
                evolve(standing, replace(act.event, accruals=(), counts=counts, repaid=()))
        self.account.tiers = standing.tiers

    def _move(self, event: AccountEvent) -> None:
        for code, moved in movement_of(event).totals.items():
            book = self._book(code)
            for name in _FIELDS:
                setattr(book, name, getattr(book, name) + getattr(moved, name))

    def _plan(self, event: PurchasePosted) -> Plan:
        version = numbered(self._program, event.program_version)
        return plan_of(self._program, version)

    def _accrual(self, plan: Plan, rule_id: str, points: int, sale: PurchasePosted) -> Accrual:
        rule = next(one for one in plan.version.terms.earn_rules if one.rule_id == rule_id)
        periods = cap_periods(rule.caps, sale.effective_on) if rule.caps else ()
        return replace(self._lot(rule.point_currency, points), rule=rule_id, cap_periods=periods)

    def _lot(self, code: str, points: int) -> Accrual:
        self._lot_count += 1
        return Accrual(self._lot_count, code, points, self.account.opened_on)

    def _evolve(self, event: AccountEvent) -> None:
        evolve(self.account, event)
        for book in self.account.books.values():
            book.lots.clear()

    def _book(self, code: str) -> Book:
        return self.account.books.setdefault(code, Book())


def _earn_tiers(account: Account, sale: Sale, counts: tuple[Count, ...]) -> None:
    """Change the tiers as a purchase does that is about to be counted."""
    if counts:
        at, on = sale.event.occurred_at, sale.event.effective_on
        for command in after_counting(sale.plan.ladders, account, counts, at, on):
            evolve(account, tier_event(account, command, {}))


def _add(left: dict[tuple[str, str], int], counts: Iterable[Count]) -> None:
    for one in counts:
        left[one.counter, one.period] = left.get((one.counter, one.period), 0) + one.amount


def _given(plan: Plan, points: Mapping[str, int]) -> list[tuple[str, str, int]]:
    rules = {one.rule_id: one for one in plan.version.terms.earn_rules}
    return [(rules[rule].point_currency, rules[rule].kind, number) for rule, number in points.items() if number]


def _less(sale: Sale, after: Mapping[str, int]) -> Iterable[tuple[Any, int, int]]:
    rules = {one.rule_id: one for one in sale.plan.version.terms.earn_rules}
    for rule_id, after_points in after.items():
        before_points = sale.points.get(rule_id, 0)
        if before_points != after_points:
            yield rules[rule_id], before_points, after_points


def _changes(sale: Sale, after: Mapping[str, int]) -> Iterable[RuleChange]:
    for rule, before_points, after_points in _less(sale, after):
        periods = cap_periods(rule.caps, sale.event.effective_on) if rule.caps else ()
        yield RuleChange(rule.rule_id, rule.point_currency, before_points, after_points, periods)
