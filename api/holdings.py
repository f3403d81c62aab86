"""What members hold beside their points: reservations, tiers and vouchers."""

from typing import Any

from fastapi import APIRouter, Request
from msgspec import Struct
from psycopg import Connection
from starlette.responses import Response

from api.looking_back import AS_AT, AS_OF, asks_back, look_back
from api.openapi import CURSOR, LIMIT, MEMBER, MIN_POSITION, PROGRAM, operation, query_parameter
from api.paging import REFUSALS, VersionCursor, as_json, cursor_of, flag_of, limit_of, read_shown, token
from ledger.access.roles import Action
from ledger.streams import StreamId
from projections.holds import HoldRow, read_holds
from projections.tiers import TierRow, VoucherRow, read_tiers, read_vouchers

router = APIRouter(prefix="/v1/programs/{program_id}/members/{member}", tags=["accounts"])


class HoldPage(Struct, frozen=True):
    """Holds, newest first."""

    holds: list[HoldRow]
    next_cursor: str | None
    position: str


class TierList(Struct, frozen=True):
    """The tier held on each ladder; ladders on which none is held are left out."""

    tiers: list[TierRow]
    position: str


class VoucherPage(Struct, frozen=True):
    """Vouchers, newest first."""

    vouchers: list[VoucherRow]
    next_cursor: str | None
    position: str


@router.get(
    "/holds",
    summary="Read a member's holds",
    **operation(
        Action.READ_ACCOUNTS,
        answer=HoldPage,
        parameters=[
            PROGRAM,
            MEMBER,
            query_parameter("with_resolved", "Also those that are resolved.", {"type": "boolean", "default": False}),
            LIMIT,
            CURSOR,
            AS_OF,
            AS_AT,
            MIN_POSITION,
        ],
        refusals=REFUSALS,
    ),
)
def holds(request: Request) -> Response:
    """Return points that are reserved, newest first; on request also what became of earlier ones."""
    limit, before = limit_of(request), cursor_of(request, VersionCursor)
    with_resolved = flag_of(request, "with_resolved")

    if asks_back(request):
        past, _, position = look_back(request)
        wanted = [one for one in past.holds if one.status == "open" or with_resolved]
        rows = [one for one in wanted if before is None or one.version < before.version][:limit]
    else:
        rows, position = _holds_now(request, limit, before, with_resolved=with_resolved)
    return as_json(HoldPage(rows, token([rows[-1].version, 0]) if len(rows) == limit else None, position))


def _holds_now(
    request: Request, limit: int, before: VersionCursor | None, *, with_resolved: bool
) -> tuple[list[HoldRow], str]:
    def read(connection: Connection[Any], account_id: StreamId, partition_count: int) -> list[HoldRow]:
        version = before.version if before else None
        return read_holds(
            connection, account_id, partition_count, with_resolved=with_resolved, before=version, limit=limit
        )

    return read_shown(request, read)


@router.get(
    "/tiers",
    summary="Read a member's tiers",
    **operation(
        Action.READ_ACCOUNTS,
        answer=TierList,
        parameters=[PROGRAM, MEMBER, AS_OF, AS_AT, MIN_POSITION],
        refusals=REFUSALS,
    ),
)
def tiers(request: Request) -> Response:
    """Return the tier held on each ladder, since when, and until when."""
    if asks_back(request):
        past, _, position = look_back(request)
        return as_json(TierList(past.tiers, position))
    rows, position = read_shown(request, read_tiers)
    return as_json(TierList(rows, position))


@router.get(
    "/vouchers",
    summary="Read a member's vouchers",
    **operation(
        Action.READ_ACCOUNTS,
        answer=VoucherPage,
        parameters=[PROGRAM, MEMBER, LIMIT, CURSOR, MIN_POSITION],
        refusals=REFUSALS,
    ),
)
def vouchers(request: Request) -> Response:
    """Return what lapsed points were turned into, newest first."""
    limit, before = limit_of(request), cursor_of(request, VersionCursor)

    def read(connection: Connection[Any], account_id: StreamId, partition_count: int) -> list[VoucherRow]:
        version = before.version if before else None
        return read_vouchers(connection, account_id, partition_count, before=version, limit=limit)

    rows, position = read_shown(request, read)
    return as_json(VoucherPage(rows, token([rows[-1].version, 0]) if len(rows) == limit else None, position))
