"""Purchases: one, or a batch with one result per item in order."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.responses import Response

from api.bodies import body_of, decoded
from api.openapi import PROGRAM, operation, query_parameter, reference
from api.paging import flag_of
from api.problems import STATUS, UnsupportedMediaType, problem
from api.resources import idempotency_references, position_token, resources, uuid_text
from ledger.access.roles import Action
from ledger.account.errors import AccountClosed, AccountNotOpen, AccountSuspended, InvalidPoints
from ledger.account.events import Accrual, PurchasePosted, Repayment
from ledger.errors import InvalidInput, LedgerError
from ledger.members.directory import UnknownMember
from ledger.money import InvalidAmount, UnknownCurrency
from ledger.posting.instruction import Instruction, KeyReused, LedgerBusy, LedgerUnavailable, NotCarriedOut, Posted
from ledger.program.decide import UnknownProgram
from rules.activity import Purchase
from rules.errors import CurrencyMismatch, NoVersionInForce, OccurredInFuture
from rules.instructions import post_purchase
from rules.pricing.attributes import InvalidAttributes

router = APIRouter(prefix="/v1/programs/{program_id}/purchases", tags=["purchases"])

BATCH_LIMIT = 10_000
"""Purchases in one request."""

NDJSON = "application/x-ndjson"

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


class AccrualView(Struct, frozen=True):
    """Points booked to one lot. Points in the smallest unit of their currency."""

    lot: int
    point_currency: str
    points: int
    available_from: date
    expires_on: date | None
    """First date on which they can no longer be spent; null means never."""
    kind: str
    rule: str
    funding: str
    awaits: str = ""
    """The business event that makes them available; empty if they await none."""
    cancels_on: date | None = None
    """First date on which they are lost if that event has not come."""


class PurchaseView(Struct, frozen=True):
    """A purchase as it was booked."""

    account_id: str
    version: int
    """Of the account: the number of this event in its stream."""
    position: str
    """Reads that are given this as min_position show the purchase."""
    recorded_at: datetime
    source: str
    transaction_id: str
    occurred_at: datetime
    effective_on: date
    amount_minor: int
    currency: str
    program_version: int
    """The published version that priced it."""
    points: int
    """Earned in all."""
    accruals: list[AccrualView]
    balances: dict[str, int]
    """Points of every point currency after it, held ones included and debts taken off."""
    repaid: tuple[Repayment, ...]
    """Points that paid back at once what the member owed, and what had left that debt."""
    overtaken_by: tuple[str, ...]
    """Redemptions that happened later, were booked before it arrived, and took other lots than they would have."""
    replayed: bool
    """It was booked before; this is the first answer again."""


class ItemResult(Struct, frozen=True, omit_defaults=True):
    """What became of one item of a batch."""

    index: int
    status: int
    """As if the item had been sent alone."""
    purchase: PurchaseView | None = None
    problem: dict[str, Any] | None = None


class BatchResult(Struct, frozen=True):
    """One result per item, in order."""

    posted_count: int
    replayed_count: int
    refused_count: int
    results: list[ItemResult]


_purchase = msgspec.json.Decoder(Purchase).decode
_raw_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode

_EXAMPLE = {
    "source": "store-330",
    "transaction_id": "T-1001",
    "member": "card:6000123456789",
    "occurred_at": "2026-11-22T09:30:00+01:00",
    "amount": "249.90",
    "currency": "EUR",
}


@router.post(
    "",
    summary="Post a purchase",
    **operation(
        Action.POST_PURCHASES,
        body=Purchase,
        answer=PurchaseView,
        status=201,
        parameters=[PROGRAM],
        refusals=_REFUSALS,
        example=_EXAMPLE,
    ),
)
async def post_one(request: Request) -> Response:
    """
    Book a purchase and the points it earns.

    Source and transaction id are its key: sent again it is answered again (200, Idempotency-Replayed: true), and a
    different purchase under the same key is refused. An Idempotency-Key header is kept as a second key.
    """
    purchase = await body_of(request, _purchase)
    keys = idempotency_references(request)
    found, program_id = resources(request), request.path_params["program_id"]
    instruction = post_purchase(program_id, purchase, datetime.now(UTC), keys=keys)
    try:
        posted = await found.poster.post(instruction)
    except UnknownMember as refusal:
        raise await found.precisely(program_id, refusal) from None
    body = _encode(_view(posted))
    if posted.replayed:
        return Response(body, 200, {"Idempotency-Replayed": "true"}, "application/json")
    return Response(body, 201, None, "application/json")


@router.post(
    "/batch",
    summary="Post many purchases",
    **operation(
        Action.POST_PURCHASES,
        body={
            "application/json": {
                "schema": {"type": "array", "maxItems": BATCH_LIMIT, "items": reference(Purchase)},
                "example": [_EXAMPLE],
            },
            NDJSON: {"schema": reference(Purchase)},
        },
        answer={
            "application/json": {"schema": reference(BatchResult)},
            NDJSON: {"schema": reference(ItemResult)},
        },
        parameters=[
            PROGRAM,
            query_parameter("atomic", "All or nothing.", {"type": "boolean", "default": False}),
        ],
        refusals=[UnsupportedMediaType, LedgerBusy],
        also={409: "One item of an all-or-nothing batch was refused, so none was booked."},
    ),
)
async def post_batch(request: Request) -> Response:
    """
    Book many purchases, each succeeding or failing alone, with one result per item in order.

    The body is a JSON array, or NDJSON with a purchase per line; the answer has the same form. With atomic=true
    either all are booked, or none and the status is 409.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    body = await request.body()
    if kind == NDJSON:
        lines = body.removesuffix(b"\n").split(b"\n") if body else []
    elif kind == "application/json":
        lines = [bytes(item) for item in decoded(_raw_items, body)]
    else:
        raise UnsupportedMediaType(f"Send application/json or {NDJSON}, not {kind!r}.")
    if len(lines) > BATCH_LIMIT:
        raise InvalidInput(f"A batch has at most {BATCH_LIMIT} items; this one has {len(lines)}.")
    together = flag_of(request, "atomic")
    results = await _post_lines(request, lines, together=together)
    refused_count = sum(result.problem is not None for result in results)
    status = HTTPStatus.CONFLICT if together and refused_count else HTTPStatus.OK
    if kind == NDJSON:
        return Response(msgspec.json.Encoder().encode_lines(results), status, None, NDJSON)
    replayed_count = sum(result.purchase is not None and result.purchase.replayed for result in results)
    answer = BatchResult(len(results) - refused_count - replayed_count, replayed_count, refused_count, results)
    return Response(_encode(answer), status, None, "application/json")


