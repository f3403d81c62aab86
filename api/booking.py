"""What operations that book something share: posting, and an answer made of what was recorded."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from api.resources import Resources, idempotency_references, position_token, resources, uuid_text
from ledger.account.errors import AccountClosed, AccountNotOpen, AccountSuspended
from ledger.errors import LedgerError
from ledger.members.directory import UnknownMember
from ledger.money import InvalidAmount
from ledger.posting.instruction import Instruction, KeyReused, LedgerBusy, LedgerUnavailable, Posted, Reference
from ledger.program.decide import UnknownProgram
from ledger.store.receipts import stream_of
from ledger.streams import StreamId
from rules.errors import (
    AmountRequired,
    BelowMinimum,
    NotInSteps,
    NotRedeemable,
    NoVersionInForce,
    OccurredInFuture,
    ShareExceeded,
    UnknownPointCurrency,
)

COMMON: list[type[LedgerError]] = [
    OccurredInFuture,
    KeyReused,
    UnknownMember,
    UnknownProgram,
    NoVersionInForce,
    AccountNotOpen,
    AccountClosed,
    AccountSuspended,
    LedgerBusy,
    LedgerUnavailable,
]
"""What every operation on an account can refuse, in the order of the checks."""

PRICING: list[type[LedgerError]] = [
    UnknownPointCurrency,
    NotRedeemable,
    BelowMinimum,
    NotInSteps,
    AmountRequired,
    InvalidAmount,
    ShareExceeded,
]
"""What pricing points that are to be spent can refuse, in the order of the checks."""

Make = Callable[[str, datetime, tuple[Reference, ...]], Instruction]
"""Makes the instruction: program id, now, and further keys."""

_FRONT: list[tuple[str, Any]] = [
    ("account_id", str),
    ("version", int),
    ("position", str),
    ("recorded_at", datetime),
    ("kind", str),
]

_encode = msgspec.json.Encoder().encode


def booked(name: str, *events: type[Struct]) -> type[Struct]:
    """
    Return the type of an answer: where the event landed, and everything that was recorded.

    Args:
        name: Of the type in the documentation.
        events: What may have been recorded; a field that only some of them have may be absent.
    """
    fields: dict[str, Any] = {}
    for event in events:
        fields |= {field.name: field.type for field in msgspec.structs.fields(event)}
    optional = [(field, kind, msgspec.UNSET) for field, kind in fields.items()]
    docs = " ".join(" ".join((event.__doc__ or "").split()) for event in events)
    return msgspec.defstruct(
        name,
        [*_FRONT, *optional, ("replayed", bool, False)],
        frozen=True,
        kw_only=True,
        namespace={"__doc__": docs},
    )


async def book(request: Request, make: Make) -> Response:
    """
    Post an instruction, and answer with what was recorded for it: 201, or 200 if that was there before.

    Raises:
        LedgerError: It was refused.
    """
    return answer(await carried_out(request, make))


async def carried_out(request: Request, make: Make) -> Posted:
    """
    Post an instruction.

    Raises:
        LedgerError: It was refused.
    """
    found, program_id = resources(request), request.path_params["program_id"]
    instruction = make(program_id, datetime.now(UTC), idempotency_references(request))
    try:
        return await found.poster.post(instruction)
    except UnknownMember as refusal:
        raise await found.precisely(program_id, refusal) from None


def answer(posted: Posted) -> Response:
    """Return what was recorded, with its place."""
    return replayable(recorded(posted), replayed=posted.replayed)


def replayable(body: Any, *, replayed: bool) -> Response:
    """Return the answer of a write: 201, or 200 and a header if it is the first answer again."""
    headers = {"Idempotency-Replayed": "true"} if replayed else {}
    return Response(_encode(body), 200 if replayed else 201, headers, "application/json")


def recorded(posted: Posted) -> dict[str, Any]:
    """Return what was recorded, with its place, ready for JSON."""
    event = posted.event
    front = {
        "account_id": uuid_text(posted.stream_id),
        "version": posted.version,
        "position": position_token(posted),
        "recorded_at": posted.recorded_at,
        "kind": type(event).TOPIC,
    }
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return front | fields | {"replayed": posted.replayed}


async def booked_on(request: Request, reference: Reference, missing: LedgerError) -> StreamId:
    """
    Return the account on which something is booked.

    Args:
        request: Names the program.
        reference: Of what is booked.
        missing: Raised if it is not.

    Raises:
        UnknownProgram: There is no such program.
    """
    found, program_id = resources(request), request.path_params["program_id"]
    return await run_in_threadpool(_booked_on, found, program_id, reference, missing)


def _booked_on(found: Resources, program_id: str, reference: Reference, missing: LedgerError) -> StreamId:
    found.program(program_id)
    with found.connection() as connection:
        stream_id = stream_of(connection, reference)
    if stream_id is None:
        raise missing
    return stream_id
