"""Members: enrolment."""

import uuid
from datetime import UTC, date, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.bodies import body_of
from api.openapi import PROGRAM, operation
from api.resources import Resources, position_token, resources, uuid_text
from ledger.access.roles import Action
from ledger.members import directory
from ledger.posting.instruction import LedgerBusy, LedgerUnavailable
from ledger.program.decide import UnknownProgram
from rules.activity import check_text, check_time
from rules.errors import OccurredInFuture
from rules.instructions import open_account

router = APIRouter(prefix="/v1/programs/{program_id}/members", tags=["members"])


class IdentifierBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What the outside calls a member."""

    kind: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,31}$", examples=["card"])]
    value: Annotated[str, Meta(min_length=1, max_length=150, examples=["6000123456789"])]


class NewMember(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who joins."""

    identifiers: Annotated[tuple[IdentifierBody, ...], Meta(min_length=1, max_length=10)]
    occurred_at: Annotated[datetime, Meta(tz=True)] | None = None
    """When they joined; absent: now."""


class MemberView(Struct, frozen=True):
    """A member and the account that was opened."""

    member_id: uuid.UUID
    account_id: str
    opened_on: date
    identifiers: tuple[IdentifierBody, ...]
    position: str


_new_member = msgspec.json.Decoder(NewMember).decode


@router.post(
    "",
    summary="Enrol a member",
    **operation(
        Action.ENROL,
        body=NewMember,
        answer=MemberView,
        status=201,
        parameters=[PROGRAM],
        refusals=[UnknownProgram, OccurredInFuture, directory.IdentifierTaken, LedgerBusy, LedgerUnavailable],
        example={"identifiers": [{"kind": "card", "value": "6000123456789"}]},
    ),
)
async def enrol(request: Request) -> Response:
    """
    Make a member known by identifiers, and open the account.

    Sent again with the same identifiers it answers the same member: the identifiers are the key.
    """
    found, program_id = resources(request), request.path_params["program_id"]
    asked = await body_of(request, _new_member)
    now = datetime.now(UTC)
    check_time(asked.occurred_at or now, now)
    for identifier in asked.identifiers:
        check_text(identifiers=identifier.value)
    member_id = await run_in_threadpool(_register, found, program_id, asked, now)
    posted = await found.poster.post(open_account(program_id, member_id, asked.occurred_at or now))
    view = MemberView(
        member_id,
        uuid_text(posted.stream_id),
        posted.event.effective_on,
        asked.identifiers,
        position_token(posted),
    )
    headers = {"Idempotency-Replayed": "true"} if posted.replayed else {}
    return Response(msgspec.json.encode(view), 200 if posted.replayed else 201, headers, "application/json")


def _register(found: Resources, program_id: str, asked: NewMember, now: datetime) -> Any:
    found.program(program_id)
    named = [(identifier.kind, identifier.value) for identifier in asked.identifiers]
    with found.connection() as connection:
        owners = directory.enrol(connection, program_id, {uuid.uuid4(): named}, now)
    return owners[named[0]]
