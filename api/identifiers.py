"""What the outside calls a member: further cards and numbers, and lost ones."""

from typing import Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from psycopg import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.bodies import body_of
from api.openapi import MEMBER, PROGRAM, operation, path_parameter
from api.people import CHANGING, IdentifierBody, named_member
from api.resources import Resources, resources
from ledger.access.roles import Action
from ledger.errors import InvalidInput
from ledger.members.directory import IdentifierTaken, UnknownMember, find_member
from ledger.members.errors import UnknownIdentifier
from ledger.members.people import add_identifier, changing, remove_identifier, replace_identifier
from rules.activity import check_text

router = APIRouter(prefix="/v1/programs/{program_id}/members/{member}/identifiers", tags=["members"])

_IDENTIFIER = path_parameter("identifier", "As kind:value.", "card:6000123456789")


class Replacement(Struct, frozen=True, forbid_unknown_fields=True):
    """A card was lost, a number changed."""

    old: IdentifierBody
    new: IdentifierBody


class IdentifierChange(Struct, frozen=True):
    """Whose identifier was changed. It is not repeated."""

    member_id: UUID
    kind: str


_identifier = msgspec.json.Decoder(IdentifierBody).decode
_replacement = msgspec.json.Decoder(Replacement).decode


@router.post(
    "",
    summary="Add an identifier",
    **operation(
        Action.WRITE_PROFILES,
        body=IdentifierBody,
        answer=IdentifierChange,
        status=201,
        parameters=[PROGRAM, MEMBER],
        refusals=[*CHANGING, IdentifierTaken],
        example={"kind": "card", "value": "6000987654321"},
    ),
)
async def add(request: Request) -> Response:
    """Let the member be known by one more identifier. Sent again it changes nothing."""
    asked = await body_of(request, _identifier)
    check_text(value=asked.value)
    return await run_in_threadpool(_add, resources(request), request, asked)


@router.post(
    "/replace",
    summary="Replace an identifier",
    **operation(
        Action.WRITE_PROFILES,
        body=Replacement,
        answer=IdentifierChange,
        status=201,
        parameters=[PROGRAM, MEMBER],
        refusals=[*CHANGING, IdentifierTaken, UnknownIdentifier],
        example={
            "old": {"kind": "card", "value": "6000123456789"},
            "new": {"kind": "card", "value": "6000987654321"},
        },
    ),
)
async def replace(request: Request) -> Response:
    """Let the member be known by a new identifier instead of an old one, at once, as after a lost card."""
    asked = await body_of(request, _replacement)
    check_text(old=asked.old.value, new=asked.new.value)
    return await run_in_threadpool(_replace, resources(request), request, asked)


@router.delete(
    "/{identifier:path}",
    summary="Remove an identifier",
    **operation(
        Action.WRITE_PROFILES,
        answer=IdentifierChange,
        parameters=[PROGRAM, MEMBER, _IDENTIFIER],
        refusals=[InvalidInput, *CHANGING],
    ),
)
def remove(request: Request) -> Response:
    """
    Let the member no longer be known by an identifier. Sent again it changes nothing.

    The last one may go too: the member id remains. Whoever is named by the identifier that goes has to be named by the
    member id when this is sent again.
    """
    kind, colon, value = request.path_params["identifier"].partition(":")
    if not (colon and kind and value):
        raise InvalidInput("An identifier is kind:value such as card:6000123456789.", pointer="/identifier")
    found, program_id = resources(request), request.path_params["program_id"]
    found.program(program_id)
    with found.connection() as connection:
        member_id = named_member(connection, request).member_id
        with changing(connection, program_id, member_id):
            changed = remove_identifier(connection, program_id, member_id, (kind, value))
    return _answer(IdentifierChange(member_id, kind), 200, changed=changed)


def _add(found: Resources, request: Request, asked: IdentifierBody) -> Response:
    program_id = request.path_params["program_id"]
    found.program(program_id)
    with found.connection() as connection:
        member_id = named_member(connection, request).member_id
        with changing(connection, program_id, member_id):
            changed = add_identifier(connection, program_id, member_id, asked.named())
    return _answer(IdentifierChange(member_id, asked.kind), 201 if changed else 200, changed=changed)


def _replace(found: Resources, request: Request, asked: Replacement) -> Response:
    program_id = request.path_params["program_id"]
    found.program(program_id)
    with found.connection() as connection:
        member_id = _replacing(connection, request, asked)
        with changing(connection, program_id, member_id):
            changed = replace_identifier(connection, program_id, member_id, asked.old.named(), asked.new.named())
    return _answer(IdentifierChange(member_id, asked.new.kind), 201 if changed else 200, changed=changed)


def _replacing(connection: Connection[Any], request: Request, asked: Replacement) -> UUID:
    """Return who is meant; where the path names the lost card, and it is gone already, that is who has the new one."""
    try:
        return named_member(connection, request).member_id
    except UnknownMember:
        if request.path_params["member"] != ":".join(asked.old.named()):
            raise
        find_member(connection, (request.path_params["program_id"], *asked.new.named()))
        request.path_params["member"] = ":".join(asked.new.named())
        return named_member(connection, request).member_id


def _answer(view: IdentifierChange, status: int, *, changed: bool) -> Response:
    headers = {} if changed else {"Idempotency-Replayed": "true"}
    return Response(msgspec.json.encode(view), status, headers, "application/json")
