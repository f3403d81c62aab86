"""What-ifs: asked at once, answered by the workers, and read while they are and afterwards."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from api.access.caller import caller_of
from api.bodies import body_of
from api.openapi import CURSOR, LIMIT, PROGRAM, operation, path_parameter
from api.paging import as_json, cursor_of, limit_of, token
from api.problems import UnknownWhatIf
from api.resources import Resources, idempotency_references, resources
from api.terms import TermsBody, read_terms
from api.what_if_views import (
    CSV_HEADER,
    WhatIfMembers,
    WhatIfPage,
    WhatIfView,
    csv_lines,
    member_view,
    what_if_view,
)
from ledger.access.roles import Action
from ledger.dates import as_utc
from ledger.errors import InvalidInput, LedgerError
from ledger.posting.instruction import KeyReused, LedgerUnavailable
from ledger.program.consistency import check_scales
from ledger.program.decide import NothingToPublish, UnknownProgram, UnknownVersion
from ledger.program.state import Program
from ledger.program.terms import Terms
from projections.whatifs.rows import (
    MemberCursor,
    NewWhatIf,
    WhatIf,
    WhatIfCursor,
    cancel_what_if,
    id_of_key,
    read_found,
    read_top,
    read_what_if,
    read_what_ifs,
    store_what_if,
)
from rules.activity import Instant
from rules.instructions.asking import hashed
from rules.pricing.plans import numbered
from rules.problems import InvalidRule

router = APIRouter(prefix="/v1/programs/{program_id}/what-ifs", tags=["what-ifs"])


class WhatIfRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What would have been, had another version priced a window of the past?"""

    version: Literal["draft"] | Annotated[int, Meta(ge=1, le=10**9)] | TermsBody
    """The draft, the number of a version, or terms written out."""
    window_start: Instant
    """First moment at which it is taken to have been in force."""
    window_end: Instant | None = None
    """First moment at which it no longer is. Absent: it still would be."""
    as_of: Instant | None = None
    """Lapses and tiers are told as of this moment. Absent: now."""
    sample: Annotated[int, Meta(ge=1, le=10**9)] | None = None
    """Look at so many accounts only, always the same ones. Absent: at all."""
    point_value_minor: Annotated[dict[str, Decimal], Meta(max_length=100)] = {}
    """By point currency, minor units of money that one point stands for: the change of liability is told in money."""


_request = msgspec.json.Decoder(WhatIfRequest).decode
WHAT_IF = path_parameter("what_if_id", "As it was answered.", "0d9f6c1e-5b1f-4d5e-9d7e-2f0c8a4b6e11")
_MAX_VALUE = 10**9
_MAX_PLACES = 12
READING: list[type[LedgerError]] = [InvalidInput, UnknownProgram, UnknownWhatIf, LedgerUnavailable]


@router.post(
    "",
    summary="Ask what another version would have come to",
    **operation(
        Action.READ_PROGRAMS,
        body=WhatIfRequest,
        answer=WhatIfView,
        status=202,
        parameters=[PROGRAM],
        refusals=[UnknownProgram, UnknownVersion, NothingToPublish, InvalidRule, KeyReused, LedgerUnavailable],
        example={
            "version": "draft",
            "window_start": "2026-01-01T00:00:00+01:00",
            "window_end": "2026-04-01T00:00:00+02:00",
            "point_value_minor": {"points": "0.5"},
        },
    ),
)
async def ask(request: Request) -> Response:
    """
    Take a question in; workers answer it over all accounts as they are now, and its Location tells how far they are.

    The version's terms are kept as they are at this moment: what becomes of the draft meanwhile changes nothing.
    """
    asked = await body_of(request, _request)
    view, was_there = await run_in_threadpool(_ask, request, asked, idempotency_references(request))
    headers = {"Location": f"{request.url.path}/{view.what_if_id}"}
    if was_there:
        headers["Idempotency-Replayed"] = "true"
    return Response(msgspec.json.encode(view), 202, headers, "application/json")


def _ask(request: Request, asked: WhatIfRequest, references: Any) -> tuple[WhatIfView, bool]:
    found, program_id = resources(request), request.path_params["program_id"]
    program = found.fresh_program(program_id)
    terms, name = _terms(program, asked.version)
    now = datetime.now(UTC)
    new = NewWhatIf(
        id_of_key("what-if", program_id, *references[0]) if references else uuid4(),
        program_id,
        caller_of(request).family,
        hashed("what-if", program_id, asked),
        name,
        terms,
        as_utc(asked.window_start),
        as_utc(asked.window_end) if asked.window_end else None,
        as_utc(asked.as_of) if asked.as_of else now,
        asked.sample,
        asked.point_value_minor,
    )
    check_question(new)
    with found.connection() as connection:
        what_if, was_there = store_what_if(connection, new)
    return what_if_view(what_if), was_there


def check_question(new: NewWhatIf) -> None:
    """
    Refuse a window or values that cannot be.

    Raises:
        InvalidInput: The window ends before it begins, or lies after the moment as of which it is told; or a point is
            worth less than nothing, or more than anybody counts.
    """
    for code, value in new.point_values.items():
        if not (value.is_finite() and 0 <= value <= _MAX_VALUE and int(value.as_tuple().exponent) >= -_MAX_PLACES):
            message = f"A point is worth 0 to {_MAX_VALUE} minor units, with up to {_MAX_PLACES} decimal places."
            raise InvalidInput(message, pointer=f"/point_value_minor/{code}")
    if new.window_end is not None and new.window_end <= new.window_start:
        raise InvalidInput("The window ends before it begins.", pointer="/window_end")
    if new.as_of < new.window_start:
        raise InvalidInput("What is told is told as of a moment after the window's start.", pointer="/as_of")


