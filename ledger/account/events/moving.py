"""Points that time or an operator moves, and points that go from member to member."""

from datetime import date, datetime
from typing import ClassVar

from msgspec import Struct

from ledger.account.events.parts import Accrual, LotMove, LotPoints, Repayment


class LotsReleased(Struct, frozen=True, omit_defaults=True):
    """Promised points became available: their day has come, or the event that they awaited."""

    TOPIC: ClassVar = "account.lots_released.v1"

    occurred_at: datetime
    effective_on: date
    """From this date on they can be spent."""
    lots: tuple[LotMove, ...]
    balances: dict[str, int]
    awaited: str = ""
    """The business event that came; empty where it was a date."""
    source: str = ""
    reference: str = ""
    """With the source: what the outside calls it."""


class LotsExpired(Struct, frozen=True, omit_defaults=True):
    """What was left of lots lapsed."""

    TOPIC: ClassVar = "account.lots_expired.v1"

    occurred_at: datetime
    effective_on: date
    """The first date on which they could no longer be spent."""
    reason: str
    """``age``, ``inactivity``, ``unconfirmed`` (the awaited event did not come), ``cancelled``, ``converted`` or
    ``closure``."""
    lots: tuple[LotMove, ...]
    balances: dict[str, int]


class VoucherIssued(Struct, frozen=True, omit_defaults=True):
    """Points that lapsed became a voucher."""

    TOPIC: ClassVar = "account.voucher_issued.v1"

    voucher_id: str
    occurred_at: datetime
    effective_on: date
    point_currency: str
    points: int
    """They were taken from lots by the `LotsExpired` before this."""
    value_minor: int
    currency: str
    expires_on: date
    balances: dict[str, int]


class PointsReinstated(Struct, frozen=True, omit_defaults=True):
    """Points that had lapsed were given back, as new lots."""

    TOPIC: ClassVar = "account.points_reinstated.v1"

    source: str
    reinstatement_id: str
    occurred_at: datetime
    effective_on: date
    reason: str
    accruals: tuple[Accrual, ...]
    balances: dict[str, int]
    repaid: tuple[Repayment, ...] = ()


class ExpiryChanged(Struct, frozen=True, omit_defaults=True):
    """A published migration of a policy gave lots that were earned already other dates."""

    TOPIC: ClassVar = "account.expiry_changed.v1"

    occurred_at: datetime
    effective_on: date
    program_version: int
    """The version whose policy they follow from now on."""
    lots: tuple["NewDates", ...]
    balances: dict[str, int]


class NewDates(Struct, frozen=True, omit_defaults=True):
    """When a lot lapses from now on."""

    lot: int
    point_currency: str
    expires_on: date | None = None
    idle_months: int = 0
    activities: tuple[str, ...] = ()


class PointsAdjusted(Struct, frozen=True, omit_defaults=True):
    """An operator gave or took points."""

    TOPIC: ClassVar = "account.points_adjusted.v1"

    source: str
    adjustment_id: str
    occurred_at: datetime
    effective_on: date
    reason: str
    """Code of the program's list of reasons."""
    note: str
    point_currency: str
    points: int
    """Given if above zero, taken if below."""
    balances: dict[str, int]
    accruals: tuple[Accrual, ...] = ()
    taken: tuple[LotMove, ...] = ()
    debts: dict[str, int] = {}
    repaid: tuple[Repayment, ...] = ()


class PointsTransferredOut(Struct, frozen=True, omit_defaults=True):
    """Points left for another account."""

    TOPIC: ClassVar = "account.points_transferred_out.v1"

    source: str
    transfer_id: str
    occurred_at: datetime
    effective_on: date
    point_currency: str
    points: int
    to_member: str
    taken: tuple[LotPoints, ...]
    balances: dict[str, int]
    is_merger: bool = False
    """The account was merged into the other one."""


class PointsTransferredIn(Struct, frozen=True, omit_defaults=True):
    """Points came from another account; their lots kept age, expiry and funding."""

    TOPIC: ClassVar = "account.points_transferred_in.v1"

    source: str
    transfer_id: str
    occurred_at: datetime
    effective_on: date
    point_currency: str
    points: int
    from_member: str
    accruals: tuple[Accrual, ...]
    balances: dict[str, int]
    is_merger: bool = False
    repaid: tuple[Repayment, ...] = ()
