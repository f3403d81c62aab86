"""The history of a program's configuration: who changed what when, and what was different after it."""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from starlette.responses import Response

from api.changing import ChangeView, change_view
from api.differences import Difference, differences
from api.etags import IF_NONE_MATCH, etag, tagged
from api.openapi import CURSOR, LIMIT, PROGRAM, operation, path_parameter
from api.paging import cursor_of, limit_of, token
from api.problems import NoSuchResource
from api.program_views import terms_json
from api.resources import resources
from ledger.access.roles import Action
from ledger.errors import InvalidInput
from ledger.posting.instruction import LedgerUnavailable
from ledger.program import decide as program
from ledger.program.events import ProgramDrafted, ProgramPublished
from ledger.store.newest import backwards, newest_first
from ledger.streams import program_stream_id

router = APIRouter(prefix="/v1/programs", tags=["programs"])

_Cursor = tuple[Annotated[int, Meta(ge=1, le=2**60)]]
"""The version of the change that ended the page before."""

_CHANGE = path_parameter("change", "Version of the program's stream, as the history names it.", "7")


class HistoryView(Struct, frozen=True):
    """Changes of a program, newest first."""

    changes: list[ChangeView]
    next_cursor: str | None


class ChangeDetails(Struct, frozen=True):
    """One change, and what was different after it."""

    change: ChangeView
    terms: dict[str, Any] | None
    """What was drafted or published; null where the change is about no terms."""
    differences: list[Difference]
    """A draft is compared with the terms written or published before it, a version with the one published before."""


@router.get(
    "/{program_id}/history",
    summary="Read who changed what",
    **operation(
        Action.READ_PROGRAMS,
        answer=HistoryView,
        parameters=[PROGRAM, LIMIT, CURSOR, IF_NONE_MATCH],
        refusals=[InvalidInput, program.UnknownProgram, LedgerUnavailable],
    ),
)
def read_history(request: Request) -> Response:
    """Return every change of the program's configuration, a page at a time, newest first."""
    found, program_id = resources(request), request.path_params["program_id"]
    limit, cursor = limit_of(request), cursor_of(request, _Cursor)
    state = found.fresh_program(program_id)
    before = cursor[0] if cursor else None
    with found.connection() as connection:
        told = newest_first(
            connection, program_stream_id(program_id), found.partition_count, before=before, limit=limit + 1
        )
    changes = [change_view(program_id, one) for one in told[:limit]]
    view = HistoryView(changes, token([told[limit - 1].version]) if len(told) > limit else None)
    return tagged(request, view, etag(state))


@router.get(
    "/{program_id}/history/{change}",
    summary="Read one change",
    **operation(
        Action.READ_PROGRAMS,
        answer=ChangeDetails,
        parameters=[PROGRAM, _CHANGE],
        refusals=[program.UnknownProgram, NoSuchResource, LedgerUnavailable],
    ),
)
def read_change(request: Request) -> Response:
    """Return what a change wrote down, and how it differs from what was there before."""
    found, program_id = resources(request), request.path_params["program_id"]
    found.fresh_program(program_id)
    text, stream_id = request.path_params["change"], program_stream_id(program_id)
    number = int(text) if text.isdecimal() and len(text) < 10 else 0  # noqa: PLR2004  # digits enough
    with found.connection() as connection:
        told = newest_first(connection, stream_id, found.partition_count, before=number + 1, limit=1)
        if not told or told[0].version != number:
            raise NoSuchResource(f"{program_id!r} has no change {text!r}; its history lists them.")
        event = told[0].event
        is_draft = isinstance(event, ProgramDrafted)
        kinds = (ProgramDrafted, ProgramPublished) if is_draft else (ProgramPublished,)
        earlier = (
            one.event.terms
            for one in backwards(connection, stream_id, found.partition_count, number)
            if isinstance(one.event, kinds)
        )
        terms, found_differences = None, []
        if isinstance(event, ProgramDrafted | ProgramPublished):
            terms = terms_json(event.terms)
            found_differences = differences(terms_json(next(earlier, None)), terms)
    return tagged(request, ChangeDetails(change_view(program_id, told[0]), terms, found_differences), f'"{number}"')
