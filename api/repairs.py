"""Repairs: what a what-if found, looked at first, agreed to by a second person, and booked by the workers."""

from datetime import UTC, datetime
from typing import Annotated, get_args
from uuid import UUID, uuid4

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from psycopg import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.access.caller import caller_of
from api.approvals import REPAIR
from api.bodies import body_of
from api.openapi import CURSOR, LIMIT, PROGRAM, operation, path_parameter, query_parameter
from api.paging import as_json, cursor_of, limit_of, token
from api.problems import NothingToRepair, UnknownRepair, WhatIfUnfinished
from api.resources import idempotency_references, resources
from api.what_ifs import READING, WHAT_IF, what_if_of
from ledger.access.roles import Action
from ledger.approval.events import ApprovalRequested
from ledger.errors import InvalidInput
from ledger.posting.instruction import KeyReused, LedgerBusy
from projections.whatifs.repairing import (
    Chosen,
    NewRepair,
    Repair,
    Repaired,
    RepairedCursor,
    chosen_points,
    read_repair,
    read_repaired,
    read_repairs,
    store_repair,
)
from projections.whatifs.rows import WhatIf, all_to_repair, decode_points, id_of_key
from rules.activity import check_text
from rules.instructions import approvals as deciding
from rules.instructions.asking import hashed

router = APIRouter(prefix="/v1/programs/{program_id}/what-ifs/{what_if_id}/repairs", tags=["what-ifs"])


class RepairRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a what-if found shall be booked."""

    reason: Annotated[str, Meta(min_length=1, max_length=500, description="For people. Nothing personal.")]
    only: Chosen = "all"
    """``winners`` get what they would have more, ``losers`` lose what they would have less, ``all`` is both."""
    may_overdraw: bool = False
    """What losers do not have any more, they owe. Otherwise nothing is taken from them, and the report says so."""


class RepairPreview(Struct, frozen=True):
    """What a repair would book."""

    only: str
    account_count: int
    given_points: dict[str, int]
    """By point currency."""
    taken_points: dict[str, int]


class RepairView(Struct, frozen=True):
    """A repair."""

    repair_id: str
    what_if_id: str
    status: str
    """``waiting`` for a second person, ``running``, ``done``, or ``rejected`` by that person."""
    approval: str
    """Where it is agreed to."""
    only: str
    may_overdraw: bool
    reason: str
    account_count: int
    points: dict[str, int]
    """By point currency, what is given less what is taken."""
    done_count: int
    """Of entries, one per account and point currency."""
    posted_count: int
    replayed_count: int
    """An earlier repair of the same what-if had booked them."""
    skipped_count: int
    """Something happened on these accounts since; ask another what-if, and repair what it finds."""
    refused_count: int
    asked_by: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class RepairList(Struct, frozen=True):
    """Repairs of a what-if, oldest first."""

    repairs: list[RepairView]


class RepairedView(Struct, frozen=True):
    """What became of an account."""

    member_id: str
    account_id: str
    result: str
    """``posted``, ``replayed``, ``skipped`` or ``refused``."""
    point_currency: str
    points: int
    """Given, or taken if below zero."""
    adjustment_id: str
    """Under which it is booked, with the source ``repair``."""
    position: str
    slug: str
    """Why it was not booked."""
    detail: str


class RepairedPage(Struct, frozen=True):
    """In the order of the accounts' ids."""

    entries: list[RepairedView]
    next_cursor: str | None


_request = msgspec.json.Decoder(RepairRequest).decode
_NEVER = datetime.max.replace(tzinfo=UTC)
_RESULTS = ("posted", "replayed", "skipped", "refused")
_REPAIR = path_parameter("repair_id", "As it was answered.", "5a0c3a43-5a0e-4f5b-8f0e-6f3a6a1d9c55")
_ONLY = query_parameter(
    "only", "Which differences.", {"type": "string", "enum": list(get_args(Chosen)), "default": "all"}
)


