"""Returns: purchases undone, wholly or partly."""

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.bodies import body_of
from api.booking import COMMON, book, booked, booked_on
from api.openapi import PROGRAM, operation, path_parameter
from ledger.access.roles import Action
from ledger.account.errors import InvalidPoints, RedemptionAlreadyReversed, UnknownRedemption
from ledger.account.events import PurchaseReturned
from ledger.errors import InvalidInput
from ledger.money import InvalidAmount
from rules.errors import ReturnExceedsPurchase, UnknownLine, UnknownPurchase
from rules.instructions import purchase_reference, return_purchase
from rules.requests import ReturnRequest

router = APIRouter(prefix="/v1/programs/{program_id}/purchases", tags=["purchases"])

_return = msgspec.json.Decoder(ReturnRequest).decode
_TRANSACTION = path_parameter("transaction_id", "As the source named the purchase.", "T-1001")
_SOURCE = {
    "name": "source",
    "in": "query",
    "required": True,
    "schema": {"type": "string"},
    "description": "Who reported the purchase.",
    "example": "store-330",
}


@router.post(
    "/{transaction_id}/returns",
    summary="Return a purchase, or a part of it",
    **operation(
        Action.RETURN_PURCHASES,
        sees_members=True,
        body=ReturnRequest,
        answer=booked("ReturnView", PurchaseReturned),
        status=201,
        parameters=[PROGRAM, _TRANSACTION, _SOURCE],
        refusals=[
            *COMMON,
            UnknownPurchase,
            UnknownLine,
            InvalidAmount,
            ReturnExceedsPurchase,
            UnknownRedemption,
            RedemptionAlreadyReversed,
            InvalidPoints,
        ],
        example={
            "source": "store-330",
            "return_id": "RET-1",
            "occurred_at": "2026-11-24T15:00:00+01:00",
            "lines": [{"line": "2"}],
            "redemptions": [{"redemption_id": "R-2001"}],
        },
    ),
)
async def post_return(request: Request) -> Response:
    """
    Undo a purchase, by amount, by line, or all that is left of it.

    What remains is priced again by the version of the day of the sale; the difference is taken from the lots that the
    purchase made, then as the program's policy says. Redeemed points that had helped to pay can go back with it.
    Several returns of one purchase are possible, never of more than was bought. Source and return id are the key: sent
    again it is answered again.
    """
    asked = await body_of(request, _return)
    source, transaction_id = request.query_params.get("source", ""), request.path_params["transaction_id"]
    if not source or not source.isprintable():
        raise InvalidInput("A purchase is named by its source too: ?source=…", pointer="/source")
    program_id = request.path_params["program_id"]
    missing = UnknownPurchase(f"{source!r} has no purchase {transaction_id!r} in {program_id!r}.")
    account_id = await booked_on(request, purchase_reference(program_id, source, transaction_id), missing)
    purchase = (source, transaction_id)
    return await book(
        request, lambda program, now, keys: return_purchase(program, purchase, account_id, asked, now, keys=keys)
    )
