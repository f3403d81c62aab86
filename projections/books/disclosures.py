"""
What the notes to the accounts say about contract liabilities, for a month or any run of months.

Source: IFRS 15.116 (opening and closing balances, revenue that was in the opening balance), 15.118 (what else changed
them), 15.B47 and IAS 8.39 (changes of estimate).
"""

from collections import defaultdict
from typing import Any

from msgspec import Struct
from psycopg import Connection

from ledger.bookkeeping.decide import check_period, following
from ledger.bookkeeping.events import CohortFigures, PeriodClosed
from ledger.errors import InvalidInput
from projections.books import chart
from projections.books.history import History, read_history
from projections.books.month_end import CHANGE_OF_ESTIMATE
from projections.books.pricing import PriceList
from projections.books.reading import opened
from projections.books.reports import figures_at
from projections.books.rollforward import roll

_RECOGNISED = ("redeemed", "reversed", "expired", "service_rendered")
MAX_MONTHS = 60


class Disclosed(Struct, frozen=True):
    """One funding and point currency, in minor units. Opening and the movements make the closing balance."""

    name: str
    opening_minor: int
    issued_minor: int
    """Allocated to points, less what was taken back."""
    recognised_minor: int
    """Redemptions, breakage and service, together: below zero, because it lessens what is owed."""
    closing_minor: int
    recognised_of_opening_minor: int
    """Of what was recognised, that which was owed at the beginning: cohort by cohort, no more than it owed then."""
    recognised_of_new_minor: int


class Disclosures(Struct, frozen=True):
    """What is to be disclosed of a run of months."""

    first_period: str
    last_period: str
    is_closed: bool
    currency: str
    lines: list[Disclosed]
    total: Disclosed
    change_of_estimate_minor: int
    """Recognised in the run because more or fewer points are expected to be redeemed; part of what was recognised."""


def disclosures(
    connection: Connection[Any], program_id: str, partition_count: int, period: str, first_period: str | None = None
) -> Disclosures:
    """
    Return what is to be disclosed.

    Args:
        connection: To read with.
        program_id: Whose books.
        partition_count: Of the ledger.
        period: The last month: closed, or the next.
        first_period: The first; by default the same.

    Raises:
        InvalidInput: The months are none, or in the wrong order, or too many.
        LedgerError: A month is neither closed nor the next.
    """
    first_period = first_period or period
    months = _months(first_period, period)
    history = read_history(connection, program_id, partition_count)
    before = history.basis(first_period).before
    _, after, _ = figures_at(connection, program_id, history, period)
    lines = _lines(before, after)
    return Disclosures(
        first_period,
        period,
        period in history.closed_periods,
        PriceList(history.books.settings).currency,
        lines,
        _total(lines),
        sum(_changed(connection, program_id, history, month) for month in months),
    )


def _months(first: str, last: str) -> list[str]:
    check_period(last)
    try:
        check_period(first)
    except InvalidInput as refusal:
        raise InvalidInput(str(refusal), pointer="/from") from None
    if first > last:
        raise InvalidInput(f"{first} comes after {last}.", pointer="/from")
    months = [first]
    while months[-1] != last:
        months.append(following(months[-1]))
        if len(months) > MAX_MONTHS:
            raise InvalidInput(f"At most {MAX_MONTHS} months at once.", pointer="/from")
    return months


def _lines(before: PeriodClosed | None, after: PeriodClosed) -> list[Disclosed]:
    groups: dict[str, list[Disclosed]] = defaultdict(list)
    opening: tuple[CohortFigures, ...] = before.cohorts if before else ()
    for one in roll(opening, after.cohorts):
        name = one.points.name.partition("/")[2]
        for row in (one.value, one.service):
            recognised = sum(row.signed.get(column, 0) for column in _RECOGNISED)
            issued = sum(amount for column, amount in row.signed.items() if column not in _RECOGNISED)
            of_opening = _part_of(-recognised, row.opening)
            figures = row.opening, issued, recognised, row.closing, of_opening, -recognised - of_opening
            groups[name].append(Disclosed(name, *figures))
    return [_sum(name, group) for name, group in sorted(groups.items())]


def _part_of(recognised: int, opening: int) -> int:
    """Return how much of what was recognised can have been owed before."""
    return max(0, min(recognised, opening)) if recognised >= 0 else recognised if opening else 0


def _sum(name: str, lines: list[Disclosed]) -> Disclosed:
    fields = Disclosed.__struct_fields__[1:]
    return Disclosed(name, *(sum(getattr(one, field) for one in lines) for field in fields))


def _total(lines: list[Disclosed]) -> Disclosed:
    return _sum("", lines)


def _changed(connection: Connection[Any], program_id: str, history: History, period: str) -> int:
    """Return what a month recognised because of changed estimates."""
    total = 0
    with opened(connection, program_id, history, period) as (_, reading):
        for entry in reading.entries():
            if entry.description == CHANGE_OF_ESTIMATE:
                total += sum(one.amount for one in entry.postings if one.account in chart.LIABILITIES)
    return total
