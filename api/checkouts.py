"""Checkouts: a purchase and the points that pay for it, both or neither."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.responses import Response

from api.access.caller import caller_of
from api.bodies import body_of
from api.booking import COMMON, PRICING, booked, booked_on, recorded, replayable
from api.openapi import PROGRAM, operation, path_parameter
from api.purchase_views import PurchaseView, purchase_view
from api.resources import idempotency_references, resources
from ledger.access.roles import Action
from ledger.account.errors import (
    CaptureExceedsHold,
    HoldResolved,
    InsufficientPoints,
    InvalidPoints,
    RedemptionExists,
    UnknownHold,
)
from ledger.account.events import HoldCaptured, PointsRedeemed
from ledger.errors import LedgerError
from ledger.members.directory import UnknownMember
from ledger.money import UnknownCurrency
from ledger.posting.instruction import Instruction, KeyReused, NotCarriedOut, Posted
from rules.errors import CurrencyMismatch
from rules.instructions import check_out, hold_reference, settle
from rules.pricing.attributes import InvalidAttributes
from rules.requests import Checkout, Settlement

router = APIRouter(prefix="/v1/programs/{program_id}", tags=["checkouts"])


class CheckoutView(Struct, frozen=True):
    """A checkout as it was booked."""

    redemption: booked("CheckoutRedemptionView", HoldCaptured, PointsRedeemed)  # type: ignore[valid-type]
    """The points that paid; ``kind`` says whether they came out of the hold."""
    purchase: PurchaseView
    balances: dict[str, int]
    """Points of every point currency after both."""
    replayed: bool
    """It was booked before; this is the first answer again."""


_settlement = msgspec.json.Decoder(Settlement).decode
_checkout = msgspec.json.Decoder(Checkout).decode

_PURCHASING: list[type[LedgerError]] = [UnknownCurrency, CurrencyMismatch, InvalidAttributes, InvalidPoints]
_EXAMPLE = {
    "source": "till-7",
    "transaction_id": "T-1001",
    "redemption_id": "R-3001",
    "occurred_at": "2026-11-24T10:20:00+01:00",
    "amount": "249.90",
    "currency": "EUR",
    "points": 400,
}


@router.post(
    "/holds/{hold_id}/settle",
    summary="Settle a hold: capture it and post its purchase",
    **operation(
        Action.REDEEM,
        sees_members=True,
        body=Settlement,
        answer=CheckoutView,
        status=201,
        parameters=[PROGRAM, path_parameter("hold_id", "The id it was booked under.", "H-1001")],
        refusals=[
            *COMMON,
            UnknownHold,
            HoldResolved,
            *PRICING,
            CaptureExceedsHold,
            InsufficientPoints,
            RedemptionExists,
            *_PURCHASING,
        ],
        example=_EXAMPLE,
    ),
)
async def settle_hold(request: Request) -> Response:
    """
    Capture a hold and book the purchase it was for, both or neither. It needs the action ``purchases:post`` too.

    It may come hours after the checkout: what counts is whether ``occurred_at`` lies before the hold's end, and that
    nobody has recorded the end yet. If its time was up, ``if_expired`` says whether to refuse, or to take the points
    if they are still there. Redemption id, and source with transaction id, are the keys: sent again it is answered
    again.
    """
    caller_of(request).require(Action.POST_PURCHASES)
    asked = await body_of(request, _settlement)
    program_id, hold_id = request.path_params["program_id"], request.path_params["hold_id"]
    missing = UnknownHold(f"No hold {hold_id!r} is booked in {program_id!r}.", pointer="/hold_id")
    booked_at = await booked_on(request, hold_reference(program_id, hold_id), missing)
    keys = idempotency_references(request)
    return await _both(request, settle(program_id, hold_id, booked_at, asked, datetime.now(UTC), keys=keys))


@router.post(
    "/checkouts",
    summary="Post a purchase and redeem points for it",
    **operation(
        Action.REDEEM,
        sees_members=True,
        body=Checkout,
        answer=CheckoutView,
        status=201,
        parameters=[PROGRAM],
        refusals=[*COMMON, *PRICING, RedemptionExists, InsufficientPoints, *_PURCHASING],
        example=_EXAMPLE | {"member": "card:6000123456789"},
    ),
)
async def check_out_at_once(request: Request) -> Response:
    """
    Redeem points and book the purchase they pay for, both or neither. It needs the action ``purchases:post`` too.

    What the purchase earns is not among the points that pay for it. Redemption id, and source with transaction id, are
    the keys: sent again it is answered again.
    """
    caller_of(request).require(Action.POST_PURCHASES)
    asked = await body_of(request, _checkout)
    program_id, keys = request.path_params["program_id"], idempotency_references(request)
    return await _both(request, check_out(program_id, asked, datetime.now(UTC), keys=keys))


async def _both(request: Request, instructions: Sequence[Instruction]) -> Response:
    """
    Post the points that leave and the purchase, both or neither.

    Raises:
        LedgerError: One of them was refused; of two reasons the first, unless a key was used before.
    """
    found, program_id = resources(request), request.path_params["program_id"]
    spending, purchase = await found.poster.post_all(instructions, together=True)
    refusals = [one for one in (spending, purchase) if isinstance(one, LedgerError)]
    if refusals:
        reused = [one for one in refusals if isinstance(one, KeyReused)]
        for one in reused[:1]:
            one.also = tuple(reused[1:])
        cause = min(refusals, key=lambda one: (not isinstance(one, KeyReused), isinstance(one, NotCarriedOut)))
        raise await found.precisely(program_id, cause) if isinstance(cause, UnknownMember) else cause
    assert isinstance(spending, Posted)
    assert isinstance(purchase, Posted)
    view = purchase_view(purchase)
    body = {
        "redemption": recorded(spending),
        "purchase": view,
        "balances": view.balances,
        "replayed": purchase.replayed,
    }
    return replayable(body, replayed=purchase.replayed)
