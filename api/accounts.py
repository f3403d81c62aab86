"""What members have: balances, lots, purchases, and the story of the account."""

import base64
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from psycopg import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.openapi import CURSOR, LIMIT, MEMBER, MIN_POSITION, PROGRAM, operation, query_parameter
from api.problems import ViewBehind
from api.resources import Resources, resources
from api.tiers import as_of
from ledger.dates import local_date, time_zone
from ledger.errors import InvalidInput, LedgerError
from ledger.members.directory import UnknownMember
from ledger.posting.instruction import LedgerUnavailable
from ledger.program.decide import UnknownProgram
from ledger.store.partitions import partition_of
from ledger.streams import StreamId
from projections.balances import BalanceRow
from projections.lots import LotRow, read_lots
from projections.purchases import PurchaseRow, read_purchases
from projections.timeline import TimelineRow, read_timeline
from projections.tracking import shown_position
from rules.activity import member_address

router = APIRouter(prefix="/v1/programs/{program_id}/members/{member}", tags=["accounts"])

MAX_LIMIT = 1000

_REFUSALS: list[type[LedgerError]] = [UnknownProgram, UnknownMember, InvalidInput, ViewBehind, LedgerUnavailable]
_AS_OF = query_parameter(
    "as_of",
    "Program-local date to tell what is available on; absent: today. Only dates are applied: what was booked since "
    "is in the figures.",
    {"type": "string", "format": "date"},
)


class AccountView(Struct, frozen=True):
    """A member's account on a date."""

    program_id: str
    member_id: str
    account_id: str
    opened_on: date
    as_of: date
    balances: list[BalanceRow]
    position: str
    """Everything up to here is in the figures."""


class LotPage(Struct, frozen=True):
    """Lots in the order in which they will be used."""

    lots: list[LotRow]
    next_cursor: str | None
    position: str


class PurchasePage(Struct, frozen=True):
    """Purchases, newest booking first."""

    purchases: list[PurchaseRow]
    next_cursor: str | None
    position: str


class TimelinePage(Struct, frozen=True):
    """Everything that happened, newest booking first."""

    lines: list[TimelineRow]
    next_cursor: str | None
    position: str


@router.get(
    "/account",
    summary="Read a member's account",
    **operation(answer=AccountView, parameters=[PROGRAM, MEMBER, _AS_OF, MIN_POSITION], refusals=_REFUSALS),
)
async def account(request: Request) -> Response:
    """Return the balances of every point currency: available, promised, lapsed, and where they came from."""
    found, program_id = resources(request), request.path_params["program_id"]
    program = found.known_program(program_id)
    if program is None:
        program = await run_in_threadpool(found.program, program_id)
    if "min_position" in request.query_params:
        await run_in_threadpool(_wait, found, request.query_params["min_position"])
    on = as_of(request) or local_date(datetime.now(UTC), time_zone(program.timezone))
    row = await found.accounts.read(member_address(program_id, request.path_params["member"]), on)
    if row is None:
        raise _not_shown(program_id)
    return _json(
        AccountView(
            program_id,
            str(row.member_id),
            str(row.account_id),
            row.opened_on,
            row.as_of,
            row.balances,
            f"{row.partition}:{row.position}",
        ),
    )


@router.get(
    "/lots",
    summary="Read a member's lots",
    **operation(
        answer=LotPage,
        parameters=[
            PROGRAM,
            MEMBER,
            query_parameter("with_used", "Also lots with no points left.", {"type": "boolean", "default": False}),
            LIMIT,
            CURSOR,
            MIN_POSITION,
        ],
        refusals=_REFUSALS,
    ),
)
def lots(request: Request) -> Response:
    """Return where the points came from and when they lapse, in the order in which they will be used."""
    limit, after = _limit(request), _cursor(request, _LotCursor)
    with_used = request.query_params.get("with_used") in ("true", "1")

    def read(connection: Connection[Any], account_id: StreamId, partition_count: int) -> list[LotRow]:
        cursor = (after.expires_on, after.earned_on, after.lot) if after else None
        return read_lots(connection, account_id, partition_count, with_used=with_used, after=cursor, limit=limit)

    rows, position = _read(request, read)
    last = rows[-1] if len(rows) == limit else None
    return _json(LotPage(rows, last and _token([last.expires_on, last.earned_on, last.lot]), position))