@router.get(
    "/preview",
    summary="Look at what a repair would book",
    **operation(
        Action.READ_BOOKS,
        answer=RepairPreview,
        parameters=[PROGRAM, WHAT_IF, _ONLY],
        refusals=[*READING, WhatIfUnfinished],
    ),
)
def preview(request: Request) -> Response:
    """Return how many accounts a repair would be about, and the points that it would give and take."""
    only = request.query_params.get("only", "all")
    what_if = _finished(what_if_of(request))
    with resources(request).connection() as connection:
        return as_json(_preview(connection, what_if.what_if_id, _chosen(only)))


@router.post(
    "",
    summary="Ask for a repair",
    **operation(
        Action.CLOSE_PERIODS,
        body=RepairRequest,
        answer=RepairView,
        status=202,
        parameters=[PROGRAM, WHAT_IF],
        refusals=[*READING, WhatIfUnfinished, NothingToRepair, KeyReused, LedgerBusy],
        example={"reason": "weekend bonus was switched off by mistake in March", "only": "winners"},
    ),
)
async def ask(request: Request) -> Response:
    """
    Ask a second person to agree; then the workers book one adjustment per account and point currency.

    Whatever was booked stays as it is. An account on which anything was recorded since the what-if is skipped.
    """
    asked = await body_of(request, _request)
    check_text(reason=asked.reason)
    repair = await run_in_threadpool(_store, request, asked)
    found = resources(request)
    await found.poster.post(deciding.ask(_approval(request, repair)))
    location = f"{request.url.path}/{repair.repair_id}"
    return Response(msgspec.json.encode(_view(repair)), 202, {"Location": location}, "application/json")


def _store(request: Request, asked: RepairRequest) -> Repair:
    what_if = _finished(what_if_of(request))
    references, program_id = idempotency_references(request), what_if.program_id
    with resources(request).connection() as connection:
        found = _preview(connection, what_if.what_if_id, asked.only)
        if not found.account_count:
            raise NothingToRepair(f"The what-if found no {asked.only if asked.only != 'all' else 'differences'}.")
        points = {
            code: found.given_points.get(code, 0) + found.taken_points.get(code, 0)
            for code in sorted({*found.given_points, *found.taken_points})
        }
        new = NewRepair(
            id_of_key(f"repair:{what_if.what_if_id}", program_id, *references[0]) if references else uuid4(),
            what_if.what_if_id,
            program_id,
            caller_of(request).family,
            hashed("repair", what_if.what_if_id, asked),
            asked.reason,
            asked.only,
            asked.may_overdraw,
            found.account_count,
            points,
        )
        return store_repair(connection, new)


def _approval(request: Request, repair: Repair) -> ApprovalRequested:
    view = {
        "what_if_id": repair.what_if_id,
        "only": repair.chosen,
        "may_overdraw": repair.may_overdraw,
        "reason": repair.reason,
        "account_count": repair.account_count,
        "points": decode_points(repair.points),
    }
    return ApprovalRequested(
        str(repair.repair_id),
        repair.program_id,
        REPAIR,
        msgspec.json.encode(view).decode(),
        repair.request_sha256.hex(),
        caller_of(request).family,
        datetime.now(UTC),
        _NEVER,  # the program's policy decides
    )


@router.get(
    "",
    summary="List the repairs of a what-if",
    **operation(Action.READ_BOOKS, answer=RepairList, parameters=[PROGRAM, WHAT_IF], refusals=READING),
)
def list_repairs(request: Request) -> Response:
    """Return repairs, oldest first."""
    what_if = what_if_of(request)
    with resources(request).connection() as connection:
        return as_json(RepairList([_view(one) for one in read_repairs(connection, what_if.what_if_id)]))


