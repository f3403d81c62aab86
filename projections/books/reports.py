"""What finance asks of a month: roll-forward, liability, cut-off."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import Connection

from ledger.bookkeeping.decide import ClosePeriod, check_next, check_over
from ledger.bookkeeping.events import PeriodClosed
from projections.books import chart
from projections.books.amounts import multiply, rounded
from projections.books.cohorts import cohort_of
from projections.books.history import History, read_history
from projections.books.pricing import PriceList
from projections.books.reading import keep, keep_missing, opened
from projections.books.rollforward import CohortRoll, Row, roll, total


class Figures(Struct, frozen=True):
    """One line of a roll-forward: what goes out is below zero, so that a line adds up."""

    opening: int
    movements: dict[str, int]
    closing: int


class RollForwardLine(Struct, frozen=True):
    """A cohort, or all of them."""

    cohort: str
    """Issue month, funding and point currency; of a sum, what it is the sum of."""
    points: Figures
    value_minor: Figures
    """Of points sold with goods, sold to partners, and given."""
    service_minor: Figures
    """Service still to be rendered to partners."""


class Translation(Struct, frozen=True):
    """From which currency amounts were translated, and at which rates."""

    from_currency: str
    opening_rate: str
    average_rate: str
    closing_rate: str


class RollForward(Struct, frozen=True):
    """What a month began with, what came and went, and what it ended with."""

    period: str
    is_closed: bool
    currency: str
    cohorts: list[RollForwardLine]
    by_funding: list[RollForwardLine]
    """Sums per funding and point currency."""
    journal_hash: str
    translation: Translation | None = None
    """Null where amounts are in the currency of the books."""


class LiabilityLine(Struct, frozen=True):
    """What a cohort is still owed."""

    cohort: str
    open_points: int
    expected_points: int
    """Of them, those that will be redeemed; the others are breakage."""
    contract_minor: int
    given_minor: int
    service_minor: int
    face_value_minor: int
    """Of the open points, if every one of them were redeemed."""


class Liability(Struct, frozen=True):
    """What is owed at the end of a month, and how it agrees with the accounts."""

    period: str
    is_closed: bool
    currency: str
    cohorts: list[LiabilityLine]
    accounts_minor: dict[str, int]
    """Balances of the liability accounts; they equal the columns' sums."""


class AccountBalance(Struct, frozen=True):
    """An account: debits are above zero. In minor units of the currency, or in points."""

    account: str
    account_name: str
    currency: str
    """ISO 4217, or the code of a point currency."""
    opening: int
    moved: int
    closing: int


class TrialBalance(Struct, frozen=True):
    """Every account of the books; those of a currency add up to nothing, at the beginning and at the end."""

    period: str
    is_closed: bool
    currency: str
    """Of the money."""
    accounts: list[AccountBalance]
    """Of money, then of points."""


class LateEvent(Struct, frozen=True):
    """An event that counts in a closed month and was posted in this one."""

    position: str
    account_id: UUID
    kind: str
    service_date: date
    posting_date: date


class CutOffReport(Struct, frozen=True):
    """Events of a month that count in earlier ones, in the order in which they were recorded."""

    period: str
    is_closed: bool
    late_count: int
    events: list[LateEvent]


def worked_out(  # noqa: PLR0917  # who, which and when
    connection: Connection[Any], program_id: str, partition_count: int, period: str, by: str, at: datetime
) -> ClosePeriod:
    """
    Work a month out up to what is recorded now, so that it can be closed with it.

    Raises:
        LedgerError: It cannot be closed.
    """
    history = read_history(connection, program_id, partition_count)
    check_next(history.books, period)
    check_over(period, at)
    basis = history.basis(period)
    keep_missing(connection, program_id, history, period)
    reading = keep(connection, program_id, basis)
    return ClosePeriod(reading.month.closed(by, at), history.books.revision)


def figures_at(
    connection: Connection[Any], program_id: str, history: History, period: str
) -> tuple[PeriodClosed | None, PeriodClosed, History]:
    """Return what a month began and ended with; an open one is worked out as far as it is recorded."""
    basis = history.basis(period)
    if basis.closed is not None:
        return basis.before, basis.closed, history
    with opened(connection, program_id, history, period) as (_, reading):
        for _entry in reading.entries():
            pass
        return basis.before, reading.month.closed("", datetime.min.replace(tzinfo=UTC)), history


