"""
What a member would have now, had another version of the program priced a window of the past.

The account's history is gone through again by the same replay that puts late arrivals into their place (see decision
0015), with the other version in force in the window. State is carried forward: a cap that is used up, a tier that is
reached in the window by other points, change what comes after, also behind the window's end, where purchases are priced
by their own versions again. Nothing is written.

What is assumed: members do what they did, so redemptions, transfers and adjustments stay, and of redemptions it is said
which points would have been missing. A rule with the very budget that it had gives no purchase more than it gave then;
any other budget is not enforced, and what would be drawn from it is told. A purchase that the other version would have
refused for its attributes keeps its own. Points lapse by the dates of the version that gives them; inactivity is not
decided again.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

from msgspec import Struct

from ledger.account.events import (
    AccountEvent,
    HoldCaptured,
    LotsExpired,
    PointsAdjusted,
    PointsRedeemed,
    PurchasePosted,
)
from ledger.account.evolve import evolve
from ledger.account.order import place_of
from ledger.account.state import Account
from ledger.dates import local_date, time_zone
from ledger.errors import LedgerError
from ledger.program.state import Program, ProgramVersion
from ledger.program.terms import Terms
from rules.pricing.attributes import check_attributes
from rules.pricing.history import Booked, History, history_of, newest_of
from rules.pricing.plans import EarnPlan, Plan, numbered, plan_of
from rules.pricing.replay import Replay, Sale
from rules.tiers.holding import next_change, tier_on
from rules.tiers.plans import LadderPlan

REPAIR_SOURCE = "repair"
"""Source of the adjustments that a repair run books; each begins with the id of its what-if."""


class Question(Struct, frozen=True):
    """What is asked about every account."""

    program: Program
    """With every version that priced something."""
    terms: Terms
    """Taken to have been in force in the window."""
    window_start: datetime
    window_end: datetime | None
    """First moment that is no longer in it; ``None`` for no end."""
    as_of: datetime
    """Lapses and tiers are told as of this moment."""
    repaired: tuple[str, ...] = ()
    """Earlier what-ifs whose repairs count as points that were given."""


class PointsByKind(Struct, frozen=True):
    """Points of purchases, less what returns took back."""

    base: int = 0
    bonus: int = 0

    @property
    def all(self) -> int:
        """Both together."""
        return self.base + self.bonus


class Compared(Struct, frozen=True):
    """One point currency of an account, both ways."""

    point_currency: str
    awarded: PointsByKind
    """By purchases since the window's start."""
    hypothetical: PointsByKind
    repaired_points: int
    """Given or taken by earlier repairs of the window."""
    lapsed_points: int
    """Of the difference, what makes none today: it has lapsed, or would have."""
    balance_points: int
    hypothetical_balance_points: int

    @property
    def change_points(self) -> int:
        """What the member would have more."""
        return self.hypothetical_balance_points - self.balance_points

    @property
    def is_same(self) -> bool:
        """Whether nothing would be different, or a repair has made up for it."""
        return not self.change_points and (self.awarded == self.hypothetical or bool(self.repaired_points))


class TierCompared(Struct, frozen=True):
    """The tier on one ladder, both ways, each with the first date on which it becomes another by itself."""

    ladder: str
    tier: str
    until: date | None
    hypothetical_tier: str
    hypothetical_until: date | None

    @property
    def is_same(self) -> bool:
        """Whether nothing would be different."""
        return (self.tier, self.until) == (self.hypothetical_tier, self.hypothetical_until)


class Uncovered(Struct, frozen=True):
    """A redemption for which the points would not have been there."""

    redemption_id: str
    point_currency: str
    short_points: int


