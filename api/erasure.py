"""The right to be forgotten, over HTTP."""

from contextlib import suppress
from datetime import UTC, datetime

import msgspec
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.access.caller import caller_of
from api.bodies import body_of
from api.openapi import MEMBER, PROGRAM, operation
from api.people import READING, named_member
from api.problems import ViewBehind
from api.resources import Resources, idempotency_references, position_token, resources
from ledger.access.roles import Action
from ledger.account.errors import AccountNotOpen, HoldsOpen
from ledger.errors import LedgerError
from ledger.members.directory import UnknownMember
from ledger.members.erasing import Asked, Proof, ask, asked_before, asked_with_key, forget, withdraw
from ledger.members.errors import MemberMerged
from ledger.members.people import check_standing
from ledger.posting.instruction import KeyReused, LedgerBusy, LedgerUnavailable, Posted, Reference
from rules.activity import check_text, check_time
from rules.errors import OccurredInFuture
from rules.instructions import erase_member
from rules.requests import ErasureRequest

router = APIRouter(prefix="/v1/programs/{program_id}/members/{member}", tags=["members"])

_erasure = msgspec.json.Decoder(ErasureRequest).decode


@router.post(
    "/erasure",
    summary="Erase a member",
    **operation(
        Action.ERASE,
        body=ErasureRequest,
        answer=Proof,
        status=201,
        parameters=[PROGRAM, MEMBER],
        refusals=[OccurredInFuture, *READING, MemberMerged, KeyReused, AccountNotOpen, HoldsOpen, LedgerBusy],
        example={
            "source": "service-desk",
            "occurred_at": "2026-11-25T10:00:00+01:00",
            "reason": "on_request",
            "points": "forfeit",
        },
    ),
)
async def erase(request: Request) -> Response:
    """
    Forget who a member is. The account's events, the chain and every total stay as they are, which the answer proves.

    Sent again it answers the first proof: by our member id, or with the same ``Idempotency-Key``, because nobody is
    known by the old identifiers any more.
    """
    found, program_id = resources(request), request.path_params["program_id"]
    wanted = await body_of(request, _erasure)
    check_time(wanted.occurred_at, datetime.now(UTC))
    check_text(source=wanted.source)
    keys = idempotency_references(request)
    asked = await run_in_threadpool(_begin, found, request, wanted, keys[0] if keys else None)
    if asked.proof is not None:
        return _answer(asked.proof, replayed=True)
    first = msgspec.json.decode(asked.request, type=ErasureRequest)
    instruction = erase_member(program_id, asked.member_id, first, asked.principal, datetime.now(UTC))
    try:
        tombstone = await found.poster.post(instruction)
    except LedgerError as refusal:
        if not isinstance(refusal, LedgerBusy | LedgerUnavailable):
            await run_in_threadpool(_withdraw, found, asked)
        raise
    proof = await run_in_threadpool(_forget, found, asked, tombstone)
    return _answer(proof, replayed=False)


def _begin(found: Resources, request: Request, wanted: ErasureRequest, reference: Reference | None) -> Asked:
    """Write down what is asked, or find that it was asked before."""
    program_id = request.path_params["program_id"]
    found.program(program_id)
    with found.connection() as connection:
        known = asked_with_key(connection, *reference) if reference else None
        try:
            member = named_member(connection, request)
        except UnknownMember:
            if known is not None and known.program_id == program_id:
                return _same(known, wanted, reference)
            raise
        if known is not None:
            if (known.program_id, known.member_id) != (program_id, member.member_id):
                raise _key_reused(reference)
            return _same(known, wanted, reference)
        before = asked_before(connection, program_id, member.member_id)
        if before is not None:
            return before
        check_standing(member.merged_into, None)
        text = msgspec.json.encode(wanted).decode()
        caller = caller_of(request).principal
        ask(connection, Asked(program_id, member.member_id, text, caller, datetime.now(UTC), None), reference)
        asked = asked_before(connection, program_id, member.member_id)
    if asked is None:
        raise _key_reused(reference)
    return asked


def _same(known: Asked, wanted: ErasureRequest, reference: Reference | None) -> Asked:
    if msgspec.json.decode(known.request, type=ErasureRequest) != wanted:
        raise _key_reused(reference)
    return known


def _key_reused(reference: Reference | None) -> KeyReused:
    source, key = reference or ("", "")
    message = f"{key!r} was used before for a different request; a new effect needs a new key."
    return KeyReused(message, source=source, key=key)


def _withdraw(found: Resources, asked: Asked) -> None:
    with found.connection() as connection:
        withdraw(connection, asked.program_id, asked.member_id)


def _forget(found: Resources, asked: Asked, tombstone: Posted) -> Proof:
    with found.connection() as connection:
        # The totals should tell of the points that were forfeited. A person is forgotten whether or not they do.
        with suppress(ViewBehind):
            found.wait_for(connection, position_token(tombstone))
        return forget(connection, asked, tombstone, found.partition_count, datetime.now(UTC))


def _answer(proof: Proof, *, replayed: bool) -> Response:
    headers = {"Idempotency-Replayed": "true"} if replayed else {}
    return Response(msgspec.json.encode(proof), 200 if replayed else 201, headers, "application/json")
