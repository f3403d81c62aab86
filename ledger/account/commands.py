"""What an account can be asked to do. Dates, ids and prices arrive from outside."""

from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from ledger.account.events import (
    ORDINARY,
    OWN,
    Attributes,
    Count,
    LotMove,
    NewDates,
    Promised,
    PurchaseLine,
    RuleChange,
)

MAX_POINTS = 10**15
"""Largest number of points one command may move: beyond any program, and far inside a 64-bit column."""


class Award(Struct, frozen=True, omit_defaults=True):
    """Points that a rule, or an operator, decided on; the account gives them a lot."""

    point_currency: str
    points: int
    available_from: date
    expires_on: date | None
    kind: str = ORDINARY
    rule: str = ""
    funding: str = OWN
    cap_periods: tuple[str, ...] = ()
    earned_on: date | None = None
    awaits: str = ""
    cancels_on: date | None = None
    idle_months: int = 0
    activities: tuple[str, ...] = ()
    converts: bool = False


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
    counts: tuple[Count, ...] = ()
    overtaken_by: tuple[str, ...] = ()
    promised: Promised | None = None


class Accrue(Struct, frozen=True):
    """Book points that no purchase stands behind."""

    source: str
    accrual_id: str
    occurred_at: datetime
    effective_on: date
    reason: str
    awards: tuple[Award, ...]
    counts: tuple[Count, ...] = ()


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
    pool: str = ""


class ReverseRedemption(Struct, frozen=True):
    """Undo a redemption: the same lots get points back."""

    source: str
    redemption_id: str
    occurred_at: datetime
    effective_on: date
    reason: str
    points: int | None = None
    """``None``: all that were not given back before."""


class HoldPoints(Struct, frozen=True):
    """Reserve points for a checkout."""

    source: str
    hold_id: str
    occurred_at: datetime
    effective_on: date
    point_currency: str
    points: int
    expires_at: datetime
    amount_minor: int | None = None


class CaptureHold(Struct, frozen=True):
    """Turn a hold into a redemption, wholly or partly."""

    source: str
    hold_id: str
    redemption_id: str
    occurred_at: datetime
    effective_on: date
    points: int
    value_minor: int
    currency: str
    program_version: int


class VoidHold(Struct, frozen=True):
    """Release a hold unspent."""

    source: str
    hold_id: str
    occurred_at: datetime
    effective_on: date
    reason: str


class ExpireHolds(Struct, frozen=True):
    """Record the holds whose time is up."""

    occurred_at: datetime
    effective_on: date


Beyond = Literal["negative", "within_balance", "waterfall"]
"""What becomes of points that a return takes back and that are gone: owed, written off, or taken off the refund."""


class ReturnPurchase(Struct, frozen=True):
    """Undo a purchase, wholly or partly; `rules` has priced what remains."""

    source: str
    return_id: str
    purchase_source: str
    transaction_id: str
    occurred_at: datetime
    effective_on: date
    reason: str
    amount_minor: int
    currency: str
    program_version: int
    lines: tuple[PurchaseLine, ...]
    changes: tuple[RuleChange, ...]
    losing: tuple[LotMove, ...]
    """Per lot of the purchase: the points it is to lose."""
    lapsed: dict[str, int]
    """Per point currency: what of these points lapsed meanwhile, so that nobody has them."""
    awards: tuple[Award, ...]
    counts: tuple[Count, ...]
    beyond: Beyond
    point_value_minor: dict[str, int] = {}
    """For ``waterfall``, per point currency: what all points that the return takes back are worth."""
    attributes: dict[str, int] = {}


class RepricePurchase(Struct, frozen=True):
    """Book what an earlier purchase earns more or less since activity before it arrived late."""

    purchase_source: str
    transaction_id: str
    occurred_at: datetime
    effective_on: date
    cause: str
    changes: tuple[RuleChange, ...]
    losing: tuple[LotMove, ...]
    lapsed: dict[str, int]
    awards: tuple[Award, ...]
    counts: tuple[Count, ...]
    beyond: Beyond


class ReleaseLots(Struct, frozen=True):
    """Record the promised points whose day has come."""

    occurred_at: datetime
    effective_on: date


