"""Points given without a purchase, corrected, brought back, confirmed, and sent to other members."""

from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.approvals import SECOND_PERSON, book_or_ask
from api.bodies import body_of
from api.booking import COMMON, book, booked
from api.openapi import PROGRAM, operation
from ledger.access.roles import Action
from ledger.account.errors import InsufficientPoints, InvalidPoints, NothingAwaits, SameAccount
from ledger.account.events import (
    LotsExpired,
    LotsReleased,
    PointsAccrued,
    PointsAdjusted,
    PointsReinstated,
    PointsTransferredOut,
)
from rules.errors import (
    BelowMinimum,
    NotInSteps,
    NotTransferable,
    TransferLimitReached,
    UnknownPointCurrency,
    UnknownReason,
)
from rules.instructions import (
    cancel_points,
    confirm_points,
    transfer_points,
)
from rules.requests import (
    AccrualRequest,
    AdjustmentRequest,
    ConfirmationRequest,
    ReinstatementRequest,
    TransferRequest,
)

router = APIRouter(prefix="/v1/programs/{program_id}", tags=["points"])

_accrual = msgspec.json.Decoder(AccrualRequest).decode
_adjustment = msgspec.json.Decoder(AdjustmentRequest).decode
_reinstatement = msgspec.json.Decoder(ReinstatementRequest).decode
_transfer = msgspec.json.Decoder(TransferRequest).decode
_confirmation = msgspec.json.Decoder(ConfirmationRequest).decode


def _example(**more: Any) -> dict[str, Any]:
    return {"source": "service-desk", "member": "card:6000123456789", "occurred_at": "2026-11-24T10:00:00+01:00"} | more


@router.post(
    "/accruals",
    summary="Give points for something that was no purchase",
    **operation(
        Action.ADJUST,
        body=AccrualRequest,
        also=SECOND_PERSON,
        answer=booked("AccruedView", PointsAccrued),
        status=201,
        parameters=[PROGRAM],
        refusals=[*COMMON, UnknownPointCurrency, InvalidPoints],
        example=_example(accrual_id="welcome-88123", points=500, reason="welcome gift"),
    ),
)
async def post_accrual(request: Request) -> Response:
    """Give points, with the availability and expiry of their currency. Source and accrual id are the key."""
    asked = await body_of(request, _accrual)
    return await book_or_ask(request, "accrual", asked)


@router.post(
    "/adjustments",
    summary="Correct points by hand",
    **operation(
        Action.ADJUST,
        body=AdjustmentRequest,
        also=SECOND_PERSON,
        answer=booked("AdjustmentView", PointsAdjusted),
        status=201,
        parameters=[PROGRAM],
        refusals=[*COMMON, UnknownReason, UnknownPointCurrency, InvalidPoints, InsufficientPoints],
        example=_example(adjustment_id="case-88123", points=-200, reason="goodwill", note="counted twice"),
    ),
)
async def post_adjustment(request: Request) -> Response:
    """
    Give points above zero, or take points below zero, with a reason code.

    More points than the program lets one person book are answered with 202 and a request for approval.

    Points are taken as a redemption would take them, promised ones last. What is not there is refused, or owed with
    ``may_overdraw``. Source and adjustment id are the key.
    """
    asked = await body_of(request, _adjustment)
    return await book_or_ask(request, "adjustment", asked)


@router.post(
    "/reinstatements",
    summary="Give lapsed points back",
    **operation(
        Action.ADJUST,
        body=ReinstatementRequest,
        also=SECOND_PERSON,
        answer=booked("ReinstatementView", PointsReinstated),
        status=201,
        parameters=[PROGRAM],
        refusals=[*COMMON, UnknownPointCurrency, InvalidPoints],
        example=_example(reinstatement_id="case-88124", points=300, reason="lapsed while in hospital"),
    ),
)
async def post_reinstatement(request: Request) -> Response:
    """Give back points that have lapsed, never more than have. Source and reinstatement id are the key."""
    asked = await body_of(request, _reinstatement)
    return await book_or_ask(request, "reinstatement", asked)


@router.post(
    "/transfers",
    summary="Send points to another member",
    **operation(
        Action.TRANSFER,
        body=TransferRequest,
        answer=booked("TransferView", PointsTransferredOut),
        status=201,
        parameters=[PROGRAM],
        refusals=[
            *COMMON,
            NotTransferable,
            UnknownPointCurrency,
            SameAccount,
            BelowMinimum,
            NotInSteps,
            TransferLimitReached,
            InvalidPoints,
            InsufficientPoints,
        ],
        example=_example(transfer_id="X-1", to_member="card:6000987654321", points=1000),
    ),
)
async def post_transfer(request: Request) -> Response:
    """
    Move points from one account to another: both change, or neither. Lots keep their age, expiry and funding.

    The transfer id is the key: sent again it is answered again.
    """
    asked = await body_of(request, _transfer)
    return await book(request, lambda program, now, keys: transfer_points(program, asked, now, keys=keys))


@router.post(
    "/confirmations",
    summary="Report a business event that promised points await",
    **operation(
        Action.POST_PURCHASES,
        body=ConfirmationRequest,
        answer=booked("ConfirmationView", LotsReleased),
        status=201,
        parameters=[PROGRAM],
        refusals=[*COMMON, NothingAwaits],
        example=_example(source="pms", reference="stay-4711", event="stay-completed"),
    ),
)
async def post_confirmation(request: Request) -> Response:
    """Make the points available that await this event. Source and reference are the key."""
    asked = await body_of(request, _confirmation)
    return await book(request, lambda program, now, keys: confirm_points(program, asked, now, keys=keys))


@router.post(
    "/cancellations",
    summary="Report that a business event will not come",
    **operation(
        Action.POST_PURCHASES,
        body=ConfirmationRequest,
        answer=booked("CancellationView", LotsExpired),
        status=201,
        parameters=[PROGRAM],
        refusals=[*COMMON, NothingAwaits],
        example=_example(source="pms", reference="stay-4711-cancelled", event="stay-completed"),
    ),
)
async def post_cancellation(request: Request) -> Response:
    """Take the promised points away that await this event. Source and reference are the key."""
    asked = await body_of(request, _confirmation)
    return await book(request, lambda program, now, keys: cancel_points(program, asked, now, keys=keys))
