"""Batches: taken in at once, carried out by the workers, and asked about until they are done."""

from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO, Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from api.access.caller import Caller, caller_of
from api.batch_bodies import ITEM_LIMIT, blocks, put_aside
from api.batch_views import BatchItemResult, BatchPage, BatchResults, BatchView, batch_view, item_result
from api.openapi import CURSOR, LIMIT, PROGRAM, operation, path_parameter, reference
from api.paging import as_json, cursor_of, limit_of, token
from api.problems import BatchEnded, BatchItemsDeleted, BodyStalled, UnknownBatch, UnsupportedMediaType, told_problem
from api.purchase_lines import EXAMPLE, NDJSON
from api.resources import Resources, idempotency_references, resources
from ledger.access.roles import Action
from ledger.errors import InvalidInput, LedgerError
from ledger.posting.instruction import KeyReused, LedgerUnavailable
from ledger.program.decide import UnknownProgram
from projections.batches import (
    Batch,
    BatchCursor,
    NewBatch,
    Told,
    read_batch,
    read_batches,
    read_rejects,
    read_results,
    request_cancel,
    store_batch,
)
from rules.activity import Purchase

router = APIRouter(prefix="/v1/programs/{program_id}/batches", tags=["batches"])


class Reject(Struct, frozen=True):
    """A line of the file of rejects."""

    index: int
    item: msgspec.Raw
    """As it was sent; as text where it is not JSON."""
    problem: dict[str, object]


_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "Yours, one per batch. The same key with the same body is the same batch.",
}
_BATCH = path_parameter("batch_id", "The batch.", "5c0f6f0e-8f1e-4f61-9a53-7d5d0d6c3c0a")
_READING: list[type[LedgerError]] = [UnknownProgram, UnknownBatch, InvalidInput, LedgerUnavailable]

_encode_lines = msgspec.json.Encoder().encode_lines
_json = msgspec.json.Decoder().decode