def _terms(program: Program, version: Literal["draft"] | int | TermsBody) -> tuple[Terms, str]:
    if isinstance(version, TermsBody):
        terms = read_terms(version, program.currency, "/version")
        check_scales(program, terms, "/version")
        return terms, "inline"
    return terms_of(program, version), str(version)


def terms_of(program: Program, version: Literal["draft"] | int) -> Terms:
    """
    Return the terms of the draft, or of a version.

    Raises:
        NothingToPublish: There is no draft.
        UnknownVersion: There is no such version.
    """
    if version != "draft":
        return numbered(program, int(version)).terms
    if program.draft is None:
        message = f"{program.program_id!r} has no draft; write one, or ask about a published version."
        raise NothingToPublish(message)
    return program.draft


@router.get(
    "",
    summary="List what-ifs",
    **operation(
        Action.READ_BOOKS,
        answer=WhatIfPage,
        parameters=[PROGRAM, LIMIT, CURSOR],
        refusals=[UnknownProgram, InvalidInput, LedgerUnavailable],
    ),
)
def list_what_ifs(request: Request) -> Response:
    """Return the what-ifs of a program, newest first."""
    found, program_id = resources(request), request.path_params["program_id"]
    limit, after = limit_of(request), cursor_of(request, WhatIfCursor)
    found.program(program_id)
    with found.connection() as connection:
        rows = read_what_ifs(connection, program_id, after, limit)
    last = rows[-1] if len(rows) == limit else None
    cursor = token([last.created_at, last.what_if_id]) if last else None
    return as_json(WhatIfPage([what_if_view(one) for one in rows], cursor))


@router.get(
    "/{what_if_id}",
    summary="Read a what-if",
    **operation(Action.READ_BOOKS, answer=WhatIfView, parameters=[PROGRAM, WHAT_IF], refusals=READING),
)
def read_one(request: Request) -> Response:
    """Return how far it is, what all accounts come to as far as it is, and who would gain and lose most."""
    what_if = what_if_of(request)
    with resources(request).connection() as connection:
        winners, losers = read_top(connection, what_if.what_if_id)
    return as_json(what_if_view(what_if, winners, losers))


@router.get(
    "/{what_if_id}/members",
    summary="Read for whom something would be different",
    **operation(
        Action.READ_BOOKS,
        answer=WhatIfMembers,
        parameters=[PROGRAM, WHAT_IF, LIMIT, CURSOR],
        refusals=READING,
    ),
)
def members(request: Request) -> Response:
    """Return accounts with what they have and would have, the largest difference first; the others are as they are."""
    limit, after = limit_of(request), cursor_of(request, MemberCursor)
    what_if = what_if_of(request)
    with resources(request).connection() as connection:
        rows = read_found(connection, what_if.what_if_id, after, limit)
    last = rows[-1] if len(rows) == limit else None
    cursor = token([last.absolute_points, last.account_id]) if last else None
    return as_json(WhatIfMembers([member_view(one) for one in rows], cursor))


@router.get(
    "/{what_if_id}/csv",
    summary="Download for whom something would be different",
    **operation(
        Action.READ_BOOKS,
        answer={"text/csv": {"schema": {"type": "string"}}},
        parameters=[PROGRAM, WHAT_IF],
        refusals=READING,
    ),
)
def download(request: Request) -> Response:
    """Return a file with a line per account and point currency, the largest difference first."""
    what_if, found = what_if_of(request), resources(request)
    name = f'attachment; filename="what-if-{what_if.what_if_id}.csv"'
    return StreamingResponse(_csv(found, what_if.what_if_id), 200, {"Content-Disposition": name}, "text/csv")


def _csv(found: Resources, what_if_id: UUID) -> Iterator[str]:
    yield CSV_HEADER
    after: MemberCursor | None = None
    while True:
        with found.connection() as connection:
            page = read_found(connection, what_if_id, after, 1000)
        if not page:
            return
        yield csv_lines(page)
        after = page[-1].absolute_points, page[-1].account_id


@router.post(
    "/{what_if_id}/cancel",
    summary="Cancel a what-if",
    **operation(Action.READ_PROGRAMS, answer=WhatIfView, parameters=[PROGRAM, WHAT_IF], refusals=READING),
)
def cancel(request: Request) -> Response:
    """Stop it; the page under way is finished first. One that has ended stays as it is."""
    what_if = what_if_of(request)
    with resources(request).connection() as connection:
        cancel_what_if(connection, what_if.what_if_id)
    return as_json(what_if_view(what_if_of(request)))


def what_if_of(request: Request) -> WhatIf:
    """
    Return the what-if that a request is about.

    Raises:
        UnknownProgram: There is no such program.
        UnknownWhatIf: It has no such what-if.
    """
    found, program_id = resources(request), request.path_params["program_id"]
    found.program(program_id)
    try:
        what_if_id = UUID(request.path_params["what_if_id"])
    except ValueError:
        raise UnknownWhatIf("A what-if's id is a UUID; see the Location it was answered with.") from None
    with found.connection() as connection:
        what_if = read_what_if(connection, what_if_id, program_id)
    if what_if is None:
        raise UnknownWhatIf(f"{program_id!r} has no what-if {what_if_id}.")
    return what_if
