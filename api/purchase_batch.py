"""Many purchases in one request, with one result per item in order."""

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.access.caller import Caller, caller_of
from api.access.reach import unreached
from api.bodies import decoded
from api.noting import note
from api.openapi import PROGRAM, operation, query_parameter, reference
from api.paging import flag_of
from api.problems import UnsupportedMediaType
from api.purchase_lines import EXAMPLE, NDJSON, ItemResult, asked_by, decode_purchase, item_result
from api.resources import resources
from api.reuse import decode_loosely, described
from ledger.access.roles import Action
from ledger.errors import InvalidInput, LedgerError
from ledger.members.directory import UnknownMember
from ledger.posting.instruction import Instruction, KeyReused, LedgerBusy, NotCarriedOut, Outcome
from rules.activity import Purchase
from rules.instructions import post_purchase

router = APIRouter(prefix="/v1/programs/{program_id}/purchases", tags=["purchases"])

BATCH_LIMIT = 10_000
"""Purchases in one request."""


class BatchResult(Struct, frozen=True):
    """One result per item, in order."""

    posted_count: int
    replayed_count: int
    refused_count: int
    results: list[ItemResult]


_raw_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


@router.post(
    "/batch",
    summary="Post many purchases",
    **operation(
        Action.POST_PURCHASES,
        sees_members=True,
        body={
            "application/json": {
                "schema": {"type": "array", "maxItems": BATCH_LIMIT, "items": reference(Purchase)},
                "example": [EXAMPLE],
            },
            NDJSON: {"schema": reference(Purchase), "example": EXAMPLE},
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
        also={409: ("One item of an all-or-nothing batch was refused, so none was booked.", None)},
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
    note(item_count=len(results), refused_count=refused_count)
    status = HTTPStatus.CONFLICT if together and refused_count else HTTPStatus.OK
    if kind == NDJSON:
        return Response(msgspec.json.Encoder().encode_lines(results), status, None, NDJSON)
    replayed_count = sum(result.purchase is not None and result.purchase.replayed for result in results)
    answer = BatchResult(len(results) - refused_count - replayed_count, replayed_count, refused_count, results)
    return Response(_encode(answer), status, None, "application/json")


async def _post_lines(request: Request, lines: Sequence[bytes], *, together: bool) -> list[ItemResult]:
    program_id, received_at = request.path_params["program_id"], datetime.now(UTC)
    caller = caller_of(request)
    parsed = [asked_by(line, caller, lambda one: post_purchase(program_id, one, received_at)) for line in lines]
    if caller.partners:
        parsed = await run_in_threadpool(_reached, request, lines, parsed)
    instructions = [one for one in parsed if isinstance(one, Instruction)]
    if together and len(instructions) < len(parsed):
        # One item cannot even be read, so none of them is to be booked.
        refusal = NotCarriedOut("Another item of this all-or-nothing batch was refused.")
        told: list[Outcome] = [refusal if isinstance(one, Instruction) else one for one in parsed]
    else:
        found = resources(request)
        posted = await found.poster.post_all(instructions, together=together)
        outcomes = iter(
            [await found.precisely(program_id, one) if isinstance(one, UnknownMember) else one for one in posted]
        )
        told = [next(outcomes) if isinstance(one, Instruction) else one for one in parsed]
    return [item_result(index, _described(one, caller, lines[index])) for index, one in enumerate(told)]


def _described(outcome: Outcome, caller: Caller, line: bytes) -> Outcome:
    if isinstance(outcome, KeyReused):
        return described(outcome, caller, decoded(decode_loosely, line))
    return outcome


def _reached(
    request: Request, lines: Sequence[bytes], parsed: Sequence[Instruction | LedgerError]
) -> list[Instruction | LedgerError]:
    """Refuse what is about members whom a caller limited to partners does not reach."""
    names = {
        index: decode_purchase(lines[index]).member for index, one in enumerate(parsed) if isinstance(one, Instruction)
    }
    refusals = unreached(resources(request), request.path_params["program_id"], caller_of(request), names.values())
    return [refusals.get(names.get(index, ""), one) for index, one in enumerate(parsed)]
