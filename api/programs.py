"""Programs: create, read, draft, publish."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.access.caller import caller_of
from api.approvals import SECOND_PERSON, ask_to_publish
from api.bodies import body_of
from api.changing import change, principal, references_of
from api.etags import IF_MATCH, IF_NONE_MATCH, expected_of, tagged
from api.openapi import CURSOR, LIMIT, PROGRAM, operation
from api.paging import as_json, cursor_of, limit_of, token
from api.program_views import ProgramLine, ProgramView, program_line, program_response
from api.resources import Resources, position_token, resources
from api.terms import TermsBody, read_terms
from ledger.access.roles import Action
from ledger.approval.decide import ApprovalNeeded
from ledger.dates import as_utc, time_zone
from ledger.errors import InvalidInput
from ledger.money import UnknownCurrency, minor_digits
from ledger.posting.cache import StateCache
from ledger.posting.instruction import KeyReused, LedgerBusy, LedgerUnavailable, Posted, Reference
from ledger.program import decide as program
from ledger.program.commands import Expected
from ledger.program.events import ProgramPublished
from ledger.program.names import Code
from ledger.store.newest import created_programs
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


class ProgramList(Struct, frozen=True):
    """Programs by id, a page at a time."""

    programs: list[ProgramLine]
    next_cursor: str | None


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


@router.get(
    "",
    summary="List programs",
    **operation(
        Action.READ_PROGRAMS,
        answer=ProgramList,
        parameters=[LIMIT, CURSOR],
        refusals=[InvalidInput, LedgerUnavailable],
    ),
)
def list_programs(request: Request) -> Response:
    """Return the programs that the caller may see, each with what is in force, scheduled and drafted."""
    found, limit, after = resources(request), limit_of(request), cursor_of(request, tuple[Code])
    with found.connection() as connection:
        only = caller_of(request).programs
        ids = created_programs(connection, after=after[0] if after else None, only=only, limit=limit + 1)
        cache = StateCache(found.partition_count)
        streams = {program_stream_id(program_id): PROGRAM_STREAM for program_id in ids[:limit]}
        cache.load(connection, streams)
    now = datetime.now(UTC)
    lines = [program_line(cache.entries[stream_id].state, now) for stream_id in streams]
    return as_json(ProgramList(lines, token([ids[limit - 1]]) if len(ids) > limit else None))


@router.post(
    "",
    summary="Create a program with its first draft",
    **operation(
        Action.WRITE_PROGRAMS,
        body=NewProgram,
        answer=ProgramView,
        status=201,
        refusals=[
            InvalidRule,
            UnknownCurrency,
            program.UnknownProgram,
            program.ProgramExists,
            KeyReused,
            LedgerBusy,
            LedgerUnavailable,
        ],
        example=_EXAMPLE,
    ),
)
async def create_program(request: Request) -> Response:
    """Set a program up. It prices nothing until its draft is published."""
    found = resources(request)
    asked = await body_of(request, _new_program)
    caller_of(request).require_program(asked.program_id)
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
        principal(request),
    )
    same = ("create", asked.program_id, asked.name, asked.currency, asked.timezone, terms)
    posted = await change(found, asked.program_id, command, same, references_of(request))
    status = 200 if posted.replayed else 201
    return await run_in_threadpool(program_response, request, found, asked.program_id, status, replayed=posted.replayed)


@router.get(
    "/{program_id}",
    summary="Read a program",
    **operation(
        Action.READ_PROGRAMS,
        answer=ProgramView,
        parameters=[PROGRAM, IF_NONE_MATCH],
        refusals=[program.UnknownProgram, LedgerUnavailable],
    ),
)
def read_program(request: Request) -> Response:
    """Return the program with its draft and every version it ever published, but those that were withdrawn."""
    return program_response(request, resources(request), request.path_params["program_id"])


@router.post(
    "/{program_id}/publish",
    summary="Publish the draft, now or for later",
    **operation(
        Action.PUBLISH,
        body=Publication,
        also=SECOND_PERSON,
        answer=PublishedView,
        status=201,
        parameters=[PROGRAM, IF_MATCH],
        refusals=[
            KeyReused,
            program.UnknownProgram,
            program.StaleVersion,
            program.NothingToPublish,
            program.VersionOutOfOrder,
            LedgerBusy,
            LedgerUnavailable,
        ],
        example={"effective_from": "2026-01-01T00:00:00+01:00"},
    ),
)
async def publish_draft(request: Request) -> Response:
    """
    Turn the draft into the next version, in force from a moment on until the next version's.

    Where the version in force wants a second person for that, the answer is 202 and a request for approval.
    """
    found, program_id = resources(request), request.path_params["program_id"]
    asked = await body_of(request, _publication)
    expected, references = expected_of(request), references_of(request)
    try:
        posted = await publish(found, program_id, asked, principal(request), expected=expected, references=references)
    except ApprovalNeeded as needed:
        revision = needed.members["revision"]
        assert isinstance(revision, int)
        return await ask_to_publish(request, asked.effective_from, revision)
    assert isinstance(posted.event, ProgramPublished)
    view = PublishedView(posted.event.version, posted.event.effective_from, position_token(posted))
    headers = {"Idempotency-Replayed": "true"} if posted.replayed else {}
    return tagged(request, view, f'"{posted.version}"', 200 if posted.replayed else 201, headers)


async def publish(
    found: Resources,
    program_id: str,
    publication: Publication,
    by: str,
    *,
    expected: Expected = None,
    references: Sequence[Reference] = (),
) -> Posted:
    """
    Publish the draft of a program, whoever decided that it is time.

    Args:
        found: To work with.
        program_id: Whose draft.
        publication: From when on.
        by: Who did it, as events name them.
        expected: The versions of the program's stream from which this is allowed to start; ``None`` for any.
        references: Under which it is done once.

    Raises:
        LedgerError: It was refused; see the operation.
    """
    now = datetime.now(UTC)
    command = program.PublishProgram(as_utc(publication.effective_from or now), now, by, expected)
    return await change(found, program_id, command, ("publish", program_id, publication.effective_from), references)
