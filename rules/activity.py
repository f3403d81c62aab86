"""What a member does, as the outside reports it: one form for HTTP, for files and for offline tills."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from ledger.errors import InvalidInput
from ledger.members.directory import Identifier
from ledger.program.names import Code
from ledger.streams import StreamId, account_stream_id
from rules.errors import OccurredInFuture

FUTURE_TOLERANCE = timedelta(minutes=5)
"""How far a till's clock may run ahead of ours."""

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
"""Nothing a program knows happened before; an earlier time is a broken clock."""

Source = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        description="The system that reports it, for example a store or a billing run.",
        examples=["store-330"],
    ),
]
OpaqueId = Annotated[
    str,
    Meta(min_length=1, max_length=200, description="Yours; unique within the source."),
]
MemberName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        description="Our member id, or an identifier as kind:value.",
        examples=["card:6000123456789"],
    ),
]
Instant = Annotated[
    datetime,
    Meta(tz=True, description="RFC 3339 with a zone.", examples=["2026-11-22T09:30:00+01:00"]),
]


Attributes = Annotated[
    dict[str, str | int | bool | list[str] | None],
    Meta(
        max_length=100,
        description="What the program declares beyond this, by name; decimals and dates as text: 12.50, 2026-11-22.",
    ),
]
Word = Annotated[str, Meta(max_length=200)]


class Line(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line of a basket."""

    amount: Annotated[Decimal, Meta(description="Of the line, in major units of the purchase's currency.")]
    line: Annotated[str, Meta(max_length=64, description="Unique within the purchase; absent: its number, from 1.")] = (
        ""
    )
    quantity: Annotated[Decimal, Meta(description="Pieces, litres, nights.")] = Decimal(1)
    sku: Word = ""
    category: Word = ""
    brand: Word = ""
    attributes: Attributes = {}


class Promise(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a till promised for a purchase that it priced by itself, by a rule bundle."""

    bundle_version: Annotated[int, Meta(ge=1, le=2**31 - 1, description="The program version of the bundle.")]
    points: Annotated[
        dict[Code, Annotated[int, Meta(ge=0, le=10**15)]],
        Meta(
            min_length=1,
            max_length=20,
            description="Per point currency, in its smallest unit, as the receipt says; 0 where it promised none.",
        ),
    ]
    priced_at: Instant | None = None


class Purchase(Struct, frozen=True, forbid_unknown_fields=True):
    """A member bought something."""

    source: Source
    transaction_id: OpaqueId
    member: MemberName
    occurred_at: Instant
    amount: Annotated[Decimal, Meta(description="In major units; text or a plain JSON number, read digit by digit.")]
    currency: Annotated[str, Meta(min_length=3, max_length=3, description="ISO 4217.", examples=["EUR"])]
    lines: Annotated[tuple[Line, ...], Meta(max_length=500)] = ()
    """The basket, for rules about lines; their amounts need not add up to the purchase's, which may hold tax."""
    attributes: Attributes = {}
    promised: Promise | None = None
    """What the receipt says, where a till priced it by itself. It is no part of what makes two requests the same: the
    promise that arrived first counts."""


class Redemption(Struct, frozen=True, forbid_unknown_fields=True):
    """A member spends points."""

    source: Source
    redemption_id: Annotated[OpaqueId, Meta(description="Yours; unique within the program.")]
    member: MemberName
    occurred_at: Instant
    points: Annotated[
        int, Meta(ge=1, le=10**15, description="In the smallest unit of the point currency.", examples=[500])
    ]
    point_currency: Annotated[str, Meta(min_length=1, max_length=63)] | None = None
    """Absent: the one the program's first burn rule is about."""
    amount: (
        Annotated[Decimal, Meta(description="Of the purchase that the points help to pay, in major units.")] | None
    ) = None
    """Needed where points may pay only a part."""


Reason = Annotated[str, Meta(min_length=1, max_length=200)]
PositivePoints = Annotated[
    int, Meta(ge=1, le=10**15, description="In the smallest unit of the point currency.", examples=[500])
]
PointCurrencyCode = Annotated[str, Meta(min_length=1, max_length=63)]


class Reversal(Struct, frozen=True, forbid_unknown_fields=True):
    """A redemption is undone, wholly or partly."""

    source: Source
    occurred_at: Instant
    reason: Reason
    points: PositivePoints | None = None
    """Absent: all that were not given back before."""


def member_address(program_id: str, member: str, pointer: str = "/member") -> StreamId | Identifier:
    """
    Return where a member is found: the account's stream id for our own member id, otherwise the identifier.

    Raises:
        InvalidInput: It is neither a member id nor ``kind:value``.
    """
    kind, colon, value = member.partition(":")
    if colon:
        if value and kind.isidentifier():
            return (program_id, kind, value)
    else:
        try:
            return account_stream_id(program_id, UUID(member))
        except ValueError:
            pass
    message = "A member is named by our member id, or by kind:value such as card:6000123456789."
    raise InvalidInput(message, pointer=pointer)


def check_text(**fields: str) -> None:
    """
    Refuse text that no register, file or column should carry: control characters and their like.

    Raises:
        InvalidInput: One of the fields is not printable.
    """
    for name, text in fields.items():
        if not text.isprintable():
            message = f"{name} contains a character that cannot be printed; send it without."
            raise InvalidInput(message, pointer=f"/{name}")


def check_time(occurred_at: datetime, received_at: datetime) -> None:
    """
    Refuse a time that cannot be right.

    Raises:
        OccurredInFuture: It is later than ``received_at`` by more than the tolerance.
        InvalidInput: It is before `EARLIEST`.
    """
    if occurred_at > received_at + FUTURE_TOLERANCE:
        message = (
            f"{occurred_at.isoformat()} is later than now, {received_at.isoformat()}, by more than "
            f"{FUTURE_TOLERANCE.seconds // 60} minutes; check the clock that stamped it."
        )
        raise OccurredInFuture(message, pointer="/occurred_at", received_at=received_at)
    if occurred_at < EARLIEST:
        message = f"{occurred_at.isoformat()} is before 1970; check the clock that stamped it."
        raise InvalidInput(message, pointer="/occurred_at")
