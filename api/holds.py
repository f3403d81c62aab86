"""Holds: points reserved for a checkout, captured or voided once."""

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.bodies import body_of
from api.booking import COMMON, PRICING, book, booked, booked_on
from api.openapi import PROGRAM, operation, path_parameter
from ledger.access.roles import Action
from ledger.account.errors import (
    CaptureExceedsHold,
    HoldExists,
    HoldResolved,
    InsufficientPoints,
    InvalidExpiry,
    InvalidPoints,
    RedemptionExists,
    UnknownHold,
)
from ledger.account.events import HoldCaptured, HoldVoided, PointsHeld
from ledger.streams import StreamId
from rules.errors import (
    HoldTooLong,
)
from rules.instructions import capture_hold, hold_points, hold_reference, void_hold
from rules.requests import Capture, HoldRequest, Voiding

router = APIRouter(prefix="/v1/programs/{program_id}/holds", tags=["holds"])

_hold = msgspec.json.Decoder(HoldRequest).decode
_capture = msgspec.json.Decoder(Capture).decode
_void = msgspec.json.Decoder(Voiding).decode
_HOLD = path_parameter("hold_id", "The id it was booked under.", "H-1001")


@router.post(
    "",
    summary="Hold points for a checkout",
    **operation(
        Action.REDEEM,
        sees_members=True,
        body=HoldRequest,
        answer=booked("HoldView", PointsHeld),
        status=201,
        parameters=[PROGRAM],
        refusals=[*COMMON, *PRICING, HoldTooLong, InvalidPoints, HoldExists, InvalidExpiry, InsufficientPoints],
        example={
            "source": "till-7",
            "hold_id": "H-1001",
            "member": "card:6000123456789",
            "occurred_at": "2026-11-24T10:00:00+01:00",
            "points": 500,
        },
    ),
)
async def hold(request: Request) -> Response:
    """
    Reserve points, so that nobody else can spend them until the hold is captured, voided, or its time is up.

    What a redemption of these points would be refused for, the hold is refused for. The hold id is the key: sent again
    it is answered again.
    """
    asked = await body_of(request, _hold)
    return await book(request, lambda program, now, keys: hold_points(program, asked, now, keys=keys))


@router.post(
    "/{hold_id}/capture",
    summary="Capture a hold",
    **operation(
        Action.REDEEM,
        sees_members=True,
        body=Capture,
        answer=booked("CaptureView", HoldCaptured),
        status=201,
        parameters=[PROGRAM, _HOLD],
        refusals=[
            *COMMON,
            UnknownHold,
            HoldResolved,
            *PRICING,
            InvalidPoints,
            CaptureExceedsHold,
            RedemptionExists,
        ],
        example={
            "source": "till-7",
            "redemption_id": "R-3001",
            "occurred_at": "2026-11-24T10:20:00+01:00",
            "points": 400,
        },
    ),
)
async def capture(request: Request) -> Response:
    """
    Turn a hold into a redemption, wholly or partly; what is not captured goes back to its lots.

    A hold is captured once. The redemption id is the key: sent again it is answered again.
    """
    asked = await body_of(request, _capture)
    hold_id, booked_at = await _find(request)
    return await book(
        request, lambda program, now, keys: capture_hold(program, hold_id, booked_at, asked, now, keys=keys)
    )


@router.post(
    "/{hold_id}/void",
    summary="Void a hold",
    **operation(
        Action.REDEEM,
        sees_members=True,
        body=Voiding,
        answer=booked("VoidView", HoldVoided),
        status=201,
        parameters=[PROGRAM, _HOLD],
        refusals=[*COMMON, UnknownHold, HoldResolved],
        example={"source": "till-7", "occurred_at": "2026-11-24T10:20:00+01:00", "reason": "checkout abandoned"},
    ),
)
async def void(request: Request) -> Response:
    """Release a hold unspent. The same request sent again is answered again."""
    asked = await body_of(request, _void)
    hold_id, booked_at = await _find(request)
    return await book(request, lambda program, now, keys: void_hold(program, hold_id, booked_at, asked, now, keys=keys))


async def _find(request: Request) -> tuple[str, StreamId]:
    program_id, hold_id = request.path_params["program_id"], request.path_params["hold_id"]
    missing = UnknownHold(f"No hold {hold_id!r} is booked in {program_id!r}.", pointer="/hold_id")
    return hold_id, await booked_on(request, hold_reference(program_id, hold_id), missing)