class Outcome(Struct, frozen=True):
    """One account, both ways."""

    version: int
    """Of its stream, as far as it was read."""
    purchase_count: int
    """In its whole history."""
    window_count: int
    """Of them those in the window."""
    kept_count: int
    """Of those in the window the ones that the other version would have refused."""
    currencies: tuple[Compared, ...]
    tiers: tuple[TierCompared, ...]
    uncovered: tuple[Uncovered, ...]
    budgets: dict[str, int]
    """By rule, what it would draw from a budget that is not enforced."""

    @property
    def is_same(self) -> bool:
        """Whether nothing would be different."""
        return (
            all(one.is_same for one in self.currencies)
            and all(one.is_same for one in self.tiers)
            and not self.uncovered
        )


def compare(question: Question, events: Sequence[AccountEvent]) -> Outcome:
    """
    Compare what an account has with what it would have.

    Args:
        question: What is asked.
        events: Of the account, oldest first, as many as are to be looked at.
    """
    history = history_of(events)
    account: Account | None = None
    for event in events:
        account = evolve(account, event)
    assert account is not None
    replay = _Hypothetical(question, history)
    replay.run(events)
    return _Comparison(question, events, account, history, replay).outcome()


class _Hypothetical(Replay):
    """The replay, with another version in force for a while."""

    def __init__(self, question: Question, history: History) -> None:
        super().__init__(question.program, history, (question.window_start, -1, "", ""))
        self._start, self._end = question.window_start, question.window_end
        self._other = hypothetical_plan(question)
        self.window_count = 0
        self.kept_count = 0

    def own_plan(self, event: PurchasePosted) -> Plan:
        """Return the plan that priced a purchase."""
        return plan_of(self._program, numbered(self._program, event.program_version))

    def _plan(self, event: PurchasePosted) -> Plan:
        if event.occurred_at < self._start or (self._end is not None and event.occurred_at >= self._end):
            return self.own_plan(event)
        self.window_count += 1
        if (self._other.attributes or self._other.line_attributes) and not _is_taken(self._other, event):
            self.kept_count += 1
            return self.own_plan(event)
        return self._other

    def _paid(self, plan: Plan, event: PurchasePosted, points: dict[str, int]) -> dict[str, int]:
        if plan is not self._other:
            return super()._paid(plan, event, points)
        had = {one.rule_id: one.budget_points for one in self.own_plan(event).version.terms.earn_rules}
        given = {accrual.rule: accrual.points for accrual in event.accruals}
        for rule in plan.version.terms.earn_rules:
            if rule.budget_points and had.get(rule.rule_id) == rule.budget_points:
                points[rule.rule_id] = min(points[rule.rule_id], given.get(rule.rule_id, 0))
        return points


def hypothetical_plan(question: Question) -> Plan:
    """Return the plan of the version that is asked about."""
    program = question.program
    return plan_of(program, ProgramVersion(program.next_number, question.window_start, question.terms))


def _is_taken(plan: Plan, event: PurchasePosted) -> bool:
    """Tell whether a version takes what a purchase carries; what it does not declare, it does not read."""
    try:
        check_attributes(
            {name: one for name, one in event.attributes.items() if name in plan.attributes}, plan.attributes, ""
        )
        for line in event.lines:
            known = {name: one for name, one in line.attributes.items() if name in plan.line_attributes}
            check_attributes(known, plan.line_attributes, "")
    except LedgerError:
        return False
    return True


class _Sum(Struct):
    """What comes together of one point currency."""

    awarded: dict[str, int] = {}
    hypothetical: dict[str, int] = {}
    lapsed_points: int = 0
    repaired_points: int = 0


