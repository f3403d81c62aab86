"""Members: enrolment, and what they are without anything personal."""

import uuid
from datetime import UTC, date, datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.access.caller import Caller, caller_of
from api.bodies import body_of
from api.openapi import MEMBER, PROGRAM, operation
from api.paging import as_json
from api.people import READING, IdentifierBody, named_member
from api.problems import Forbidden
from api.resources import Resources, idempotency_references, position_token, resources, uuid_text
from ledger.access.roles import Action
from ledger.members import directory
from ledger.members.enrolling import Newcomer, enrol_one
from ledger.members.errors import MemberErased
from ledger.members.profile import Profile, checked
from ledger.posting.instruction import KeyReused, LedgerBusy, LedgerUnavailable, Reference
from ledger.program.decide import UnknownProgram
from ledger.store.receipts import stream_of
from ledger.streams import account_stream_id
from rules.activity import check_text, check_time
from rules.errors import OccurredInFuture
from rules.instructions import open_account
from rules.instructions.asking import hashed

router = APIRouter(prefix="/v1/programs/{program_id}/members", tags=["members"])


class NewMember(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who joins."""

    identifiers: Annotated[tuple[IdentifierBody, ...], Meta(min_length=1, max_length=10)]
    occurred_at: Annotated[datetime, Meta(tz=True)] | None = None
    """When they joined; absent: now."""
    profile: Profile | None = None
    """What is known about them. Who is a member already keeps their profile."""
    partner: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,62}$", examples=["bakery"])] | None = None
    """Which partner enrols them; absent: the first one of the key, or none."""


class MemberView(Struct, frozen=True):
    """A member and the account that was opened."""

    member_id: uuid.UUID
    account_id: str
    opened_on: date
    identifiers: tuple[IdentifierBody, ...]
    position: str


class MemberSummary(Struct, frozen=True):
    """A member, without anything personal."""

    program_id: str
    member_id: uuid.UUID
    account_id: uuid.UUID
    status: str
    """``active``, ``merged`` or ``erased``. What the account allows stands in the account."""
    enrolled_at: datetime
    partner: str | None
    merged_into: uuid.UUID | None
    erased_at: datetime | None
    identifier_kinds: list[str]


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
        refusals=[
            OccurredInFuture,
            UnknownProgram,
            KeyReused,
            MemberErased,
            directory.IdentifierTaken,
            LedgerBusy,
            LedgerUnavailable,
        ],
        example={
            "identifiers": [{"kind": "card", "value": "6000123456789"}],
            "profile": {"given_name": "Ada", "family_name": "Beispiel", "email": "ada@example.org"},
        },
    ),
)
async def enrol(request: Request) -> Response:
    """
    Make a member known by identifiers, and open the account.

    Sent again with the same ``Idempotency-Key``, or with the same identifiers, it answers the same member.
    """
    found, program_id = resources(request), request.path_params["program_id"]
    asked = await body_of(request, _new_member)
    now = datetime.now(UTC)
    check_time(asked.occurred_at or now, now)
    for identifier in asked.identifiers:
        check_text(identifiers=identifier.value)
    if asked.profile is not None:
        asked = replace(asked, profile=checked(asked.profile, now.date(), "/profile"))
    partner, keys = _partner(caller_of(request), asked.partner), idempotency_references(request)
    newcomer = Newcomer([one.named() for one in asked.identifiers], asked.profile, partner, now)
    asked_hash = hashed("enrolment", program_id, asked)
    member_id = await run_in_threadpool(_register, found, program_id, newcomer, asked_hash, keys)
    posted = await found.poster.post(open_account(program_id, member_id, asked.occurred_at or now, keys=keys))
    view = MemberView(
        member_id,
        uuid_text(posted.stream_id),
        posted.event.effective_on,
        asked.identifiers,
        position_token(posted),
    )
    headers = {"Idempotency-Replayed": "true"} if posted.replayed else {}
    return Response(msgspec.json.encode(view), 200 if posted.replayed else 201, headers, "application/json")


@router.get(
    "/{member}",
    summary="Read a member",
    **operation(Action.READ_ACCOUNTS, answer=MemberSummary, parameters=[PROGRAM, MEMBER], refusals=READING),
)
def member(request: Request) -> Response:
    """Return who is meant, since when, and by which kinds of identifiers; nothing that tells who the person is."""
    found, program_id = resources(request), request.path_params["program_id"]
    found.program(program_id)
    with found.connection() as connection:
        one = named_member(connection, request)
    status = "erased" if one.erased_at else "merged" if one.merged_into else "active"
    return as_json(
        MemberSummary(
            program_id,
            one.member_id,
            one.account_id,
            status,
            one.enrolled_at,
            one.partner,
            one.merged_into,
            one.erased_at,
            one.identifier_kinds,
        )
    )


def _partner(caller: Caller, wanted: str | None) -> str | None:
    """
    Return through whom a member joins.

    Raises:
        Forbidden: The caller does not speak for that partner.
    """
    if not caller.partners:
        return wanted
    if wanted is not None and wanted not in caller.partners:
        raise Forbidden("Your key enrols members for its own partners only.", action=Action.ENROL.value)
    return wanted or caller.partners[0]


def _register(
    found: Resources, program_id: str, newcomer: Newcomer, asked_hash: bytes, keys: tuple[Reference, ...]
) -> uuid.UUID:
    found.program(program_id)
    reference = keys[0] if keys else None
    with found.connection() as connection:
        with connection.transaction():
            member_id = enrol_one(connection, program_id, newcomer, asked_hash, reference)
            if reference is not None:
                elsewhere = stream_of(connection, reference)
                # Known to the ledger for something else than this account: nobody is enrolled under it.
                if elsewhere not in (None, account_stream_id(program_id, member_id)):
                    message = f"{reference[1]!r} was used before for a different request; a new effect needs a new key."
                    raise KeyReused(message, source=reference[0], key=reference[1])
        return member_id
