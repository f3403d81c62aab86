"""What else the outside asks of an account: reservations, returns, corrections, transfers, and its standing."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct

from rules.activity import (
    Attributes,
    Instant,
    Line,
    MemberName,
    OpaqueId,
    PointCurrencyCode,
    PositivePoints,
    Reason,
    Source,
)

Currency = Annotated[str, Meta(min_length=3, max_length=3, description="ISO 4217.", examples=["EUR"])]
Lines = Annotated[tuple[Line, ...], Meta(max_length=500)]
Amount = Annotated[Decimal, Meta(description="In major units; text or a plain JSON number, read digit by digit.")]


class QuoteRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What would a basket earn, and what can points pay of it?"""

    source: Source
    occurred_at: Instant
    amount: Annotated[Decimal, Meta(description="In major units; text or a plain JSON number, read digit by digit.")]
    currency: Currency
    member: MemberName | None = None
    """Absent: somebody who joins with this purchase."""
    lines: Lines = ()
    attributes: Attributes = {}
    points: PositivePoints | None = None
    """Whether exactly these would be accepted."""
    point_currency: PointCurrencyCode | None = None
    """Of ``points``. Absent: the one the program's first burn rule is about."""


class HoldRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Points are to be reserved for a checkout."""

    source: Source
    hold_id: Annotated[OpaqueId, Meta(description="Yours; unique within the program.")]
    member: MemberName
    occurred_at: Instant
    points: PositivePoints
    point_currency: PointCurrencyCode | None = None
    """Absent: the one the program's first burn rule is about."""
    expires_at: Instant | None = None
    """When they are free again. Absent: after the program's default."""
    amount: Amount | None = None
    """Of the purchase that the points help to pay. Needed where points may pay only a part."""


class Capture(Struct, frozen=True, forbid_unknown_fields=True):
    """A hold becomes a redemption."""

    source: Source
    redemption_id: Annotated[OpaqueId, Meta(description="Yours; unique within the program.")]
    occurred_at: Instant
    points: PositivePoints | None = None
    """Absent: all that were reserved. What is not captured goes back."""
    amount: Amount | None = None
    """Of the purchase, if it is another one by now. Absent: as the hold told it."""


class Settlement(Struct, frozen=True, forbid_unknown_fields=True):
    """A checkout ends: the purchase is made, and the points that a hold reserved pay for it."""

    source: Source
    transaction_id: OpaqueId
    redemption_id: Annotated[OpaqueId, Meta(description="Yours; unique within the program.")]
    occurred_at: Instant
    amount: Annotated[Decimal, Meta(description="That earns, in major units.")]
    currency: Currency
    points: PositivePoints | None = None
    """To capture. Absent: all that were reserved. What is not captured goes back."""
    lines: Lines = ()
    attributes: Attributes = {}
    basket_amount: Amount | None = None
    """Of which points may pay a part, where ``amount`` is less because points paid some of it. Absent: ``amount``."""
    if_expired: Literal["refuse", "redeem"] = "refuse"
    """What to do if the hold's time was up: nothing at all, or take the points if they are still there."""


class Checkout(Struct, frozen=True, forbid_unknown_fields=True):
    """A purchase is made, and points pay for it at once, without a hold."""

    source: Source
    transaction_id: OpaqueId
    redemption_id: Annotated[OpaqueId, Meta(description="Yours; unique within the program.")]
    member: MemberName
    occurred_at: Instant
    amount: Annotated[Decimal, Meta(description="That earns, in major units.")]
    currency: Currency
    points: PositivePoints
    point_currency: PointCurrencyCode | None = None
    """Absent: the one the program's first burn rule is about."""
    lines: Lines = ()
    attributes: Attributes = {}
    basket_amount: Amount | None = None
    """Of which points may pay a part, where ``amount`` is less because points paid some of it. Absent: ``amount``."""


class Voiding(Struct, frozen=True, forbid_unknown_fields=True):
    """A hold is released unspent."""

    source: Source
    occurred_at: Instant
    reason: Reason = "not needed"


