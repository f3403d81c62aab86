"""
What must hold of a month's books, worked out from its journal, and held against the figures that it was closed with.

Source: shared/finance.md 1.8 and 4.1: completeness, accuracy, cut-off, and the sub-ledger against control accounts.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct
from psycopg import Connection

from ledger.bookkeeping.events import PeriodClosed
from projections.books import chart
from projections.books.cohorts import CONTRACT, GIVEN, SERVICE, Cohort, cohort_of
from projections.books.entries import Entry
from projections.books.history import Basis, read_history
from projections.books.reading import Reading, opened
from projections.books.rollforward import CohortRoll, roll
from projections.books.subledger import liability_account
from projections.books.window import Window

_PARTS = (CONTRACT, GIVEN, SERVICE)
_OF_VALUE = frozenset({chart.OWN_POINTS, chart.PARTNER_POINTS, chart.GIVEN_POINTS})


class Check(Struct, frozen=True):
    """One thing that must hold."""

    name: str
    is_passed: bool
    told: str
    """What was compared, or the first place where it does not hold."""


class Checks(Struct, frozen=True):
    """Everything that must hold of a month."""

    period: str
    is_closed: bool
    is_passed: bool
    entry_count: int
    line_count: int
    checks: list[Check]


class Tally:
    """What the entries of a month come to."""

    def __init__(self, window: Window) -> None:
        self.entry_count = self.line_count = 0
        self.unbalanced = self.misdated = self.unplaced = ""
        """The first entry at fault; empty where there is none."""
        self.accounts: dict[str, int] = defaultdict(int)
        """As `PeriodClosed.balances_minor` names them: points with their currency."""
        self.columns: dict[tuple[str, str], int] = defaultdict(int)
        """Points by cohort and counter account."""
        self.value: dict[str, int] = defaultdict(int)
        """By how much the liability for a cohort's points grew, in minor units; service apart."""
        self.service: dict[str, int] = defaultdict(int)
        self._window = window

    def take(self, entry: Entry) -> None:
        """Take the next entry in."""
        self.entry_count += 1
        sums: dict[str, int] = defaultdict(int)
        for one in entry.postings:
            self.line_count += 1
            sums[one.point_currency if one.is_points else ""] += one.amount
            self.accounts[f"{one.account}:{one.point_currency}" if one.is_points else one.account] += one.amount
            if one.is_points:
                self.columns[one.cohort, one.account] += one.amount
            elif one.account in _OF_VALUE:
                self.value[one.cohort] -= one.amount
            elif one.account == chart.SERVICE_TO_RENDER:
                self.service[one.cohort] -= one.amount
        if any(sums.values()):
            self.unbalanced = self.unbalanced or entry.entry_id
        if not self._window.first_day <= entry.posting_date <= self._window.last_day:
            self.misdated = self.misdated or entry.entry_id
        if not self._is_placed(entry):
            self.unplaced = self.unplaced or entry.entry_id

    def _is_placed(self, entry: Entry) -> bool:
        """Tell whether an entry names an event that was looked at, or the end of the month."""
        name, _, number = entry.entry_id.partition(":")
        if name == self._window.period:
            return True
        frozen = self._window.frozen_at.get(name, 0)
        return self._window.start(int(name)) < int(number) <= frozen and entry.service_date <= self._window.last_day


def check_month(connection: Connection[Any], program_id: str, partition_count: int, period: str) -> Checks:
    """
    Work a month out anew from its events, and check it.

    Raises:
        LedgerError: It is neither closed nor the next.
    """
    history = read_history(connection, program_id, partition_count)
    with opened(connection, program_id, history, period) as (basis, reading):
        tally = Tally(reading.window)
        for entry in reading.entries():
            tally.take(entry)
        found = list(_checks(basis, reading, tally))
    is_passed = all(one.is_passed for one in found)
    return Checks(period, basis.closed is not None, is_passed, tally.entry_count, tally.line_count, found)


def _checks(basis: Basis, reading: Reading, tally: Tally) -> Iterator[Check]:
    closed = basis.closed
    again = reading.month.closed(closed.by, closed.occurred_at) if closed else None
    after = closed or reading.month.closed("", datetime.min.replace(tzinfo=UTC))
    yield _replayed(closed, again)
    unposted = reading.month.unposted
    first = ", ".join(f"{count} of {topic}, first {place}" for topic, (count, place) in sorted(unposted.items()))
    yield _check("every event that moves something has an entry", first, f"{reading.window.event_count} events")
    yield from judge(basis.before, after, tally)


def _replayed(closed: PeriodClosed | None, again: PeriodClosed | None) -> Check:
    name = "the events give what the month was closed with"
    if closed is None or again is None:
        return Check(name, is_passed=True, told="the month is open")
    differing = [one for one in closed.__struct_fields__ if getattr(closed, one) != getattr(again, one)]
    return _check(name, ", ".join(differing), f"journal {closed.journal_hash}")


