"""A line of the journal, as every export has it."""

from datetime import date

from msgspec import Struct


class JournalLine(Struct, frozen=True):
    """One posting. The lines of an entry balance in each currency; points balance among themselves."""

    entry_id: str
    """``<partition>:<position>`` of the event, with ``/n`` where one event makes several entries."""
    line: int
    """From 1, within the entry."""
    posting_date: date
    """Within the period that was open when the event was recorded."""
    service_date: date
    """When it counts: the event's effective date."""
    period: str
    """``2026-11``."""
    account: str
    """Number in the chart of accounts, such as ``2000``."""
    account_name: str
    debit_minor: int
    """Minor units of ``currency``; zero where it is a credit."""
    credit_minor: int
    currency: str
    """ISO 4217, or the code of a point currency, for lines that count points."""
    program_id: str
    point_currency: str
    points: int
    """That the line is about."""
    cohort: str
    """Issue period, funding and point currency; empty where the line is of none."""
    partner: str
    event_kind: str
    """Topic of the event."""
    position: str
    """``<partition>:<position>`` of the event."""
    program_version: int
    """0 where no version was concerned."""
    scheme_version: int
    """Of the posting scheme that made the line."""
    entered_by: str
    approved_by: str
    description: str