@router.get(
    "/purchases",
    summary="Read a member's purchases",
    **operation(answer=PurchasePage, parameters=[PROGRAM, MEMBER, LIMIT, CURSOR, MIN_POSITION], refusals=_REFUSALS),
)
def purchases(request: Request) -> Response:
    """Return what was bought and what it earned, newest booking first."""
    limit, before = _limit(request), _cursor(request, _VersionCursor)

    def read(connection: Connection[Any], account_id: StreamId, partition_count: int) -> list[PurchaseRow]:
        version = before.version if before else None
        return read_purchases(connection, account_id, partition_count, before=version, limit=limit)

    rows, position = _read(request, read)
    return _json(PurchasePage(rows, _token([rows[-1].version, 0]) if len(rows) == limit else None, position))


@router.get(
    "/timeline",
    summary="Read everything that happened to a member's account",
    **operation(answer=TimelinePage, parameters=[PROGRAM, MEMBER, LIMIT, CURSOR, MIN_POSITION], refusals=_REFUSALS),
)
def timeline(request: Request) -> Response:
    """Return the story of the account, newest booking first, each line with the balance after it."""
    limit, before = _limit(request), _cursor(request, _VersionCursor)

    def read(connection: Connection[Any], account_id: StreamId, partition_count: int) -> list[TimelineRow]:
        cursor = (before.version, before.line) if before else None
        return read_timeline(connection, account_id, partition_count, before=cursor, limit=limit)

    rows, position = _read(request, read)
    last = rows[-1] if len(rows) == limit else None
    return _json(TimelinePage(rows, last and _token([last.version, last.line]), position))


class _LotCursor(Struct, array_like=True):
    expires_on: date | None
    earned_on: date
    lot: int


class _VersionCursor(Struct, array_like=True):
    version: int
    line: int


def _read(request: Request, read: Any) -> tuple[Any, str]:
    """Find the account, wait for the views if asked to, and return rows with the position they show."""
    found, program_id = resources(request), request.path_params["program_id"]
    found.program(program_id)
    with found.connection() as connection:
        found.wait_for(connection, request.query_params.get("min_position"))
        account_id = found.account_of(connection, program_id, request.path_params["member"])
        partition = partition_of(account_id, found.partition_count)
        # The position is read first: the rows may show more than it says, never less.
        position = shown_position(connection, partition)
        return read(connection, account_id, found.partition_count), f"{partition}:{position}"


def _wait(found: Resources, position: str) -> None:
    with found.connection() as connection:
        found.wait_for(connection, position)


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", "100")
    if not (text.isdecimal() and 1 <= int(text) <= MAX_LIMIT):
        raise InvalidInput(f"limit is a number from 1 to {MAX_LIMIT}, not {text!r}.", pointer="/limit")
    return int(text)


def _token(values: list[Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")


def _cursor(request: Request, kind: Any) -> Any:
    text = request.query_params.get("cursor")
    if text is None:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=kind)
    except (ValueError, msgspec.MsgspecError):
        raise InvalidInput("The cursor is not one of ours; take it from next_cursor.", pointer="/cursor") from None


def _not_shown(program_id: str) -> UnknownMember:
    message = (
        f"No account of {program_id!r} is shown for this member; if it was opened a moment ago, ask with the "
        "min_position the enrolment answered."
    )
    return UnknownMember(message, pointer="/member")


def _json(view: Struct) -> Response:
    return Response(msgspec.json.encode(view), media_type="application/json")