async def _post_lines(request: Request, lines: Sequence[bytes], *, together: bool) -> list[ItemResult]:
    program_id, received_at = request.path_params["program_id"], datetime.now(UTC)
    parsed = [_parsed(line, lambda purchase: post_purchase(program_id, purchase, received_at)) for line in lines]
    instructions = [one for one in parsed if isinstance(one, Instruction)]
    if together and len(instructions) < len(parsed):
        # One item cannot even be read, so none of them is to be booked.
        refusal = NotCarriedOut("Another item of this all-or-nothing batch was refused.")
        return [_result(index, refusal if isinstance(one, Instruction) else one) for index, one in enumerate(parsed)]
    found = resources(request)
    posted = await found.poster.post_all(instructions, together=together)
    outcomes = iter(
        [await found.precisely(program_id, one) if isinstance(one, UnknownMember) else one for one in posted]
    )
    return [_result(index, next(outcomes) if isinstance(one, Instruction) else one) for index, one in enumerate(parsed)]


def _parsed(line: bytes, instruct: Callable[[Purchase], Instruction]) -> Instruction | LedgerError:
    try:
        return instruct(decoded(_purchase, line))
    except LedgerError as refusal:
        return refusal


def _result(index: int, outcome: Posted | LedgerError) -> ItemResult:
    if isinstance(outcome, LedgerError):
        return ItemResult(index, STATUS[type(outcome)].value, problem=problem(outcome))
    return ItemResult(index, 200 if outcome.replayed else 201, purchase=_view(outcome))


def _view(posted: Posted) -> PurchaseView:
    event = posted.event
    assert isinstance(event, PurchasePosted)
    assert posted.recorded_at is not None
    return PurchaseView(
        uuid_text(posted.stream_id),
        posted.version,
        position_token(posted),
        posted.recorded_at,
        event.source,
        event.transaction_id,
        event.occurred_at,
        event.effective_on,
        event.amount_minor,
        event.currency,
        event.program_version,
        sum(accrual.points for accrual in event.accruals),
        [accrual_view(accrual) for accrual in event.accruals],
        event.balances,
        event.repaid,
        event.overtaken_by,
        posted.replayed,
    )


def accrual_view(accrual: Accrual) -> AccrualView:
    """Return an accrual as the outside sees it."""
    return AccrualView(
        accrual.lot,
        accrual.point_currency,
        accrual.points,
        accrual.available_from,
        accrual.expires_on,
        accrual.kind,
        accrual.rule,
        accrual.funding,
        accrual.awaits,
        accrual.cancels_on,
    )
