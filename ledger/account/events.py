"""
What happened to an account: the stored contract, version 1.

Fields left at their default are not stored, so a default may never change. Points are integers in the smallest
unit of their point currency, money is integer minor units. ``balances`` names every point currency of the account
with the points its open lots hold after the event; together with the stream version it lets a consumer drop stale
news.
"""

from datetime import date, datetime
from typing import ClassVar

from msgspec import Struct

ORDINARY = "base"
"""Kind of an accrual that comes from the purchase itself; the other kind is ``bonus``."""

OWN = "own"
"""Funding of points that the program itself pays for."""


Attributes = dict[str, str | int | bool | list[str] | None]
"""Facts by name, as plain JSON."""


class Accrual(Struct, frozen=True, omit_defaults=True):
    """Points booked to one new lot."""

    lot: int
    """Number of the lot within the account, counted from 1."""
    point_currency: str
    points: int
    available_from: date
    """First program-local date on which the points can be spent."""
    expires_on: date | None = None
    """First program-local date on which they can no longer be spent; ``None`` means never."""
    kind: str = ORDINARY
    rule: str = ""
    """The rule that priced it, by its id in the program version; empty where no rule did."""
    funding: str = OWN
    cap_periods: tuple[str, ...] = ()
    """Periods in which these points count against the rule's caps: ``2026-11-22``, ``2026-11``, ``2026``."""


class PurchaseLine(Struct, frozen=True, omit_defaults=True):
    """One line of a basket."""

    line: str
    """Its name within the purchase."""
    amount_minor: int
    quantity: str = "1"
    """Decimal digits: pieces, litres, nights."""
    sku: str = ""
    category: str = ""
    brand: str = ""
    attributes: Attributes = {}


class LotPoints(Struct, frozen=True):
    """Points taken from, or given back to, one lot."""

    lot: int
    points: int


class AccountOpened(Struct, frozen=True, omit_defaults=True):
    """A member joined a program and can hold its points."""

    TOPIC: ClassVar = "account.opened.v1"

    program_id: str
    member_id: str
    occurred_at: datetime
    effective_on: date


class PurchasePosted(Struct, frozen=True, omit_defaults=True):
    """A member bought something; all points the purchase earned are in the same fact."""

    TOPIC: ClassVar = "account.purchase_posted.v1"

    source: str
    """The system that sold it, for example a store or a billing run."""
    transaction_id: str
    occurred_at: datetime
    effective_on: date
    amount_minor: int
    currency: str
    program_version: int
    """The published version of the program that priced it."""
    accruals: tuple[Accrual, ...] = ()
    balances: dict[str, int] = {}
    lines: tuple[PurchaseLine, ...] = ()
    attributes: Attributes = {}
    """Further facts that the program declares, for its rules. Decimals are digits, dates ISO text."""


class PointsAccrued(Struct, frozen=True, omit_defaults=True):
    """Points were booked without a purchase behind them."""

    TOPIC: ClassVar = "account.points_accrued.v1"

    source: str
    accrual_id: str
    occurred_at: datetime
    effective_on: date
    reason: str
    accruals: tuple[Accrual, ...]
    balances: dict[str, int]


class PointsRedeemed(Struct, frozen=True, omit_defaults=True):
    """A member spent points; the lots they came from are named."""

    TOPIC: ClassVar = "account.points_redeemed.v1"

    source: str
    redemption_id: str
    occurred_at: datetime
    effective_on: date
    point_currency: str
    points: int
    value_minor: int
    """What the points were worth, in minor units of ``currency``."""
    currency: str
    program_version: int
    taken: tuple[LotPoints, ...]
    balances: dict[str, int]


class RedemptionReversed(Struct, frozen=True, omit_defaults=True):
    """A redemption was undone; the same lots got the same points back, with the expiry they had."""

    TOPIC: ClassVar = "account.redemption_reversed.v1"

    source: str
    redemption_id: str
    occurred_at: datetime
    effective_on: date
    reason: str
    point_currency: str
    points: int
    returned: tuple[LotPoints, ...]
    balances: dict[str, int]


AccountEvent = AccountOpened | PurchasePosted | PointsAccrued | PointsRedeemed | RedemptionReversed