class _Comparison:
    """An account, its history and the replay, side by side."""

    def __init__(
        self,
        question: Question,
        events: Sequence[AccountEvent],
        account: Account,
        history: History,
        replay: _Hypothetical,
    ) -> None:
        self._question = question
        self._events = events
        self._account = account
        self._history = history
        self._replay = replay
        self._on = local_date(question.as_of, time_zone(question.program.timezone))
        self._sums: dict[str, _Sum] = {}
        self._moves: list[tuple[datetime, str, int]] = []
        self._forgiven: dict[int, int] = {}
        self._budgets: dict[str, int] = {}

    def outcome(self) -> Outcome:
        start = self._question.window_start
        for key, sale in self._replay.sales.items():
            if sale.event.occurred_at >= start:
                self._take(sale, self._history.purchases[key])
        for event in self._events:
            if isinstance(event, PointsAdjusted) and is_repair(event, self._question.repaired):
                self._sum(event.point_currency).repaired_points += event.points
        return Outcome(
            len(self._events),
            self._account.purchase_count,
            self._replay.window_count,
            self._replay.kept_count,
            tuple(self._compared()),
            tuple(self._tiers()),
            tuple(self._uncovered()) if self._moves else (),
            self._budgets,
        )

    def _take(self, sale: Sale, booked: Booked) -> None:
        """Take a purchase in: what its rules gave, and what they would give."""
        own, other = self._replay.own_plan(booked.event), sale.plan
        was, would = rules_of(own), rules_of(other)
        for rule_id in {**booked.points, **sale.points}:
            before, after = booked.points.get(rule_id, 0), sale.points.get(rule_id, 0)
            old, new = was.get(rule_id), would.get(rule_id)
            if before and old is not None:
                _more(self._sum(old.terms.point_currency).awarded, old.terms.kind, before)
            if after and new is not None:
                _more(self._sum(new.terms.point_currency).hypothetical, new.terms.kind, after)
                if new.terms.budget_points and (old is None or old.terms.budget_points != new.terms.budget_points):
                    _more(self._budgets, rule_id, after)
            if old is not None and new is not None and old.terms.point_currency == new.terms.point_currency:
                kept = min(before, after)
            else:
                kept = 0
            if before > kept:
                self._lose(sale, booked, rule_id, before - kept)
            if after > kept:
                assert new is not None  # only a version's own rules give points
                self._gain(sale, new, after - kept)
            if kept and old is not new:
                assert old is not None
                assert new is not None
                self._keep(booked, old, new, kept)

    def _lose(self, sale: Sale, booked: Booked, rule_id: str, points: int) -> None:
        for lost in newest_of(booked.lots.get(rule_id, []), points):
            gone = min(lost.points, self._history.lapsed.get(lost.lot, 0))
            self._moves.append((sale.event.occurred_at, lost.point_currency, -lost.points))
            if gone:
                self._forgiven[lost.lot] = gone
                self._sum(lost.point_currency).lapsed_points -= gone

    def _gain(self, sale: Sale, rule: EarnPlan, points: int) -> None:
        code = rule.terms.point_currency
        self._moves.append((sale.event.occurred_at, code, points))
        expires_on = rule.policy.dates(sale.event.effective_on)[1]
        if expires_on is not None and expires_on <= self._on:
            self._sum(code).lapsed_points += points
            self._moves.append((_midnight(expires_on), code, -points))

    def _keep(self, booked: Booked, old: EarnPlan, new: EarnPlan, kept: int) -> None:
        """Find out what becomes of points that stay, where the other version gives them another end."""
        on = booked.event.effective_on
        until = new.policy.dates(on)[1]
        if until == old.policy.dates(on)[1]:
            return
        lots = booked.lots.get(old.terms.rule_id, [])
        lost = sum(lot.points for lot in lots) - kept
        dropped = {move.lot: move.points for move in newest_of(lots, lost)}
        code = old.terms.point_currency
        book = self._account.books[code]
        for lot in lots:
            left = lot.points - dropped.get(lot.lot, 0)
            lapsed = min(left, self._history.lapsed.get(lot.lot, 0) - self._forgiven.get(lot.lot, 0))
            if until is not None and until <= self._on:
                still = book.lots[lot.lot].points if lot.lot in book.lots else 0
                ended = min(left, still)
                self._sum(code).lapsed_points += ended
                self._moves.append((_midnight(until), code, -ended))
            elif lapsed > 0:
                self._sum(code).lapsed_points -= lapsed
                self._forgiven[lot.lot] = self._forgiven.get(lot.lot, 0) + lapsed

    def _compared(self) -> Iterator[Compared]:
        for code in sorted({*self._sums, *self._account.books}):
            one = self._sums.get(code, _Sum())
            book = self._account.books.get(code)
            balance = book.balance_points if book else 0
            awarded, hypothetical = _points(one.awarded), _points(one.hypothetical)
            change = hypothetical.all - awarded.all - one.lapsed_points - one.repaired_points
            yield Compared(
                code, awarded, hypothetical, one.repaired_points, one.lapsed_points, balance, balance + change
            )

    def _tiers(self) -> Iterator[TierCompared]:
        question, on = self._question, self._on
        now = question.program.version_at(question.as_of)
        own = _ladders(plan_of(question.program, now)) if now is not None else {}
        is_still = question.window_end is None or question.window_end > question.as_of
        other = _ladders(hypothetical_plan(question)) if is_still else own
        for code in sorted({*own, *other}):
            was = _held(own.get(code), self._account, on)
            would = _held(other.get(code), self._replay.account, on)
            yield TierCompared(code, *was, *would)

    def _uncovered(self) -> Iterator[Uncovered]:
        """Go through the redemptions with what would have been more or less until each of them."""
        steps: list[tuple[datetime, int, Any]] = [(at, 0, (code, points)) for at, code, points in self._moves]
        steps += [
            (place_of(event)[0], 1, event)
            for event in self._events
            if isinstance(event, PointsRedeemed | HoldCaptured | LotsExpired)
        ]
        more: dict[str, int] = {}
        for _, _, step in sorted(steps, key=lambda one: one[:2]):
            match step:
                case LotsExpired():
                    for move in step.lots:
                        gone = min(move.points, self._forgiven.get(move.lot, 0))
                        _more(more, move.point_currency, gone)
                case PointsRedeemed() | HoldCaptured():
                    code = step.point_currency
                    left = step.balances.get(code, 0)
                    short = min(step.points, min(0, left) - left - more.get(code, 0))
                    if short > 0 and more.get(code, 0) < 0:
                        yield Uncovered(step.redemption_id, code, short)
                        # Who could not have spent them would still have had the rest for the next one.
                        _more(more, code, short)
                case (code, points):
                    _more(more, code, points)

    def _sum(self, code: str) -> _Sum:
        found = self._sums.get(code)
        if found is None:
            found = self._sums[code] = _Sum()
        return found


