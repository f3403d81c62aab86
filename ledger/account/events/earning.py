"""Points that come, and purchases that are undone."""

from datetime import date, datetime
from typing import ClassVar

from msgspec import Struct

from ledger.account.events.parts import Accrual, Attributes, Count, LotMove, Promised, PurchaseLine, Repayment


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
    counts: tuple[Count, ...] = ()
    """What it adds to the counters of tiers."""
    repaid: tuple[Repayment, ...] = ()
    overtaken_by: tuple[str, ...] = ()
    """Redemptions that happened later, were booked before it arrived, and took other lots than they would have."""
    promised: Promised | None = None
    """Absent where no till promised anything."""


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
    counts: tuple[Count, ...] = ()
    repaid: tuple[Repayment, ...] = ()


class RuleChange(Struct, frozen=True, omit_defaults=True):
    """How many points a rule gives a purchase now, after something changed what it is worth."""

    rule: str
    point_currency: str
    before_points: int
    after_points: int
    cap_periods: tuple[str, ...] = ()
    """Periods of the rule's caps that get back what it gives less."""


class PurchaseReturned(Struct, frozen=True, omit_defaults=True):
    """
    A purchase was undone, wholly or partly.

    What remains of it was priced again by the version of its day. Points it no longer earns were taken from its own
    lots, then as the program says; what could not be taken is owed, was written off, or reduces the refund.
    """

    TOPIC: ClassVar = "account.purchase_returned.v1"

    source: str
    return_id: str
    purchase_source: str
    transaction_id: str
    occurred_at: datetime
    effective_on: date
    reason: str
    amount_minor: int
    """Given back to the member, before any reduction."""
    currency: str
    program_version: int
    """That priced the purchase, and what remains of it."""
    lines: tuple[PurchaseLine, ...] = ()
    """What came back of its lines, with amount and quantity."""
    changes: tuple[RuleChange, ...] = ()
    """Per rule: what it gave, and what it gives for the rest."""
    taken: tuple[LotMove, ...] = ()
    """Lots that lost points."""
    accruals: tuple[Accrual, ...] = ()
    """Where a rule gives more for the rest, for example one that another had outbid."""
    debts: dict[str, int] = {}
    """Points per point currency that the member owes now."""
    written_off: dict[str, int] = {}
    """Points per point currency that nobody takes back: lapsed meanwhile, or beyond the balance."""
    refund_reduction_minor: int = 0
    """What the refund is less, for points that were spent already."""
    counts: tuple[Count, ...] = ()
    """What it takes from the counters of tiers; negative."""
    balances: dict[str, int] = {}
    repaid: tuple[Repayment, ...] = ()
    attributes: dict[str, int] = {}
    """Whole numbers of the purchase that are undone, such as nights."""


class PurchaseRepriced(Struct, frozen=True, omit_defaults=True):
    """
    An earlier purchase earns another number of points than was booked, because activity before it arrived later.

    Nothing of the member's own doing changes: only what the rules make of it in the order in which it happened.
    """

    TOPIC: ClassVar = "account.purchase_repriced.v1"

    purchase_source: str
    transaction_id: str
    occurred_at: datetime
    """When what arrived late happened."""
    effective_on: date
    cause: str
    """What arrived late, by its id."""
    changes: tuple[RuleChange, ...]
    taken: tuple[LotMove, ...] = ()
    accruals: tuple[Accrual, ...] = ()
    debts: dict[str, int] = {}
    written_off: dict[str, int] = {}
    counts: tuple[Count, ...] = ()
    balances: dict[str, int] = {}
    repaid: tuple[Repayment, ...] = ()
