"""Points that are reserved, spent, and given back."""

from datetime import date, datetime
from typing import ClassVar

from msgspec import Struct

from ledger.account.events.parts import LotPoints, Repayment


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
    pool: str = ""
    """The pool for which it was this member's part."""


class RedemptionReversed(Struct, frozen=True, omit_defaults=True):
    """A redemption was undone, wholly or partly; the same lots got points back, with the expiry they had."""

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
    repaid: tuple[Repayment, ...] = ()
    """Points that came back and pay at once what is owed."""


class PointsHeld(Struct, frozen=True, omit_defaults=True):
    """Points were reserved for a checkout; nobody else can spend them until the hold is resolved."""

    TOPIC: ClassVar = "account.points_held.v1"

    source: str
    hold_id: str
    occurred_at: datetime
    effective_on: date
    point_currency: str
    points: int
    expires_at: datetime
    """From this moment on the points are free again, whether or not anybody has said so."""
    taken: tuple[LotPoints, ...]
    balances: dict[str, int]
    amount_minor: int | None = None
    """Of the purchase that they help to pay, in the program's currency; absent where it was not told."""


class HoldCaptured(Struct, frozen=True, omit_defaults=True):
    """A hold became a redemption, wholly or partly; what was not needed went back to its lots."""

    TOPIC: ClassVar = "account.hold_captured.v1"

    source: str
    hold_id: str
    redemption_id: str
    occurred_at: datetime
    effective_on: date
    point_currency: str
    points: int
    """Redeemed."""
    value_minor: int
    currency: str
    program_version: int
    taken: tuple[LotPoints, ...]
    """Lots that paid."""
    returned: tuple[LotPoints, ...]
    balances: dict[str, int]
    repaid: tuple[Repayment, ...] = ()
    """Points that came back and pay at once what is owed."""


class HoldVoided(Struct, frozen=True, omit_defaults=True):
    """A hold was released unspent."""

    TOPIC: ClassVar = "account.hold_voided.v1"

    source: str
    hold_id: str
    occurred_at: datetime
    effective_on: date
    reason: str
    point_currency: str
    points: int
    returned: tuple[LotPoints, ...]
    balances: dict[str, int]
    repaid: tuple[Repayment, ...] = ()
    """Points that came back and pay at once what is owed."""


class HoldExpired(Struct, frozen=True, omit_defaults=True):
    """A hold was released because its time was up."""

    TOPIC: ClassVar = "account.hold_expired.v1"

    hold_id: str
    occurred_at: datetime
    """When its time was up."""
    effective_on: date
    point_currency: str
    points: int
    returned: tuple[LotPoints, ...]
    balances: dict[str, int]
    repaid: tuple[Repayment, ...] = ()
    """Points that came back and pay at once what is owed."""
