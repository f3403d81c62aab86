"""Profiles: who members are. Every reading is recorded."""

from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request
from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.auditing import record_sensitive_read
from api.bodies import body_of, decoded
from api.openapi import MEMBER, PROGRAM, operation
from api.people import CHANGING, IdentifierBody, named_member
from api.resources import Resources, resources
from ledger.access.roles import Action
from ledger.errors import InvalidInput
from ledger.members.directory import identifiers_of
from ledger.members.errors import ProfileChanged
from ledger.members.people import StoredProfile, changing, check_standing, read_profile, write_profile
from ledger.members.profile import (
    Code,
    Consent,
    Country,
    Email,
    Language,
    Name,
    Phone,
    Profile,
    checked,
    patched,
)

router = APIRouter(prefix="/v1/programs/{program_id}/members/{member}/profile", tags=["members"])

_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "examples": ['"3"']},
    "description": "The ETag of the profile that the change is based on; 412 if it is another by now.",
}
_EXAMPLE = {
    "given_name": "Ada",
    "family_name": "Beispiel",
    "email": "ada@example.org",
    "phone": "+41446681800",
    "language": "de-CH",
    "country": "CH",
    "consents": {"email": {"status": "granted", "at": "2026-11-25T09:00:00+01:00", "source": "web form"}},
}


class ProfileView(Struct, frozen=True):
    """Who a member is, and what the outside calls them."""

    member_id: UUID
    version: int
    """Of the profile; the ETag. 0 where nothing was ever written."""
    changed_at: datetime | None
    profile: Profile
    identifiers: list[IdentifierBody]


class ProfileWritten(Struct, frozen=True):
    """A profile was written. It is not repeated: who may write does not have to be allowed to read."""

    member_id: UUID
    version: int
    changed_at: datetime | None


class ProfilePatch(Struct, frozen=True, forbid_unknown_fields=True):
    """A JSON merge patch (RFC 7396): what is absent stays, ``null`` takes a field away."""

    given_name: Name | UnsetType | None = UNSET
    family_name: Name | UnsetType | None = UNSET
    email: Email | UnsetType | None = UNSET
    phone: Phone | UnsetType | None = UNSET
    birth_date: date | UnsetType | None = UNSET
    language: Language | UnsetType | None = UNSET
    country: Country | UnsetType | None = UNSET
    address: dict[str, str | list[str] | None] | UnsetType | None = UNSET
    attributes: (
        Annotated[dict[Code, Annotated[str, Meta(max_length=500)] | int | bool | None], Meta(max_length=50)]
        | UnsetType
        | None
    ) = UNSET
    consents: Annotated[dict[Code, Consent | None], Meta(max_length=20)] | UnsetType | None = UNSET


_profile = msgspec.json.Decoder(Profile).decode
_patch = msgspec.json.Decoder(ProfilePatch).decode


@router.get(
    "",
    summary="Read a member's profile",
    **operation(Action.READ_PROFILES, answer=ProfileView, parameters=[PROGRAM, MEMBER], refusals=CHANGING),
)
def read(request: Request) -> Response:
    """Return who a member is, with the identifiers. The reading is recorded."""
    found, program_id = resources(request), request.path_params["program_id"]
    found.program(program_id)
    with found.connection() as connection:
        member = named_member(connection, request)
        check_standing(member.merged_into, member.erased_at)
        stored = read_profile(connection, program_id, member.member_id)
        identifiers = identifiers_of(connection, program_id, member.member_id)
    record_sensitive_read(request, "profile", [member.member_id])
    named = [IdentifierBody(kind, value) for _, kind, value in identifiers]
    return _answer(stored, ProfileView(member.member_id, stored.version, stored.changed_at, stored.profile, named))


@router.put(
    "",
    summary="Write a member's profile",
    **operation(
        Action.WRITE_PROFILES,
        body=Profile,
        answer=ProfileWritten,
        parameters=[PROGRAM, MEMBER, _IF_MATCH],
        refusals=[*CHANGING, ProfileChanged],
        example=_EXAMPLE,
    ),
)
async def put(request: Request) -> Response:
    """Replace the whole profile. Sent again it changes nothing."""
    wanted = await body_of(request, _profile)
    return await run_in_threadpool(_write, resources(request), request, lambda _: wanted)


@router.patch(
    "",
    summary="Change a member's profile",
    **operation(
        Action.WRITE_PROFILES,
        body=ProfilePatch,
        answer=ProfileWritten,
        parameters=[PROGRAM, MEMBER, _IF_MATCH],
        refusals=[*CHANGING, ProfileChanged],
        example={"email": "ada@example.com", "phone": None},
    ),
)
async def patch(request: Request) -> Response:
    """Change some fields. Sent again it changes nothing."""
    asked = await body_of(request, _patch)
    changes: dict[str, Any] = msgspec.to_builtins(asked)
    encode = msgspec.json.encode

    def applied(before: Profile) -> Profile:
        return decoded(lambda _: patched(before, changes), encode(changes))

    return await run_in_threadpool(_write, resources(request), request, applied)


def _write(found: Resources, request: Request, wanted: Any) -> Response:
    program_id = request.path_params["program_id"]
    expected = _expected(request)
    found.program(program_id)
    now = datetime.now(UTC)
    with found.connection() as connection:
        member_id = named_member(connection, request).member_id
        with changing(connection, program_id, member_id):
            before = read_profile(connection, program_id, member_id)
            profile = checked(wanted(before.profile), now.date())
            stored = write_profile(connection, program_id, member_id, profile, now, expected=expected)
    return _answer(stored, ProfileWritten(member_id, stored.version, stored.changed_at))


def _answer(stored: StoredProfile, view: Struct) -> Response:
    # What is personal is not for caches on the way.
    headers = {"ETag": f'"{stored.version}"', "Cache-Control": "no-store"}
    return Response(msgspec.json.encode(view), 200, headers, "application/json")


def _expected(request: Request) -> int | None:
    """
    Return the version that ``If-Match`` names, if it names one.

    Raises:
        InvalidInput: It is no ETag of ours.
    """
    text = request.headers.get("if-match")
    if text is None:
        return None
    version = text.strip('"')
    if not (text == f'"{version}"' and version.isascii() and version.isdecimal() and len(version) <= 18):  # noqa: PLR2004  # digits of a bigint
        raise InvalidInput('If-Match takes one ETag as it was answered, such as "3".', pointer="/If-Match")
    return int(version)
