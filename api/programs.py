"""Programs: create, read, draft, publish."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.bodies import body_of
from api.openapi import PROGRAM, operation
from api.resources import Resources, idempotency_references, position_token, resources
from api.terms import TermsBody, decode_terms, read_terms, written_terms
from ledger.access.roles import Action
from ledger.dates import as_utc, time_zone
from ledger.money import UnknownCurrency, minor_digits
from ledger.posting.instruction import Instruction, KeyReused, LedgerBusy, LedgerUnavailable
from ledger.program import decide as program
from ledger.program.events import ProgramPublished
from ledger.program.names import Code
from ledger.program.state import Program
from ledger.streams import PROGRAM as PROGRAM_STREAM
from ledger.streams import program_stream_id
from rules.activity import Instant
from rules.problems import InvalidRule

router = APIRouter(prefix="/v1/programs", tags=["programs"])


class NewProgram(Struct, frozen=True, forbid_unknown_fields=True):
    """A program to set up."""

    program_id: Code
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    currency: Annotated[str, Meta(min_length=3, max_length=3, description="ISO 4217.", examples=["EUR"])]
    terms: TermsBody
    timezone: Annotated[str, Meta(max_length=64, examples=["Europe/Zurich"])] = "UTC"
    """IANA time zone whose calendar decides effective dates."""


class Publication(Struct, frozen=True, forbid_unknown_fields=True):
    """From when on the draft is to hold."""

    effective_from: Instant | None = None
    """Absent: from now on. What occurred before is priced by the version before."""


class VersionView(Struct, frozen=True):
    """A published version."""

    version: int
    effective_from: datetime
    terms: TermsBody


class ProgramView(Struct, frozen=True):
    """A program, its draft, and all its versions."""

    program_id: str
    name: str
    currency: str
    timezone: str
    draft: TermsBody | None
    versions: list[VersionView]


class PublishedView(Struct, frozen=True):
    """The version that was published."""

    version: int
    effective_from: datetime
    position: str


_EXAMPLE = {
    "program_id": "coffee",
    "name": "Coffee Club",
    "currency": "EUR",
    "timezone": "Europe/Berlin",
    "terms": {
        "point_currencies": [{"code": "points", "name": "Points", "expiry_months": 24}],
        "earn": {
            "rule": {
                "if": [{">": [{"var": "transaction_amount"}, 100]}, {"*": [{"var": "transaction_amount"}, 0.1]}, 0]
            },
            "point_currency": "points",
        },
        "burn": {"rule": {"/": [{"var": "points_requested"}, 100]}, "point_currency": "points"},
    },
}

_new_program = msgspec.json.Decoder(NewProgram).decode
_publication = msgspec.json.Decoder(Publication).decode


@router.post(
    "",
    summary="Create a program with its first draft",
    **operation(
        Action.WRITE_PROGRAMS,
        body=NewProgram,
        answer=ProgramView,
        status=201,
        refusals=[InvalidRule, UnknownCurrency, program.ProgramExists, KeyReused, LedgerBusy, LedgerUnavailable],
        example=_EXAMPLE,
    ),
)
async def create_program(request: Request) -> Response:
    """Set a program up. It prices nothing until its draft is published."""
    found = resources(request)
    asked = await body_of(request, _new_program)
    minor_digits(asked.currency)
    time_zone(asked.timezone)
    terms = read_terms(asked.terms, asked.currency, "/terms")
    command = program.CreateProgram(
        asked.program_id,
        asked.name,
        asked.currency,
        asked.timezone,
        terms,
        datetime.now(UTC),
    )
    posted = await found.poster.post(
        _instruction(
            request,
            asked.program_id,
            command,
            ("create", asked.program_id, asked.name, asked.currency, asked.timezone, terms),
        )
    )
    return _program_response(found, asked.program_id, 200 if posted.replayed else 201, replayed=posted.replayed)


@router.get(
    "/{program_id}",
    summary="Read a program",
    **operation(Action.READ_PROGRAMS, answer=ProgramView, parameters=[PROGRAM], refusals=[program.UnknownProgram]),
)
def read_program(request: Request) -> Response:
    """Return the program with its draft and every version it ever published."""
    return _program_response(resources(request), request.path_params["program_id"], 200)


@router.put(
    "/{program_id}/draft",
    summary="Replace the draft",
    **operation(
        Action.WRITE_PROGRAMS,
        body=TermsBody,
        answer=ProgramView,
        parameters=[PROGRAM],
        refusals=[program.UnknownProgram, InvalidRule, KeyReused, LedgerBusy, LedgerUnavailable],
        example=_EXAMPLE["terms"],
    ),
)
async def replace_draft(request: Request) -> Response:
    """Write new terms down. They are not in force until published."""
    found, program_id = resources(request), request.path_params["program_id"]
    body = await body_of(request, decode_terms)
    program_currency = (await run_in_threadpool(found.program, program_id)).currency
    terms = read_terms(body, program_currency, "")
    now = datetime.now(UTC)
    instruction = _instruction(request, program_id, program.DraftProgram(terms, now), ("draft", program_id, terms))
    await found.poster.post(instruction)
    return _program_response(found, program_id, 200)


@router.post(
    "/{program_id}/publish",
    summary="Publish the draft",
    **operation(
        Action.PUBLISH,
        body=Publication,
        answer=PublishedView,
        status=201,
        parameters=[PROGRAM],
        refusals=[
            program.UnknownProgram,
            program.NothingToPublish,
            program.VersionOutOfOrder,
            KeyReused,
            LedgerBusy,
            LedgerUnavailable,
        ],
        example={"effective_from": "2026-01-01T00:00:00+01:00"},
    ),
)
async def publish(request: Request) -> Response:
    """Turn the draft into the next version, in force from a moment on until the next version's."""
    found, program_id = resources(request), request.path_params["program_id"]
    asked = await body_of(request, _publication)
    now = datetime.now(UTC)
    command = program.PublishProgram(as_utc(asked.effective_from or now), now)
    posted = await found.poster.post(
        _instruction(request, program_id, command, ("publish", program_id, asked.effective_from)),
    )
    assert isinstance(posted.event, ProgramPublished)
    view = PublishedView(posted.event.version, posted.event.effective_from, position_token(posted))
    headers = {"Idempotency-Replayed": "true"} if posted.replayed else {}
    return Response(msgspec.json.encode(view), 200 if posted.replayed else 201, headers, "application/json")


def _instruction(request: Request, program_id: str, command: program.ProgramCommand, asked: Any) -> Instruction:
    request_hash = sha256(msgspec.json.encode(asked)).digest()
    # Without a key of the caller's, a request is only the same as itself.
    references = idempotency_references(request) or ((f"program:{program_id}", _once(command)),)

    def decide(state: Program | None) -> Any:
        return program.decide(state, command)

    return Instruction(PROGRAM_STREAM, program_stream_id(program_id), references, request_hash, decide)


def _once(command: program.ProgramCommand) -> str:
    return f"{type(command).__name__}:{command.occurred_at.isoformat()}"


def _program_response(found: Resources, program_id: str, status: int, *, replayed: bool = False) -> Response:
    state = found.fresh_program(program_id)
    view = ProgramView(
        state.program_id,
        state.name,
        state.currency,
        state.timezone,
        written_terms(state.draft) if state.draft else None,
        [VersionView(one.version, one.effective_from, written_terms(one.terms)) for one in state.versions],
    )
    headers = {"Idempotency-Replayed": "true"} if replayed else {}
    return Response(msgspec.json.encode(view), status, headers, "application/json")
