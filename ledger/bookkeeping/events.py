"""
What happened to the books of a program: the stored contract, version 1.

Money per point is decimal text in minor units of the currency, because a point is usually worth less than the smallest
coin.
"""

from datetime import date, datetime
from typing import ClassVar

from msgspec import Struct


class Funder(Struct, frozen=True, omit_defaults=True):
    """What a partner pays for each point it funds. Source: IFRS 15.22-30, distinct promises are accounted for apart."""

    funding: str
    redemption_minor: str
    """For the point itself: deferred until it is redeemed."""
    service_minor: str = "0"
    """For marketing and service."""
    life_months: int = 0
    """Over which the service is rendered; 0: when the point is issued."""
    at_redemption_minor: str = "0"
    """Paid when the point is redeemed, and earned then."""


class Supplier(Struct, frozen=True):
    """Who gives the reward where it is not the program. Source: IFRS 15.B34-B38."""

    source: str
    """Of the redemption."""
    role: str
    """Of the program: ``principal`` or ``agent``."""
    reimbursement_minor: str
    """Owed to the supplier per point."""


class SettingsSet(Struct, frozen=True, omit_defaults=True):
    """How the points of a currency are accounted for from a date on; what holds is replaced as a whole."""

    TOPIC: ClassVar = "books.settings_set.v1"

    program_id: str
    point_currency: str
    effective_on: date
    currency: str
    point_value_minor: str
    """What a redeemed point is worth. Times the redemption rate it is the stand-alone selling price (IFRS 15.B42)."""
    redemption_rate: str
    """Part of all points that will ever be redeemed, where no estimate was applied to their cohort."""
    expiry_method: str
    """``proportional`` to redemptions, or only when redemption is ``remote`` (IFRS 15.B46)."""
    by: str
    occurred_at: datetime
    point_cost_minor: str = ""
    """Expected cost of a redeemed point that was given without a sale; empty: its value."""
    funders: tuple[Funder, ...] = ()
    suppliers: tuple[Supplier, ...] = ()


class EstimateApplied(Struct, frozen=True, omit_defaults=True):
    """How many points of a cohort will ever be redeemed, as estimated now; changes the period that is open."""

    TOPIC: ClassVar = "books.estimate_applied.v1"

    cohort: str
    redeemed_points: int
    """In the end: those redeemed so far, and those to come."""
    by: str
    occurred_at: datetime
    reason: str = ""
    """Of an estimate that was proposed: ``proposal`` and the SHA-256 of the document."""
    approved_by: str = ""
    """Who agreed, where it takes two."""


class CohortFigures(Struct, frozen=True, omit_defaults=True):
    """Where a cohort stands. Value is of three parts: sold with goods or to a partner, given, and service."""

    cohort: str
    points: dict[str, int] = {}
    """By column of the roll-forward, from the beginning of the books."""
    values_minor: dict[str, int] = {}
    """The same in minor units."""
    exact: tuple[str, str, str] = ("0", "0", "0")
    """Allocated, in minor units, not rounded."""
    allocated_minor: tuple[int, int, int] = (0, 0, 0)
    released_minor: tuple[int, int, int] = (0, 0, 0)
    """Of it, recognised because points were redeemed, or time went by."""
    breakage_minor: tuple[int, int] = (0, 0)
    """Of it, recognised because points lapsed."""


class PeriodClosed(Struct, frozen=True, omit_defaults=True):
    """A month was closed: its journal and its figures are final."""

    TOPIC: ClassVar = "books.period_closed.v1"

    period: str
    """``2026-11``."""
    frozen_at: dict[str, int]
    """By partition: the last position that was looked at."""
    journal_hash: str
    """Hexadecimal SHA-256 over the entries of its journal."""
    entry_count: int
    event_count: int
    late_count: int
    """Events that count in an earlier month."""
    balances_minor: dict[str, int]
    """By account, debits less credits, from the beginning of the books."""
    cohorts: tuple[CohortFigures, ...]
    by: str
    occurred_at: datetime
    scheme_version: int
    resume_at: dict[str, int] = {}
    """By partition: the position before the first event that counts in a later month, where there is one."""
    owed: dict[str, str] = {}
    """What reimbursements add up to per supplier, in minor units, not rounded."""


class PeriodReopened(Struct, frozen=True, omit_defaults=True):
    """Two people agreed that the last closed month is open again; what it was closed with stays in the stream."""

    TOPIC: ClassVar = "books.period_reopened.v1"

    period: str
    by: str
    """Who asked."""
    approved_by: str
    occurred_at: datetime
    reason: str


BookkeepingEvent = SettingsSet | EstimateApplied | PeriodClosed | PeriodReopened