_rules: dict[int, tuple[Plan, dict[str, EarnPlan]]] = {}
_REMEMBERED_PLANS = 64


def rules_of(plan: Plan) -> dict[str, EarnPlan]:
    """Return the earn rules of a plan by their ids."""
    found = _rules.get(id(plan))
    if found is None or found[0] is not plan:
        if len(_rules) >= _REMEMBERED_PLANS:
            _rules.clear()
        found = _rules[id(plan)] = plan, {one.terms.rule_id: one for one in (*plan.base, *plan.bonus)}
    return found[1]


def is_repair(event: PointsAdjusted, what_ifs: Collection[str]) -> bool:
    """Tell whether an adjustment was booked by a repair of one of these what-ifs."""
    return event.source == REPAIR_SOURCE and event.adjustment_id.partition(":")[0] in what_ifs


def _ladders(plan: Plan) -> dict[str, LadderPlan]:
    return {one.ladder.code: one for one in plan.ladders}


def _held(ladder: LadderPlan | None, account: Account, on: date) -> tuple[str, date | None]:
    if ladder is None:
        return "", None
    held = account.tiers.get(ladder.ladder.code)
    return tier_on(ladder, held, on), next_change(ladder, held, on)


def _more(sums: dict[str, int], name: str, amount: int) -> None:
    sums[name] = sums.get(name, 0) + amount


def _points(by_kind: dict[str, int]) -> PointsByKind:
    base = by_kind.get("base", 0)
    return PointsByKind(base, sum(by_kind.values()) - base)


def _midnight(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, tzinfo=UTC)


def repairable(outcome: Outcome) -> dict[str, int]:
    """Return per point currency what a repair would give, or take if below zero."""
    return {one.point_currency: one.change_points for one in outcome.currencies if one.change_points}