def judge(before: PeriodClosed | None, after: PeriodClosed, tally: Tally) -> Iterator[Check]:
    """
    Hold what the entries come to against the figures of a month.

    Args:
        before: What the month before was closed with.
        after: What this one was closed with, or would be.
        tally: Of its entries.
    """
    lines = f"{tally.entry_count} entries, {tally.line_count} lines"
    yield _check("every entry balances, in money and in points", tally.unbalanced, lines)
    yield _check("every entry is posted in the month", tally.misdated, lines)
    yield _check("every entry names its event", tally.unplaced, lines)
    cohorts = [cohort_of(one) for one in after.cohorts]
    rolls = roll(before.cohorts if before else (), after.cohorts)
    opening = before.balances_minor if before else {}
    yield _check("the trial balance is zero", _trial(after), f"{len(after.balances_minor)} accounts")
    moved = opening | {name: opening.get(name, 0) + amount for name, amount in tally.accounts.items()}
    yield _same("opening balances and the journal give the closing ones", moved, after.balances_minor)
    yield _same("liability accounts equal the cohorts", _liabilities(cohorts), _shown(after, chart.LIABILITIES))
    yield _same("points of members equal the cohorts", _open_points(cohorts), _points_shown(after))
    yield _check("recognised is between nothing and what was allocated", _beyond(cohorts), f"{len(cohorts)} cohorts")
    yield _same("the roll-forward of points equals the journal", _columns(rolls), dict(tally.columns))
    value = {one.value.name: one.value.closing - one.value.opening for one in rolls}
    yield _same("the roll-forward of value equals the journal", value, dict(tally.value))
    service = {one.service.name: one.service.closing - one.service.opening for one in rolls}
    yield _same("the roll-forward of service equals the journal", service, dict(tally.service))
    yield _same("the roll-forward ends with what is owed", _closings(rolls), _owed(cohorts))


def _check(name: str, fault: str, told: str) -> Check:
    return Check(name, not fault, fault or told)


def _same(name: str, ours: dict[Any, int], theirs: dict[Any, int]) -> Check:
    """Compare figures; one that is missing is zero."""
    for key in sorted(ours.keys() | theirs.keys()):
        if ours.get(key, 0) != theirs.get(key, 0):
            place = key if isinstance(key, str) else ", ".join(key)
            return Check(name, is_passed=False, told=f"{place}: {ours.get(key, 0)} is not {theirs.get(key, 0)}")
    return Check(name, is_passed=True, told=f"{len(ours.keys() | theirs.keys())} figures, sum {sum(ours.values())}")


def _trial(after: PeriodClosed) -> str:
    sums: dict[str, int] = defaultdict(int)
    for account, amount in after.balances_minor.items():
        sums[account.partition(":")[2]] += amount
    return ", ".join(f"{code or 'money'} {amount}" for code, amount in sorted(sums.items()) if amount)


def _liabilities(cohorts: Iterable[Cohort]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for cohort in cohorts:
        for part in _PARTS:
            found[liability_account(cohort, part)] += cohort.liability(part)
    return dict(found)


def _shown(after: PeriodClosed, accounts: Iterable[str]) -> dict[str, int]:
    return {account: -after.balances_minor.get(account, 0) for account in accounts}


def _open_points(cohorts: Iterable[Cohort]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for cohort in cohorts:
        found[cohort.point_currency] += cohort.open_points
    return dict(found)


def _points_shown(after: PeriodClosed) -> dict[str, int]:
    mark = f"{chart.MEMBERS_POINTS}:"
    return {name[len(mark) :]: -amount for name, amount in after.balances_minor.items() if name.startswith(mark)}


def _beyond(cohorts: Iterable[Cohort]) -> str:
    for cohort in cohorts:
        for part in _PARTS:
            allocated = cohort.allocated[part]
            recognised = cohort.released[part] + cohort.lapsed[part]
            if not min(0, allocated) <= recognised <= max(0, allocated):
                return f"{cohort.key}: {recognised} of {allocated}"
    return ""


def _columns(rolls: Iterable[CohortRoll]) -> dict[tuple[str, str], int]:
    """Return movements of points, and on the members' account what they come to."""
    found: dict[tuple[str, str], int] = {}
    for one in rolls:
        for column, amount in one.points.signed.items():
            found[one.points.name, chart.COUNTER[column]] = amount
        found[one.points.name, chart.MEMBERS_POINTS] = -sum(one.points.signed.values())
    return found


def _closings(rolls: Iterable[CohortRoll]) -> dict[tuple[str, str], int]:
    return {
        (one.points.name, what): row.closing
        for one in rolls
        for what, row in (("points", one.points), ("value", one.value), ("service", one.service))
    }


def _owed(cohorts: Iterable[Cohort]) -> dict[tuple[str, str], int]:
    return {
        (one.key, what): amount
        for one in cohorts
        for what, amount in (
            ("points", one.open_points),
            ("value", one.liability(CONTRACT) + one.liability(GIVEN)),
            ("service", one.liability(SERVICE)),
        )
    }