class ConfirmLots(Struct, frozen=True):
    """Make points available that await a business event."""

    source: str
    reference: str
    awaited: str
    lots: tuple[int, ...]
    """Empty: all that await it."""
    occurred_at: datetime
    effective_on: date


class CancelLots(Struct, frozen=True):
    """Take promised points away: the event that they await will not come."""

    source: str
    reference: str
    awaited: str
    lots: tuple[int, ...]
    occurred_at: datetime
    effective_on: date


class Conversion(Struct, frozen=True):
    """How lapsed points of one currency become a voucher."""

    step_points: int
    value_minor: int
    """Of each whole step; what is left over lapses."""
    currency: str
    expires_on: date


class ExpireLots(Struct, frozen=True):
    """Record the points that have lapsed."""

    occurred_at: datetime
    effective_on: date
    conversions: dict[str, Conversion] = {}
    """By point currency, for lots that become vouchers."""
    voucher_id: str = ""


class ReinstatePoints(Struct, frozen=True):
    """Give lapsed points back."""

    source: str
    reinstatement_id: str
    occurred_at: datetime
    effective_on: date
    reason: str
    awards: tuple[Award, ...]


class ChangeExpiry(Struct, frozen=True):
    """Give lots that were earned already the dates of a newer policy."""

    occurred_at: datetime
    effective_on: date
    program_version: int
    lots: tuple[NewDates, ...]


class AdjustPoints(Struct, frozen=True):
    """Give or take points by hand."""

    source: str
    adjustment_id: str
    occurred_at: datetime
    effective_on: date
    reason: str
    note: str
    point_currency: str
    points: int
    award: Award | None
    """The lot they get, if points are given."""
    may_overdraw: bool


class TransferOut(Struct, frozen=True):
    """Send points to another account."""

    source: str
    transfer_id: str
    occurred_at: datetime
    effective_on: date
    point_currency: str
    points: int
    to_member: str
    is_merger: bool = False
    """Everything goes, promised points too."""


class TransferIn(Struct, frozen=True):
    """Take points from another account."""

    source: str
    transfer_id: str
    occurred_at: datetime
    effective_on: date
    point_currency: str
    from_member: str
    awards: tuple[Award, ...]
    is_merger: bool = False


class SuspendAccount(Struct, frozen=True):
    """Stop an account for a while."""

    source: str
    occurred_at: datetime
    effective_on: date
    reason: str
    may_earn: bool


class LiftSuspension(Struct, frozen=True):
    """Let a suspended account go on."""

    source: str
    occurred_at: datetime
    effective_on: date
    reason: str


class CloseAccount(Struct, frozen=True):
    """End an account; points that are left lapse."""

    source: str
    occurred_at: datetime
    effective_on: date
    reason: str
    merged_into: str = ""


class EraseMember(Struct, frozen=True):
    """Record that who the member is was forgotten."""

    source: str
    occurred_at: datetime
    effective_on: date
    reason: str
    forfeits: bool
    """Close the account too."""
    principal: str


class ChangeTier(Struct, frozen=True):
    """Record that a member holds another tier."""

    ladder: str
    tier: str
    occurred_at: datetime
    effective_on: date
    reason: str
    valid_until: date | None
    period: str = ""
    withdrawn: tuple[str, ...] = ()


class RetainTier(Struct, frozen=True):
    """Record that a member qualified again."""

    ladder: str
    tier: str
    occurred_at: datetime
    effective_on: date
    valid_until: date | None
    period: str = ""
    reason: str = ""


class CloseQualifyingPeriod(Struct, frozen=True):
    """Record that a window is over."""

    ladder: str
    period: str
    occurred_at: datetime
    effective_on: date
    counted: dict[str, int]
    carried: dict[str, int]
    tier: str


AccountCommand = (
    OpenAccount
    | PostPurchase
    | Accrue
    | Redeem
    | ReverseRedemption
    | HoldPoints
    | CaptureHold
    | VoidHold
    | ExpireHolds
    | ReturnPurchase
    | RepricePurchase
    | ReleaseLots
    | ConfirmLots
    | CancelLots
    | ExpireLots
    | ReinstatePoints
    | ChangeExpiry
    | AdjustPoints
    | TransferOut
    | TransferIn
    | SuspendAccount
    | LiftSuspension
    | CloseAccount
    | EraseMember
    | ChangeTier
    | RetainTier
    | CloseQualifyingPeriod
)
