"""What members have: balances, lots, purchases, and the story of the account."""

from datetime import UTC, date, datetime
from typing import Any

from fastapi import APIRouter, Request
from msgspec import Struct
from psycopg import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.looking_back import AS_AT, AS_OF, asks_back, look_back, page_of_lots
from api.openapi import CURSOR, LIMIT, MEMBER, MIN_POSITION, PROGRAM, operation, query_parameter
from api.paging import REFUSALS, VersionCursor, as_json, cursor_of, flag_of, limit_of, read_shown, token
from api.resources import Resources, resources
from api.tiers import as_of
from ledger.access.roles import Action
from ledger.dates import local_date, time_zone
from ledger.members.directory import UnknownMember
from ledger.streams import StreamId
from projections.balances import BalanceRow
from projections.lots import LotRow, read_lots
from projections.purchases import PurchaseRow, read_purchases
from projections.timeline import TimelineRow, read_timeline
from rules.activity import member_address

router = APIRouter(prefix="/v1/programs/{program_id}/members/{member}", tags=["accounts"])


class AccountView(Struct, frozen=True):
    """A member's account on a date."""

    program_id: str
    member_id: str
    account_id: str
    opened_on: date
    status: str
    """``open``, ``earn_only``, ``suspended`` or ``closed``."""
    merged_into: str
    """The member whose account took over a closed one; empty if none did."""
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
    **operation(
        Action.READ_ACCOUNTS,
        answer=AccountView,
        parameters=[PROGRAM, MEMBER, AS_OF, AS_AT, MIN_POSITION],
        refusals=REFUSALS,
    ),
)
async def account(request: Request) -> Response:
    """Return the balances of every point currency: available, promised, held, lapsed, owed, and how they came about."""
    found, program_id = resources(request), request.path_params["program_id"]
    program = found.known_program(program_id)
    if program is None:
        program = await run_in_threadpool(found.program, program_id)
    today = local_date(datetime.now(UTC), time_zone(program.timezone))
    if "as_at" in request.query_params or (as_of(request) or today) != today:
        return as_json(await run_in_threadpool(_as_it_was, request))
    if "min_position" in request.query_params:
        await run_in_threadpool(_wait, found, request.query_params["min_position"])
    row = await found.accounts.read(member_address(program_id, request.path_params["member"]), today)
    if row is None:
        raise _not_shown(program_id)
    return as_json(
        AccountView(
            program_id,
            str(row.member_id),
            str(row.account_id),
            row.opened_on,
            row.status,
            row.merged_into,
            row.as_of,
            row.balances,
            f"{row.partition}:{row.position}",
        ),
    )


@router.get(
    "/lots",
    summary="Read a member's lots",
    **operation(
        Action.READ_ACCOUNTS,
        answer=LotPage,
        parameters=[
            PROGRAM,
            MEMBER,
            query_parameter("with_used", "Also lots with no points left.", {"type": "boolean", "default": False}),
            LIMIT,
            CURSOR,
            AS_OF,
            AS_AT,
            MIN_POSITION,
        ],
        refusals=REFUSALS,
    ),
)
def lots(request: Request) -> Response:
    """Return where the points came from and when they lapse, in the order in which they will be used."""
    limit, after = limit_of(request), cursor_of(request, _LotCursor)
    with_used = flag_of(request, "with_used")

    if asks_back(request):
        past, _, position = look_back(request)
        rows: list[LotRow] = page_of_lots([lot for lot in past.lots if lot.open_points or with_used], after, limit)
    else:
        rows, position = _lots_now(request, limit, after, with_used=with_used)
    last = rows[-1] if len(rows) == limit else None
    next_cursor = token([last.expires_on, last.earned_on, last.lot]) if last else None
    return as_json(LotPage(rows, next_cursor, position))


def _lots_now(request: Request, limit: int, after: "_LotCursor | None", *, with_used: bool) -> tuple[list[LotRow], str]:
    def read(connection: Connection[Any], account_id: StreamId, partition_count: int) -> list[LotRow]:
        cursor = (after.expires_on, after.earned_on, after.lot) if after else None
        return read_lots(connection, account_id, partition_count, with_used=with_used, after=cursor, limit=limit)

    return read_shown(request, read)


@router.get(
    "/purchases",
    summary="Read a member's purchases",
    **operation(
        Action.READ_ACCOUNTS,
        answer=PurchasePage,
        parameters=[PROGRAM, MEMBER, LIMIT, CURSOR, MIN_POSITION],
        refusals=REFUSALS,
    ),
)
def purchases(request: Request) -> Response:
    """Return what was bought and what it earned, newest booking first."""
    limit, before = limit_of(request), cursor_of(request, VersionCursor)

    def read(connection: Connection[Any], account_id: StreamId, partition_count: int) -> list[PurchaseRow]:
        version = before.version if before else None
        return read_purchases(connection, account_id, partition_count, before=version, limit=limit)

    rows, position = read_shown(request, read)
    return as_json(PurchasePage(rows, token([rows[-1].version, 0]) if len(rows) == limit else None, position))


@router.get(
    "/timeline",
    summary="Read everything that happened to a member's account",
    **operation(
        Action.READ_ACCOUNTS,
        answer=TimelinePage,
        parameters=[PROGRAM, MEMBER, LIMIT, CURSOR, MIN_POSITION],
        refusals=REFUSALS,
    ),
)
def timeline(request: Request) -> Response:
    """Return the story of the account, newest booking first, each line with the balance after it."""
    limit, before = limit_of(request), cursor_of(request, VersionCursor)

    def read(connection: Connection[Any], account_id: StreamId, partition_count: int) -> list[TimelineRow]:
        cursor = (before.version, before.line) if before else None
        return read_timeline(connection, account_id, partition_count, before=cursor, limit=limit)

    rows, position = read_shown(request, read)
    last = rows[-1] if len(rows) == limit else None
    return as_json(TimelinePage(rows, last and token([last.version, last.line]), position))


class _LotCursor(Struct, array_like=True):
    expires_on: date | None
    earned_on: date
    lot: int


def _as_it_was(request: Request) -> AccountView:
    account, cut, position = look_back(request)
    return AccountView(
        request.path_params["program_id"],
        str(account.member_id),
        str(account.account_id),
        account.opened_on,
        account.status,
        account.merged_into,
        cut.as_of,
        account.balances,
        position,
    )


def _wait(found: Resources, position: str) -> None:
    with found.connection() as connection:
        found.wait_for(connection, position)


def _not_shown(program_id: str) -> UnknownMember:
    message = (
        f"No account of {program_id!r} is shown for this member; if it was opened a moment ago, ask with the "
        "min_position the enrolment answered."
    )
    return UnknownMember(message, pointer="/member")