@router.get(
    "/{repair_id}",
    summary="Read a repair",
    **operation(
        Action.READ_BOOKS,
        answer=RepairView,
        parameters=[PROGRAM, WHAT_IF, _REPAIR],
        refusals=[*READING, UnknownRepair],
    ),
)
def read_one(request: Request) -> Response:
    """Return how far a repair is."""
    return as_json(_view(_repair(request)))


@router.get(
    "/{repair_id}/entries",
    summary="Read what a repair booked",
    **operation(
        Action.READ_BOOKS,
        answer=RepairedPage,
        parameters=[
            PROGRAM,
            WHAT_IF,
            _REPAIR,
            query_parameter("result", "Only these.", {"type": "string", "enum": list(_RESULTS)}),
            LIMIT,
            CURSOR,
        ],
        refusals=[*READING, UnknownRepair],
    ),
)
def entries(request: Request) -> Response:
    """Return what became of each account and point currency: booked, or why not."""
    limit, after = limit_of(request), cursor_of(request, RepairedCursor)
    result = request.query_params.get("result")
    if result not in {None, *_RESULTS}:
        raise InvalidInput(f"result is one of {', '.join(_RESULTS)}, not {result!r}.", pointer="/result")
    repair = _repair(request)
    with resources(request).connection() as connection:
        rows = read_repaired(connection, repair.repair_id, result, after, limit)
    last = rows[-1] if len(rows) == limit else None
    cursor = token([last.account_id, last.point_currency]) if last else None
    return as_json(RepairedPage([_entry(repair, one) for one in rows], cursor))


def _preview(connection: Connection[object], what_if_id: UUID, only: Chosen) -> RepairPreview:
    count = 0
    given: dict[str, int] = {}
    taken: dict[str, int] = {}
    for found in all_to_repair(connection, what_if_id):
        points = chosen_points(found, only)
        count += bool(points)
        for code, number in points.items():
            side = given if number > 0 else taken
            side[code] = side.get(code, 0) + number
    return RepairPreview(only, count, given, taken)


def _as_chosen(text: str) -> Chosen:
    chosen: Chosen = msgspec.convert(text, Chosen)
    return chosen


def _chosen(text: str) -> Chosen:
    try:
        return _as_chosen(text)
    except msgspec.ValidationError:
        message = f"only is one of {', '.join(get_args(Chosen))}, not {text!r}."
        raise InvalidInput(message, pointer="/only") from None


def _finished(what_if: WhatIf) -> WhatIf:
    if what_if.status != "done":
        raise WhatIfUnfinished(f"The what-if is {what_if.status}; only one that is done can be repaired.")
    return what_if


def _repair(request: Request) -> Repair:
    what_if = what_if_of(request)
    try:
        repair_id = UUID(request.path_params["repair_id"])
    except ValueError:
        raise UnknownRepair("A repair's id is a UUID; see the Location it was answered with.") from None
    with resources(request).connection() as connection:
        repair = read_repair(connection, repair_id)
    if repair is None or repair.what_if_id != what_if.what_if_id:
        raise UnknownRepair(f"The what-if {what_if.what_if_id} has no repair {repair_id}.")
    return repair


def _view(repair: Repair) -> RepairView:
    return RepairView(
        str(repair.repair_id),
        str(repair.what_if_id),
        repair.status,
        f"/v1/programs/{repair.program_id}/approvals/{repair.repair_id}",
        repair.chosen,
        repair.may_overdraw,
        repair.reason,
        repair.account_count,
        decode_points(repair.points),
        repair.done_count,
        repair.posted_count,
        repair.replayed_count,
        repair.skipped_count,
        repair.refused_count,
        repair.principal,
        repair.created_at,
        repair.started_at,
        repair.ended_at,
    )


def _entry(repair: Repair, one: Repaired) -> RepairedView:
    return RepairedView(
        str(one.member_id),
        str(one.account_id),
        one.result,
        one.point_currency,
        one.points,
        f"{repair.what_if_id}:{one.account_id}:{one.point_currency}",
        one.position,
        one.slug,
        one.detail,
    )
