"""Searching members. By POST, so that what is searched for stands in no address, log or browser history."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.access.caller import caller_of
from api.auditing import record_sensitive_read
from api.bodies import body_of
from api.openapi import PROGRAM, operation
from api.people import IdentifierBody
from api.resources import Resources, resources
from ledger.access.roles import Action
from ledger.errors import InvalidInput
from ledger.members.people import Criteria, Found, search_members
from ledger.members.profile import Profile
from ledger.posting.instruction import LedgerUnavailable
from ledger.program.decide import UnknownProgram

router = APIRouter(prefix="/v1/programs/{program_id}/members", tags=["members"])

_Begins = Annotated[str, Meta(min_length=1, max_length=100, description="How it begins; case does not matter.")]
_LIMIT = 100


class Search(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom to find: everything that is given has to hold."""

    identifier: IdentifierBody | None = None
    member_id: UUID | None = None
    email: Annotated[str, Meta(min_length=3, max_length=254, description="Whole; case does not matter.")] | None = None
    phone: Annotated[str, Meta(min_length=3, max_length=20, description="Whole, E.164.")] | None = None
    name: _Begins | None = None
    """Of the given or the family name."""
    given_name: _Begins | None = None
    family_name: _Begins | None = None
    enrolled_from: Annotated[datetime, Meta(tz=True)] | None = None
    enrolled_before: Annotated[datetime, Meta(tz=True)] | None = None
    limit: Annotated[int, Meta(ge=1, le=_LIMIT)] = 25
    cursor: UUID | None = None
    """From ``next_cursor`` of the page before; the rest of the search stays the same."""


class FoundMember(Struct, frozen=True):
    """A member who was found."""

    member_id: UUID
    account_id: UUID
    enrolled_at: datetime
    partner: str | None
    profile: Profile
    identifiers: list[IdentifierBody]


class SearchPage(Struct, frozen=True):
    """Members, in the order of their ids."""

    members: list[FoundMember]
    next_cursor: UUID | None


_search = msgspec.json.Decoder(Search).decode


@router.post(
    "/search",
    summary="Search members",
    **operation(
        Action.READ_PROFILES,
        body=Search,
        answer=SearchPage,
        parameters=[PROGRAM],
        refusals=[UnknownProgram, LedgerUnavailable],
        example={"family_name": "beisp", "limit": 10},
    ),
)
async def search(request: Request) -> Response:
    """Return members by what is known about them. Whom it found is recorded."""
    asked = await body_of(request, _search)
    if not any(getattr(asked, name) for name in _CRITERIA):
        raise InvalidInput(f"Say whom to find: one of {', '.join(_CRITERIA)} at least.")
    return await run_in_threadpool(_find, resources(request), request, asked)


_CRITERIA = tuple(name for name in Search.__struct_fields__ if name not in ("limit", "cursor"))


def _find(found: Resources, request: Request, asked: Search) -> Response:
    program_id = request.path_params["program_id"]
    found.program(program_id)
    given: dict[str, Any] = {name: getattr(asked, name) for name in _CRITERIA}
    given["identifier"] = asked.identifier and asked.identifier.named()
    criteria = Criteria(**given, partners=caller_of(request).partners)
    with found.connection() as connection:
        rows = search_members(connection, program_id, criteria, after=asked.cursor, limit=asked.limit)
    record_sensitive_read(request, "search", [row.member_id for row in rows])
    page = SearchPage([_shown(row) for row in rows], rows[-1].member_id if len(rows) == asked.limit else None)
    return Response(msgspec.json.encode(page), 200, {"Cache-Control": "no-store"}, "application/json")


def _shown(row: Found) -> FoundMember:
    identifiers = [IdentifierBody(kind, value) for kind, value in row.identifiers]
    return FoundMember(row.member_id, row.account_id, row.enrolled_at, row.partner, row.profile, identifiers)
