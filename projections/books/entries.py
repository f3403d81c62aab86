"""Entries: what an event, or the end of a month, means in accounts."""

from datetime import date
from typing import NamedTuple

from msgspec import Struct


class Posting(NamedTuple):
    """One line: a debit above zero, a credit below."""

    account: str
    amount: int
    """Minor units, or points where ``is_points``."""
    cohort: str = ""
    point_currency: str = ""
    points: int = 0
    """That a line of money is about."""
    partner: str = ""
    is_points: bool = False


class Entry(Struct):
    """Postings that balance: money in its currency, and points in theirs."""

    entry_id: str
    """``<partition>:<position>`` of the event; ``<month>:<n>`` at the end of a month."""
    service_date: date
    posting_date: date
    kind: str
    """Topic of the event."""
    currency: str
    description: str
    postings: list[Posting]
    program_version: int = 0
    entered_by: str = ""


class LotWorth(NamedTuple):
    """Which cohort a lot is of, and what was allocated to each of its points, in exact minor units as text."""

    cohort: str
    units: tuple[str, str, str]
