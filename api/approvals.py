"""Two pairs of eyes: requests for approval, and deciding them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple
from uuid import UUID, uuid5

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta, Raw, Struct
from msgspec.structs import replace
from psycopg import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.access.caller import caller_of
from api.applying import ESTIMATES, agreed, asked_estimates, asked_for
from api.bodies import body_of
from api.booking import Make, answer, book
from api.changing import instruction
from api.differences import Difference, differences
from api.openapi import CURSOR, LIMIT, PROGRAM, operation, path_parameter, query_parameter
from api.paging import as_json, cursor_of, limit_of, token
from api.program_views import terms_json
from api.resources import Resources, idempotency_references, position_token, resources
from ledger.access.roles import Action
from ledger.approval.decide import ApprovalDecided, ApprovalNeeded, SecondPersonNeeded, UnknownApproval
from ledger.approval.events import ApprovalRequested
from ledger.approval.state import Approval
from ledger.bookkeeping.decide import BooksNotSetUp, PeriodNotClosed, StaleProposal
from ledger.bookkeeping.events import PeriodReopened
from ledger.errors import InvalidInput
from ledger.members.directory import find_member
from ledger.posting.cache import StateCache
from ledger.posting.instruction import Instruction, KeyReused, LedgerBusy, LedgerUnavailable, Posted, Reference
from ledger.program.decide import PublishProgram, StaleVersion, UnknownProgram
from ledger.program.events import ProgramPublished
from ledger.program.state import Program
from ledger.streams import APPROVAL, NAMESPACE, StreamId, approval_stream_id
from projections.books.proposals import StoredProposal, UnknownProposal
from rules.activity import member_address
from rules.instructions import approvals as deciding
from rules.instructions.asking import hashed
from rules.instructions.bookkeeping import keep_books
from rules.instructions.moving import accrue_points, adjust_points, reinstate_points
from rules.requests import AccrualRequest, AdjustmentRequest, ReinstatementRequest

router = APIRouter(prefix="/v1/programs/{program_id}/approvals", tags=["approvals"])

_APPROVAL = path_parameter("approval_id", "As the request was answered.", "8f6a1c0e-9d0b-5c5f-8a52-6f1d2b7a4e10")
_STATUSES = ("pending", "approved", "rejected", "expired")
_NEVER = datetime.max.replace(tzinfo=UTC)


class ApprovalView(Struct, frozen=True):
    """A request for approval."""

    approval_id: str
    kind: str
    """accrual, adjustment, reinstatement, publication, repair, reopening or estimates."""
    status: str
    """pending, approved, rejected or expired."""
    request: Raw
    """What was asked for; the member stands in it by id."""
    requested_by: str
    """The user, or the first key of the family, so that a rotated key is still the same asker."""
    requested_at: datetime
    expires_at: datetime
    decided_by: str
    decided_at: datetime | None
    reason: str
    """Why it was rejected."""
    differences: list[Difference] = []
    """Of an open publication: what the draft changes against the version in force."""


SECOND_PERSON: dict[int, tuple[str, type[Struct] | None]] = {
    202: (
        "The program wants a second person for this: a request for approval was made, and nothing done yet.",
        ApprovalView,
    )
}
"""What an operation says of itself that may come to an approval."""


class ApprovalPage(Struct, frozen=True):
    """Requests, newest first."""

    approvals: list[ApprovalView]
    next_cursor: str | None


class RejectionRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """No."""

    reason: Annotated[str, Meta(max_length=500)] = ""


class AskedPublication(Struct, frozen=True):
    """What is asked for when a draft is to be published."""

    revision: int
    """Of the program, with the draft that is to be published; if somebody changes it, nothing is."""
    effective_from: datetime | None


class AskedReopening(Struct, frozen=True):
    """What is asked for when a closed month is to be opened again."""

    period: str
    version: int
    """Of its closing, in the stream of the books."""
    reason: str


class _Points(NamedTuple):
    decode: Callable[[bytes | str], Any]
    instruct: Callable[..., Instruction]
    own_id: str
    """The field that is unique within the source."""


REPAIR = "repair"
"""Kind of what is asked for by `api.repairs`."""

_POINTS = {
    "accrual": _Points(msgspec.json.Decoder(AccrualRequest).decode, accrue_points, "accrual_id"),
    "adjustment": _Points(msgspec.json.Decoder(AdjustmentRequest).decode, adjust_points, "adjustment_id"),
    "reinstatement": _Points(msgspec.json.Decoder(ReinstatementRequest).decode, reinstate_points, "reinstatement_id"),
}
_PUBLICATION = "publication"
_REOPENING = "reopening"
_ACTIONS = dict.fromkeys(_POINTS, Action.ADJUST) | {
    _PUBLICATION: Action.PUBLISH,
    REPAIR: Action.CLOSE_PERIODS,
    _REOPENING: Action.CLOSE_PERIODS,
    ESTIMATES: Action.CLOSE_PERIODS,
}
"""Of what can be asked for: what whoever agrees must be allowed to do."""

_reopening = msgspec.json.Decoder(AskedReopening).decode
_publication = msgspec.json.Decoder(AskedPublication).decode

_rejection = msgspec.json.Decoder(RejectionRequest).decode


class _Cursor(Struct, array_like=True):
    recorded_at: datetime
    partition: int
    position: int


async def book_or_ask(request: Request, kind: str, asked: Any) -> Response:
    """
    Book something, or ask for approval if the program wants a second person: 202, with the request for approval.

    Args:
        request: As it came.
        kind: Of what is asked for.
        asked: Its body.

    Raises:
        LedgerError: It was refused.
    """
    instruct = _POINTS[kind].instruct

    def make(program_id: str, now: datetime, keys: tuple[Reference, ...]) -> Instruction:
        return instruct(program_id, asked, now, keys=keys)

    try:
        return await book(request, make)
    except ApprovalNeeded:
        return await _ask(request, kind, asked, make)


async def _ask(request: Request, kind: str, asked: Any, make: Make) -> Response:
    found, program_id, now = resources(request), request.path_params["program_id"], datetime.now(UTC)
    original = make(program_id, now, idempotency_references(request))
    named = await run_in_threadpool(_with_member_id, found, program_id, asked)
    own_id = getattr(asked, _POINTS[kind].own_id)
    approval_id = deciding.points_approval_id(program_id, kind, asked.source, own_id)
    return await _record(request, kind, approval_id, named, original.request_hash)


async def ask_to_publish(request: Request, effective_from: datetime | None, revision: int) -> Response:
    """
    Ask for a second person who agrees to publish the draft as it is.

    Args:
        request: As it came.
        effective_from: From when on it is to hold.
        revision: Of the program.
    """
    asked = AskedPublication(revision, effective_from)
    program_id = request.path_params["program_id"]
    request_hash = hashed(_PUBLICATION, program_id, asked)
    approval_id = str(uuid5(NAMESPACE, f"{_PUBLICATION}:{program_id}:{revision}:{effective_from}"))
    return await _record(request, _PUBLICATION, approval_id, asked, request_hash)


async def ask_to_reopen(request: Request, period: str, version: int, reason: str) -> Response:
    """
    Ask for a second person who agrees to open a closed month again.

    Args:
        request: As it came.
        period: The month.
        version: Of its closing; a month that is closed once more is another request.
        reason: Why.
    """
    found, by, now = resources(request), caller_of(request).family, datetime.now(UTC)
    return await _asked(
        request, asked_reopening(request.path_params["program_id"], period, version, reason, by, now), found, now
    )


def asked_reopening(  # noqa: PLR0917  # a record of six fields
    program_id: str, period: str, version: int, reason: str, by: str, at: datetime
) -> ApprovalRequested:
    """Return the request to open a closed month again."""
    asked = AskedReopening(period, version, reason)
    return ApprovalRequested(
        str(uuid5(NAMESPACE, f"{_REOPENING}:{program_id}:{period}:{version}:{reason}")),
        program_id,
        _REOPENING,
        msgspec.json.encode(asked).decode(),
        hashed(_REOPENING, program_id, asked).hex(),
        by,
        at,
        _NEVER,  # the program's policy decides
    )


async def ask_to_apply(request: Request, stored: StoredProposal) -> Response:
    """
    Ask for a second person who agrees to apply a proposal of estimates.

    Args:
        request: As it came.
        stored: The proposal.
    """
    found, by, now = resources(request), caller_of(request).family, datetime.now(UTC)

    def wanted() -> ApprovalRequested:
        with found.connection() as connection:
            return asked_for(connection, found.partition_count, stored, by, now)

    return await _asked(request, await run_in_threadpool(wanted), found, now)


async def _record(request: Request, kind: str, approval_id: str, asked: Struct, request_hash: bytes) -> Response:
    found, program_id, now = resources(request), request.path_params["program_id"], datetime.now(UTC)
    wanted = ApprovalRequested(
        approval_id,
        program_id,
        kind,
        msgspec.json.encode(asked).decode(),
        request_hash.hex(),
        caller_of(request).family,
        now,
        _NEVER,  # the program's policy decides
    )
    return await _asked(request, wanted, found, now)


async def _asked(request: Request, wanted: ApprovalRequested, found: Resources, now: datetime) -> Response:
    program_id = request.path_params["program_id"]
    await found.poster.post(deciding.ask(wanted))
    view = await run_in_threadpool(_view_of, found, program_id, wanted.approval_id, now)
    location = f"/v1/programs/{program_id}/approvals/{wanted.approval_id}"
    return Response(msgspec.json.encode(view), 202, {"Location": location}, "application/json")


def _with_member_id(found: Resources, program_id: str, asked: Any) -> Any:
    """Return the request with the member named by id: an identifier would be personal data in an event."""
    address = member_address(program_id, asked.member)
    if not isinstance(address, tuple):
        return asked
    with found.connection() as connection:
        return replace(asked, member=str(find_member(connection, address)))


@router.get(
    "",
    summary="List requests for approval",
    **operation(
        Action.READ_APPROVALS,
        answer=ApprovalPage,
        parameters=[
            PROGRAM,
            query_parameter("status", "Only these.", {"type": "string", "enum": list(_STATUSES)}),
            LIMIT,
            CURSOR,
        ],
        refusals=[UnknownProgram, InvalidInput, LedgerUnavailable],
    ),
)
def list_approvals(request: Request) -> Response:
    """Return what was asked for and how it was decided, newest first. A page may hold fewer than its limit."""
    found, program_id = resources(request), request.path_params["program_id"]
    limit, before = limit_of(request), cursor_of(request, _Cursor)
    status = request.query_params.get("status")
    if status is not None and status not in _STATUSES:
        raise InvalidInput(f"status is one of {', '.join(_STATUSES)}, not {status!r}.", pointer="/status")
    found.program(program_id)
    now = datetime.now(UTC)
    with found.connection() as connection:
        rows = _requests(connection, before, limit)
        states = _states(found, connection, [stream_id for *_, stream_id in rows])
    views = [_view(one, now) for one in states if one.requested.program_id == program_id]
    last = rows[-1] if len(rows) == limit else None
    return as_json(
        ApprovalPage(
            [view for view in views if status in (None, view.status)],
            token(list(last[:3])) if last else None,
        )
    )


@router.get(
    "/{approval_id}",
    summary="Read a request for approval",
    **operation(
        Action.READ_APPROVALS,
        answer=ApprovalView,
        parameters=[PROGRAM, _APPROVAL],
        refusals=[UnknownProgram, UnknownApproval, LedgerUnavailable],
    ),
)
def read_approval(request: Request) -> Response:
    """Return what was asked for, by whom, and how it was decided."""
    found, path, now = resources(request), request.path_params, datetime.now(UTC)
    view = _view_of(found, path["program_id"], path["approval_id"], now)
    if view.kind == _PUBLICATION and view.status == "pending":
        view = replace(view, differences=_differences(found.fresh_program(path["program_id"]), view.request, now))
    return as_json(view)


@router.post(
    "/{approval_id}/approve",
    summary="Approve a request",
    **operation(
        Action.DECIDE_APPROVALS,
        status=201,
        parameters=[PROGRAM, _APPROVAL],
        answer={"application/json": {"schema": {"type": "object"}}},
        refusals=[
            UnknownProgram,
            UnknownApproval,
            ApprovalDecided,
            SecondPersonNeeded,
            StaleVersion,
            PeriodNotClosed,
            UnknownProposal,
            BooksNotSetUp,
            StaleProposal,
            KeyReused,
            LedgerBusy,
            LedgerUnavailable,
        ],
    ),
)
async def approve(request: Request) -> Response:
    """
    Agree, and have it booked: both or neither, answered as the operation itself would have been.

    Whoever agrees must be allowed to do it themselves, and must be somebody else. If the ledger refuses it now, because
    the points are gone, it says so and the request stays open. Sent again, it is answered again.
    """
    found, path, now = resources(request), request.path_params, datetime.now(UTC)
    caller = caller_of(request)
    approval = await run_in_threadpool(_approval, found, path["program_id"], path["approval_id"])
    requested = approval.requested
    caller.require(_ACTIONS[requested.kind])
    if requested.kind in _POINTS:
        caller.require_source(_POINTS[requested.kind].decode(requested.request).source)
    if requested.kind == REPAIR:
        # The workers carry it out, once the approval's own stream says so.
        keys = idempotency_references(request)
        granting = deciding.grant(requested.program_id, requested.approval_id, caller.family, now, keys=keys)
        return answer(await found.poster.post(granting))
    wanted = await run_in_threadpool(_wanted, found, approval, caller.family, now, idempotency_references(request))
    posted = await found.poster.post(deciding.agree(wanted, requested, caller.family, now))
    if isinstance(posted.event, PeriodReopened):
        return _done(posted, {"period": posted.event.period, "reason": posted.event.reason})
    if requested.kind == ESTIMATES:
        asked = asked_estimates(requested.request)
        return _done(posted, msgspec.to_builtins(asked))
    return _published(posted) if isinstance(posted.event, ProgramPublished) else answer(posted)


@router.post(
    "/{approval_id}/reject",
    summary="Reject a request, or take back one's own",
    **operation(
        None,
        body=RejectionRequest,
        answer=ApprovalView,
        parameters=[PROGRAM, _APPROVAL],
        refusals=[UnknownProgram, UnknownApproval, ApprovalDecided, KeyReused, LedgerBusy, LedgerUnavailable],
        example={"reason": "no such complaint on file"},
    ),
)
async def reject(request: Request) -> Response:
    """Say no; nothing is booked. Whoever asked may take the request back without being allowed to decide others."""
    found, path, now = resources(request), request.path_params, datetime.now(UTC)
    asked = await body_of(request, _rejection)
    caller = caller_of(request)
    approval = await run_in_threadpool(_approval, found, path["program_id"], path["approval_id"])
    if caller.family != approval.requested.requested_by:
        caller.require(Action.DECIDE_APPROVALS)
    program_id, approval_id = path["program_id"], path["approval_id"]
    posted = await found.poster.post(deciding.reject(program_id, approval_id, caller.family, now, asked.reason))
    view = await run_in_threadpool(_view_of, found, program_id, approval_id, now)
    headers = {"Idempotency-Replayed": "true"} if posted.replayed else {"X-Position": position_token(posted)}
    return Response(msgspec.json.encode(view), 200, headers, "application/json")


def _wanted(found: Resources, approval: Approval, by: str, now: datetime, keys: tuple[Reference, ...]) -> Instruction:
    """Return the instruction that does what was asked for, now that somebody agrees."""
    requested = approval.requested
    if requested.kind in _POINTS:
        kind = _POINTS[requested.kind]
        return kind.instruct(requested.program_id, kind.decode(requested.request), now, keys=keys, is_approved=True)
    own = (f"approved:{requested.program_id}", requested.approval_id)
    if requested.kind == _REOPENING:
        month = _reopening(requested.request)
        reopened = PeriodReopened(month.period, requested.requested_by, by, now, month.reason)
        return keep_books(requested.program_id, reopened, (own, *keys))
    if requested.kind == ESTIMATES:
        with found.connection() as connection:
            return agreed(connection, found.partition_count, approval, by, now, keys)
    asked = _publication(requested.request)
    command = PublishProgram(
        asked.effective_from or now, now, requested.requested_by, expected=(asked.revision,), is_approved=True
    )
    return instruction(requested.program_id, command, (), (own, *keys))


def _published(posted: Posted) -> Response:
    return _done(posted, {"version": posted.event.version, "effective_from": posted.event.effective_from})


def _done(posted: Posted, fields: dict[str, Any]) -> Response:
    body = msgspec.json.encode(fields | {"position": position_token(posted), "replayed": posted.replayed})
    headers = {"Idempotency-Replayed": "true"} if posted.replayed else {}
    return Response(body, 200 if posted.replayed else 201, headers, "application/json")


def _approval(found: Resources, program_id: str, approval_id: str) -> Approval:
    found.program(program_id)
    stream_id = approval_stream_id(program_id, approval_id)
    with found.connection() as connection:
        states = _states(found, connection, [stream_id])
    if not states:
        raise UnknownApproval(f"Nobody asked for the approval {approval_id!r}.", pointer="/approval_id")
    return states[0]


def _states(found: Resources, connection: Connection[Any], stream_ids: list[StreamId]) -> list[Approval]:
    if not stream_ids:
        return []
    cache = StateCache(found.partition_count)
    cache.load(connection, dict.fromkeys(stream_ids, APPROVAL))
    states = [cache.entries[stream_id].state for stream_id in stream_ids]
    return [state for state in states if state is not None]


def _requests(
    connection: Connection[Any], before: _Cursor | None, limit: int
) -> list[tuple[datetime, int, int, StreamId]]:
    query = (
        "SELECT recorded_at, partition, position, stream_id FROM ledger.events WHERE topic = 'approval.requested.v1'"
        " AND (%(at)s::timestamptz IS NULL"
        " OR (recorded_at, partition, position) < (%(at)s, %(partition)s, %(position)s))"
        " ORDER BY recorded_at DESC, partition DESC, position DESC LIMIT %(limit)s"
    )
    asked = {
        "at": before and before.recorded_at,
        "partition": before and before.partition,
        "position": before and before.position,
        "limit": limit,
    }
    return [(at, part, place, _id(stream)) for at, part, place, stream in connection.execute(query, asked)]


def _id(stream: UUID) -> StreamId:
    return stream.bytes


def _view_of(found: Resources, program_id: str, approval_id: str, now: datetime) -> ApprovalView:
    return _view(_approval(found, program_id, approval_id), now)


def _view(approval: Approval, now: datetime) -> ApprovalView:
    asked = approval.requested
    return ApprovalView(
        asked.approval_id,
        asked.kind,
        approval.status(now),
        Raw(asked.request.encode()),
        asked.requested_by,
        asked.occurred_at,
        asked.expires_at,
        approval.decided_by,
        approval.decided_at,
        approval.reason,
    )


def _differences(program: Program, request: Raw, now: datetime) -> list[Difference]:
    if program.draft is None or program.revision != _publication(bytes(request)).revision:
        return []  # somebody changed the draft: agreeing to it will say so
    version = program.version_at(now)
    return differences(terms_json(version.terms if version else None), terms_json(program.draft))
