"""What an account can be asked to do. Dates, ids and prices arrive from outside."""

from datetime import date, datetime

from msgspec import Struct

from ledger.account.events import ORDINARY, OWN, Attributes, PurchaseLine

MAX_POINTS = 10**15
"""Largest number of points one command may move: beyond any program, and far inside a 64-bit column."""


class Award(Struct, frozen=True):
    """Points that a rule, or an operator, decided on; the account gives them a lot."""

    point_currency: str
    points: int
    available_from: date
    expires_on: date | None
    kind: str = ORDINARY
    rule: str = ""
    funding: str = OWN
    cap_periods: tuple[str, ...] = ()


class OpenAccount(Struct, frozen=True):
    """Open the account of a member who joins a program."""

    program_id: str
    member_id: str
    occurred_at: datetime
    effective_on: date


class PostPurchase(Struct, frozen=True):
    """Book a purchase and the points it earned."""

    source: str
    transaction_id: str
    occurred_at: datetime
    effective_on: date
    amount_minor: int
    currency: str
    program_version: int
    awards: tuple[Award, ...]
    lines: tuple[PurchaseLine, ...] = ()
    attributes: Attributes = {}


class Accrue(Struct, frozen=True):
    """Book points that no purchase stands behind."""

    source: str
    accrual_id: str
    occurred_at: datetime
    effective_on: date
    reason: str
    awards: tuple[Award, ...]


class Redeem(Struct, frozen=True):
    """Spend points at the value a burn rule gave them."""

    source: str
    redemption_id: str
    occurred_at: datetime
    effective_on: date
    point_currency: str
    points: int
    value_minor: int
    currency: str
    program_version: int


class ReverseRedemption(Struct, frozen=True):
    """Undo a redemption: the same lots get the same points back."""

    source: str
    redemption_id: str
    occurred_at: datetime
    effective_on: date
    reason: str


AccountCommand = OpenAccount | PostPurchase | Accrue | Redeem | ReverseRedemption