@router.post(
    "",
    summary="Send a batch to be carried out in the background",
    **operation(
        Action.POST_PURCHASES,
        body={
            "application/json": {
                "schema": {"type": "array", "maxItems": ITEM_LIMIT, "items": reference(Purchase)},
                "example": [EXAMPLE],
            },
            NDJSON: {"schema": reference(Purchase), "example": EXAMPLE},
        },
        answer=BatchView,
        status=202,
        parameters=[PROGRAM, _KEY],
        refusals=[UnsupportedMediaType, UnknownProgram, BodyStalled, KeyReused, LedgerUnavailable],
    ),
)
async def send(request: Request) -> Response:
    """
    Take a batch in; 202 means that it is on disk, and its Location tells how far it is.

    The body is a JSON array, or NDJSON with a purchase per line: up to 64 MiB and 1,000,000 items of at most 64 KiB.
    Sent again with its Idempotency-Key it is the same batch (200, Idempotency-Replayed: true); another body under the
    key is refused. Items are carried out in their order, each succeeding or failing alone.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind not in {"application/json", NDJSON}:
        raise UnsupportedMediaType(f"Send application/json or {NDJSON}, not {kind!r}.")
    references = idempotency_references(request)
    if not references:
        raise InvalidInput(
            "A batch needs an Idempotency-Key, so that it can be sent again.", pointer="/Idempotency-Key"
        )
    found, program_id, caller = resources(request), request.path_params["program_id"], caller_of(request)
    await run_in_threadpool(found.program, program_id)
    ((family, key),) = references
    with TemporaryFile() as file:
        digest, size = await put_aside(request, file)
        new = NewBatch(program_id, family, key, caller.family, kind, digest, size)
        batch, was_there = await run_in_threadpool(_store, found, new, file, caller)
    headers = {"Location": f"{request.url.path}/{batch.batch_id}"}
    if was_there:
        headers["Idempotency-Replayed"] = "true"
    status = 200 if was_there else 202
    return Response(msgspec.json.encode(batch_view(batch)), status, headers, "application/json")


def _store(found: Resources, new: NewBatch, file: IO[bytes], caller: Caller) -> tuple[Batch, bool]:
    with found.connection() as connection:
        return store_batch(connection, new, blocks(file, new.media_type, caller))


@router.get(
    "",
    summary="List batches",
    **operation(
        Action.POST_PURCHASES,
        answer=BatchPage,
        parameters=[PROGRAM, LIMIT, CURSOR],
        refusals=[UnknownProgram, InvalidInput, LedgerUnavailable],
    ),
)
def batches(request: Request) -> Response:
    """Return the batches of a program, newest first."""
    found, program_id = resources(request), request.path_params["program_id"]
    limit, after = limit_of(request), cursor_of(request, BatchCursor)
    found.program(program_id)
    with found.connection() as connection:
        rows = read_batches(connection, program_id, after, limit)
    last = rows[-1] if len(rows) == limit else None
    return as_json(
        BatchPage(
            [batch_view(one) for one in rows if _sees(caller_of(request), one)],
            token([last.created_at, last.batch_id]) if last else None,
        )
    )


@router.get(
    "/{batch_id}",
    summary="Read how far a batch is",
    **operation(Action.POST_PURCHASES, answer=BatchView, parameters=[PROGRAM, _BATCH], refusals=_READING),
)
def batch(request: Request) -> Response:
    """Return a batch: its status, its counts, its rate, and how long it will take at this rate."""
    return as_json(batch_view(_batch(request)))


@router.get(
    "/{batch_id}/results",
    summary="Read what became of the items of a batch",
    **operation(
        Action.POST_PURCHASES,
        answer=BatchResults,
        parameters=[PROGRAM, _BATCH, LIMIT, CURSOR],
        refusals=[*_READING, BatchItemsDeleted],
    ),
)
def results(request: Request) -> Response:
    """Return one result per item, in order, a page at a time; also while the batch is being carried out."""
    limit, cursor = limit_of(request), cursor_of(request, tuple[Annotated[int, Meta(ge=0, le=ITEM_LIMIT)]])
    asked = _with_items(_batch(request))
    first = cursor[0] if cursor else 0
    with resources(request).connection() as connection:
        found = read_results(connection, asked.batch_id, first, limit)
    after = first + len(found)
    is_last = asked.ended_at is not None and after >= asked.done_count
    told: list[BatchItemResult] = [item_result(index, one) for index, one in enumerate(found, first)]
    return as_json(BatchResults(told, None if is_last else token([after])))


@router.get(
    "/{batch_id}/rejects",
    summary="Download what a batch was refused",
    **operation(
        Action.POST_PURCHASES,
        answer={
            NDJSON: {
                "schema": {
                    "type": "object",
                    "properties": {
                        "index": {"type": "integer"},
                        "item": reference(Purchase),
                        "problem": {"$ref": "#/components/schemas/Problem"},
                    },
                }
            }
        },
        parameters=[PROGRAM, _BATCH],
        refusals=[*_READING, BatchItemsDeleted],
    ),
)
def rejects(request: Request) -> Response:
    """
    Return a file with a line per refused item so far: its index, the item as it was sent, and the problem.

    Mend the items and send them as a batch of their own.
    """
    asked, found = _with_items(_batch(request)), resources(request)

    def lines() -> Iterator[bytes]:
        for block in read_rejects(found.connection, asked.batch_id):
            yield _encode_lines([_reject(*one) for one in block])

    name = f'attachment; filename="batch-{asked.batch_id}.rejects.ndjson"'
    return StreamingResponse(lines(), 200, {"Content-Disposition": name}, NDJSON)


@router.post(
    "/{batch_id}/cancel",
    summary="Cancel a batch",
    **operation(
        Action.POST_PURCHASES, answer=BatchView, parameters=[PROGRAM, _BATCH], refusals=[*_READING, BatchEnded]
    ),
)
def cancel(request: Request) -> Response:
    """Stop a batch. What was booked stays booked; what is under way is finished, then the status is cancelled."""
    asked = _batch(request)
    with resources(request).connection() as connection:
        request_cancel(connection, asked.batch_id)
    now = _batch(request)
    if now.status == "done":
        raise BatchEnded(f"All {now.item_count} items were carried out; to undo purchases, return them.")
    return as_json(batch_view(now))


def _batch(request: Request) -> Batch:
    found, program_id = resources(request), request.path_params["program_id"]
    found.program(program_id)
    try:
        batch_id = UUID(request.path_params["batch_id"])
    except ValueError:
        raise UnknownBatch("A batch's id is a UUID; see the Location it was answered with.") from None
    with found.connection() as connection:
        batch = read_batch(connection, batch_id, program_id)
    if batch is None or not _sees(caller_of(request), batch):
        raise UnknownBatch(f"{program_id!r} has no batch {batch_id}.")
    return batch


def _with_items(batch: Batch) -> Batch:
    if batch.items_deleted_at is not None:
        at = f"{batch.items_deleted_at:%Y-%m-%d}"
        raise BatchItemsDeleted(f"Items and results were deleted on {at}; the counts are still there.")
    return batch


def _reject(index: int, item: bytes, told: Told) -> Reject:
    try:
        _json(item)
        shown = msgspec.Raw(item)
    except (msgspec.DecodeError, UnicodeDecodeError):
        shown = msgspec.Raw(msgspec.json.encode(item.decode("utf-8", "replace")))
    return Reject(index, shown, told_problem(told.slug, told.detail, told.pointer, told.members))


def _sees(caller: Caller, batch: Batch) -> bool:
    """Tell whether a caller may look into a batch: one who is limited to stores, only into their own."""
    return not caller.stores or batch.principal == caller.family