class ReturnedLine(Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the basket that comes back."""

    line: Annotated[str, Meta(min_length=1, max_length=64)]
    quantity: Annotated[Decimal, Meta(description="Absent: all that was not returned before.")] | None = None
    amount: Amount | None = None
    """Absent: the part of the line's amount that belongs to the quantity, rounded down to minor units."""


class GivenBack(Struct, frozen=True, forbid_unknown_fields=True):
    """Points that had helped to pay."""

    redemption_id: OpaqueId
    points: PositivePoints | None = None
    """Absent: all that were not given back before."""


class ReturnRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A purchase is undone, wholly or partly."""

    source: Source
    return_id: Annotated[OpaqueId, Meta(description="Yours; unique within the source.")]
    occurred_at: Instant
    reason: Reason = "returned"
    amount: Amount | None = None
    """Given back. Absent: that of the lines; without lines, everything that is left."""
    lines: Annotated[tuple[ReturnedLine, ...], Meta(max_length=500)] = ()
    attributes: Attributes = {}
    """Whole numbers that count toward tiers, as far as they are undone: ``{"nights": 2}``. A full return undoes all."""
    redemptions: Annotated[tuple[GivenBack, ...], Meta(max_length=20)] = ()
    """Redemptions that had helped to pay; their points go back to their lots."""


class AccrualRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Points for something that was no purchase."""

    source: Source
    accrual_id: Annotated[OpaqueId, Meta(description="Yours; unique within the source.")]
    member: MemberName
    occurred_at: Instant
    points: PositivePoints
    reason: Reason
    point_currency: PointCurrencyCode | None = None
    """Absent: the program's first."""
    kind: Annotated[str, Meta(min_length=1, max_length=64)] = "bonus"
    funding: Annotated[str, Meta(min_length=1, max_length=100)] = "own"


class AdjustmentRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """An operator gives or takes points."""

    source: Source
    adjustment_id: Annotated[OpaqueId, Meta(description="Yours; unique within the source.")]
    member: MemberName
    occurred_at: Instant
    points: Annotated[int, Meta(ge=-(10**15), le=10**15, description="Given if above zero, taken if below.")]
    reason: Annotated[
        str, Meta(min_length=1, max_length=63, description="A code of the program's list, if it has one.")
    ]
    note: Annotated[str, Meta(max_length=500, description="For people. Nothing personal.")] = ""
    point_currency: PointCurrencyCode | None = None
    """Absent: the program's first."""
    may_overdraw: bool = False
    """What is not there to be taken is owed."""


class TransferRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A member sends points to another."""

    source: Source
    transfer_id: Annotated[OpaqueId, Meta(description="Yours; unique within the program.")]
    member: MemberName
    to_member: MemberName
    occurred_at: Instant
    points: PositivePoints
    point_currency: PointCurrencyCode | None = None
    """Absent: the first that members may send."""


class ConfirmationRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The business event came that promised points await, or it will not come."""

    source: Source
    reference: Annotated[OpaqueId, Meta(description="Yours; unique within the source.")]
    member: MemberName
    occurred_at: Instant
    event: Annotated[str, Meta(min_length=1, max_length=64, examples=["stay-completed"])]
    lots: Annotated[tuple[int, ...], Meta(max_length=1000)] = ()
    """Absent: all that await it."""


class ReinstatementRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Points that lapsed are given back."""

    source: Source
    reinstatement_id: Annotated[OpaqueId, Meta(description="Yours; unique within the source.")]
    member: MemberName
    occurred_at: Instant
    points: PositivePoints
    reason: Reason
    point_currency: PointCurrencyCode | None = None
    """Absent: the program's first."""
    expires_on: date | None = None
    """First date on which they lapse again. Absent: as if they were earned today."""


class StandingRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """An account is stopped, let go on, or ended."""

    source: Source
    occurred_at: Instant
    reason: Reason
    may_earn: bool = False
    """For suspending: purchases still earn."""


class ErasureRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A member wants to be forgotten."""

    source: Source
    occurred_at: Instant
    reason: Annotated[
        str,
        Meta(
            pattern="^[a-z][a-z0-9_-]{0,62}$",
            description="A code of yours, never free text: it stays when everything else is gone.",
            examples=["on_request"],
        ),
    ]
    points: Annotated[
        Literal["forfeit", "keep"],
        Meta(
            description="`forfeit` closes the account, and what points there are lapse; `keep` leaves it open, under "
            "our member id alone."
        ),
    ]


class TierRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A tier is given by hand."""

    source: Source
    occurred_at: Instant
    reason: Reason
    tier: PointCurrencyCode
    ladder: PointCurrencyCode | None = None
    """Absent: the program's first."""
    valid_until: date | None = None
    """First date on which it is no longer held. Absent: as if it had been reached today."""


class MergerRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Two accounts turn out to be one person's."""

    source: Source
    occurred_at: Instant
    reason: Reason
    into_member: MemberName
    """Who goes on. The points of the other go there, with their dates, and its account is closed."""


class PoolRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Members want to spend their points together."""

    source: Source
    pool_id: Annotated[OpaqueId, Meta(description="Yours; unique within the program.")]
    occurred_at: Instant
    members: Annotated[tuple[MemberName, ...], Meta(min_length=1, max_length=20)]


class PoolMemberRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody joins a pool, or leaves it."""

    source: Source
    occurred_at: Instant
    member: MemberName


class PoolRedemptionRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A pool spends points."""

    source: Source
    redemption_id: Annotated[OpaqueId, Meta(description="Yours; unique within the program.")]
    occurred_at: Instant
    points: PositivePoints
    point_currency: PointCurrencyCode | None = None
    """Absent: the one the program's first burn rule is about."""
    amount: Amount | None = None
    """Of the purchase that the points help to pay. Needed where points may pay only a part."""