def roll_forward(connection: Connection[Any], program_id: str, partition_count: int, period: str) -> RollForward:
    """Return the roll-forward of a closed month, or of the next one so far."""
    history = read_history(connection, program_id, partition_count)
    before, after, _ = figures_at(connection, program_id, history, period)
    currency = PriceList(history.books.settings).currency
    return rolled(before, after, currency, is_closed=period in history.closed_periods)


def rolled(before: PeriodClosed | None, after: PeriodClosed, currency: str, *, is_closed: bool) -> RollForward:
    """
    Return the roll-forward between two closings.

    Args:
        before: Of the month before; ``None`` where there is none.
        after: Of the month.
        currency: Of the books.
        is_closed: Whether the month is.
    """
    rolls = roll(before.cohorts if before else (), after.cohorts)
    groups: dict[str, list[CohortRoll]] = {}
    for one in rolls:
        groups.setdefault(one.points.name.partition("/")[2], []).append(one)
    sums = [
        CohortRoll(
            total(name, (one.points for one in group)),
            total(name, (one.value for one in group)),
            total(name, (one.service for one in group)),
        )
        for name, group in sorted(groups.items())
    ]
    lines, by_funding = [_line(one) for one in rolls], [_line(one) for one in sums]
    return RollForward(after.period, is_closed, currency, lines, by_funding, after.journal_hash)


def liability(connection: Connection[Any], program_id: str, partition_count: int, period: str) -> Liability:
    """Return what is owed at the end of a closed month, or now."""
    history = read_history(connection, program_id, partition_count)
    basis = history.basis(period)
    _, after, _ = figures_at(connection, program_id, history, period)
    prices = PriceList(basis.books.settings)
    last_day = date.fromisoformat(f"{period}-28")
    lines = []
    for figures in after.cohorts:
        cohort = cohort_of(figures)
        price = prices.on(cohort.point_currency, last_day)
        used, open_points = cohort.used_points, cohort.open_points
        estimate = basis.books.estimates.get(cohort.key)
        rate = Decimal(price.settings.redemption_rate) if price else Decimal(0)
        is_remote = price is not None and price.settings.expiry_method == "remote"
        ever = (
            used + open_points
            if is_remote
            else rounded(multiply(rate, Decimal(used + open_points + cohort.points["expired"])))
            if estimate is None
            else estimate
        )
        lines.append(
            LiabilityLine(
                cohort.key,
                open_points,
                max(0, min(open_points, ever - used)),
                cohort.liability(0),
                cohort.liability(1),
                cohort.liability(2),
                rounded(multiply(Decimal(price.settings.point_value_minor), Decimal(open_points))) if price else 0,
            )
        )
    accounts = {name: -after.balances_minor.get(name, 0) for name in chart.LIABILITIES}
    return Liability(period, basis.closed is not None, prices.currency, lines, accounts)


def trial_balance(connection: Connection[Any], program_id: str, partition_count: int, period: str) -> TrialBalance:
    """Return the balances of all accounts at the end of a closed month, or now."""
    history = read_history(connection, program_id, partition_count)
    basis = history.basis(period)
    before, after, _ = figures_at(connection, program_id, history, period)
    opening, closing = before.balances_minor if before else {}, after.balances_minor
    currency = PriceList(basis.books.settings).currency
    accounts = []
    for name in sorted({*opening, *closing}, key=lambda one: (":" in one, one.partition(":")[2], one)):
        account, _, code = name.partition(":")
        began, ended = opening.get(name, 0), closing.get(name, 0)
        line = AccountBalance(account, chart.NAMES[account], code or currency, began, ended - began, ended)
        accounts.append(line)
    return TrialBalance(period, basis.closed is not None, currency, accounts)


def cut_off(
    connection: Connection[Any], program_id: str, partition_count: int, period: str, limit: int
) -> CutOffReport:
    """Return the late events of a closed month, or of the next one so far."""
    history = read_history(connection, program_id, partition_count)
    with opened(connection, program_id, history, period) as (basis, reading):
        reading.late_limit = limit
        for _entry in reading.entries():
            pass
        first = reading.window.first_day
        events = [
            LateEvent(one.place, one.account, type(one.event).TOPIC, one.event.effective_on, first)
            for one in reading.late
        ]
        return CutOffReport(period, basis.closed is not None, reading.window.late_count, events)


def _line(one: CohortRoll) -> RollForwardLine:
    return RollForwardLine(one.points.name, _figures(one.points), _figures(one.value), _figures(one.service))


def _figures(row: Row) -> Figures:
    return Figures(row.opening, row.signed, row.closing)
