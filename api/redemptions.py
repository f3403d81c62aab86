"""Redemptions and their reversal."""

from datetime import UTC, date, datetime

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.responses import Response

from api.bodies import body_of
from api.booking import PRICING, booked_on
from api.openapi import PROGRAM, operation, path_parameter
from api.resources import idempotency_references, position_token, resources, uuid_text
from ledger.access.roles import Action
from ledger.account.errors import (
    AccountClosed,
    AccountNotOpen,
    AccountSuspended,
    InsufficientPoints,
    InvalidPoints,
    RedemptionAlreadyReversed,
    RedemptionExists,
    UnknownRedemption,
)
from ledger.account.events import LotPoints, PointsRedeemed, RedemptionReversed
from ledger.errors import LedgerError
from ledger.members.directory import UnknownMember
from ledger.money import to_major
from ledger.posting.instruction import KeyReused, LedgerBusy, LedgerUnavailable, Posted
from ledger.program.decide import UnknownProgram
from rules.activity import Redemption, Reversal
from rules.errors import (
    NoVersionInForce,
    OccurredInFuture,
)
from rules.instructions import redeem, redemption_reference, reverse_redemption

router = APIRouter(prefix="/v1/programs/{program_id}/redemptions", tags=["redemptions"])


class RedemptionView(Struct, frozen=True):
    """A redemption as it was booked."""

    account_id: str
    version: int
    position: str
    recorded_at: datetime
    source: str
    redemption_id: str
    occurred_at: datetime
    effective_on: date
    point_currency: str
    points: int
    value_minor: int
    """What the points were worth, in minor units of ``currency``."""
    value: str
    """The same in major units."""
    currency: str
    program_version: int
    taken: tuple[LotPoints, ...]
    """The lots the points came from: earliest expiry first, then oldest."""
    balances: dict[str, int]
    replayed: bool


class ReversalView(Struct, frozen=True):
    """A reversal as it was booked."""

    account_id: str
    version: int
    position: str
    recorded_at: datetime
    redemption_id: str
    effective_on: date
    reason: str
    point_currency: str
    points: int
    returned: tuple[LotPoints, ...]
    """The lots that got their points back, with the expiry they had."""
    balances: dict[str, int]
    replayed: bool


_redemption = msgspec.json.Decoder(Redemption).decode
_reversal = msgspec.json.Decoder(Reversal).decode
_encode = msgspec.json.Encoder().encode

_COMMON: list[type[LedgerError]] = [
    OccurredInFuture,
    KeyReused,
    UnknownProgram,
    AccountNotOpen,
    AccountClosed,
    AccountSuspended,
    LedgerBusy,
    LedgerUnavailable,
]


@router.post(
    "",
    summary="Redeem points",
    **operation(
        Action.REDEEM,
        sees_members=True,
        body=Redemption,
        answer=RedemptionView,
        status=201,
        parameters=[PROGRAM],
        refusals=[
            *_COMMON,
            UnknownMember,
            NoVersionInForce,
            *PRICING,
            RedemptionExists,
            InsufficientPoints,
        ],
        example={
            "source": "store-330",
            "redemption_id": "R-2001",
            "member": "card:6000123456789",
            "occurred_at": "2026-11-22T09:31:00+01:00",
            "points": 100,
        },
    ),
)
async def redeem_points(request: Request) -> Response:
    """
    Spend points at the value the burn rule gives them.

    The redemption id is the key: sent again it is answered again.
    """
    asked = await body_of(request, _redemption)
    keys = idempotency_references(request)
    found, program_id = resources(request), request.path_params["program_id"]
    instruction = redeem(program_id, asked, datetime.now(UTC), keys=keys)
    try:
        posted = await found.poster.post(instruction)
    except UnknownMember as refusal:
        raise await found.precisely(program_id, refusal) from None
    event = posted.event
    assert isinstance(event, PointsRedeemed)
    assert posted.recorded_at is not None
    view = RedemptionView(
        uuid_text(posted.stream_id),
        posted.version,
        position_token(posted),
        posted.recorded_at,
        event.source,
        event.redemption_id,
        event.occurred_at,
        event.effective_on,
        event.point_currency,
        event.points,
        event.value_minor,
        str(to_major(event.value_minor, event.currency)),
        event.currency,
        event.program_version,
        event.taken,
        event.balances,
        posted.replayed,
    )
    return _response(posted, view)


@router.post(
    "/{redemption_id}/reversal",
    summary="Reverse a redemption",
    **operation(
        Action.REDEEM,
        sees_members=True,
        body=Reversal,
        answer=ReversalView,
        status=201,
        parameters=[PROGRAM, path_parameter("redemption_id", "The id it was booked under.", "R-2001")],
        refusals=[*_COMMON, UnknownRedemption, RedemptionAlreadyReversed, InvalidPoints],
        example={"source": "store-330", "occurred_at": "2026-11-22T09:40:00+01:00", "reason": "order cancelled"},
    ),
)
async def reverse(request: Request) -> Response:
    """Undo a redemption: the same lots get the same points back, with the expiry they had."""
    found = resources(request)
    program_id, redemption_id = request.path_params["program_id"], request.path_params["redemption_id"]
    asked = await body_of(request, _reversal)
    message = f"No redemption {redemption_id!r} is booked in program {program_id!r}."
    missing = UnknownRedemption(message, pointer="/redemption_id")
    account_id = await booked_on(request, redemption_reference(program_id, redemption_id), missing)
    keys = idempotency_references(request)
    instruction = reverse_redemption(program_id, redemption_id, account_id, asked, datetime.now(UTC), keys=keys)
    posted = await found.poster.post(instruction)
    event = posted.event
    assert isinstance(event, RedemptionReversed)
    assert posted.recorded_at is not None
    view = ReversalView(
        uuid_text(posted.stream_id),
        posted.version,
        position_token(posted),
        posted.recorded_at,
        event.redemption_id,
        event.effective_on,
        event.reason,
        event.point_currency,
        event.points,
        event.returned,
        event.balances,
        posted.replayed,
    )
    return _response(posted, view)


def _response(posted: Posted, view: Struct) -> Response:
    if posted.replayed:
        return Response(_encode(view), 200, {"Idempotency-Replayed": "true"}, "application/json")
    return Response(_encode(view), 201, None, "application/json")
