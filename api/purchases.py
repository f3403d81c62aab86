"""Purchases, one at a time."""

from datetime import UTC, datetime

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.bodies import body_of
from api.openapi import PROGRAM, operation
from api.purchase_lines import EXAMPLE, decode_purchase
from api.purchase_views import PurchaseView, purchase_view
from api.resources import idempotency_references, resources
from ledger.access.roles import Action
from ledger.account.errors import AccountClosed, AccountNotOpen, AccountSuspended, InvalidPoints
from ledger.errors import LedgerError
from ledger.members.directory import UnknownMember
from ledger.money import InvalidAmount, UnknownCurrency
from ledger.posting.instruction import KeyReused, LedgerBusy, LedgerUnavailable
from ledger.program.decide import UnknownProgram
from rules.activity import Purchase
from rules.errors import CurrencyMismatch, NoVersionInForce, OccurredInFuture
from rules.instructions import post_purchase
from rules.pricing.attributes import InvalidAttributes

router = APIRouter(prefix="/v1/programs/{program_id}/purchases", tags=["purchases"])

_REFUSALS: list[type[LedgerError]] = [
    OccurredInFuture,
    UnknownCurrency,
    InvalidAmount,
    KeyReused,
    UnknownMember,
    UnknownProgram,
    CurrencyMismatch,
    NoVersionInForce,
    InvalidAttributes,
    AccountNotOpen,
    AccountClosed,
    AccountSuspended,
    InvalidPoints,
    LedgerBusy,
    LedgerUnavailable,
]

_encode = msgspec.json.Encoder().encode


@router.post(
    "",
    summary="Post a purchase",
    **operation(
        Action.POST_PURCHASES,
        sees_members=True,
        body=Purchase,
        answer=PurchaseView,
        status=201,
        parameters=[PROGRAM],
        refusals=_REFUSALS,
        example=EXAMPLE,
    ),
)
async def post_one(request: Request) -> Response:
    """
    Book a purchase and the points it earns.

    Source and transaction id are its key: sent again it is answered again (200, Idempotency-Replayed: true), and a
    different purchase under the same key is refused. An Idempotency-Key header is kept as a second key.
    """
    purchase = await body_of(request, decode_purchase)
    keys = idempotency_references(request)
    found, program_id = resources(request), request.path_params["program_id"]
    instruction = post_purchase(program_id, purchase, datetime.now(UTC), keys=keys)
    try:
        posted = await found.poster.post(instruction)
    except UnknownMember as refusal:
        raise await found.precisely(program_id, refusal) from None
    body = _encode(purchase_view(posted))
    if posted.replayed:
        return Response(body, 200, {"Idempotency-Replayed": "true"}, "application/json")
    return Response(body, 201, None, "application/json")
