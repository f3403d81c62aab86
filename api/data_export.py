"""Everything that is held about a person, for the person."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from psycopg import Connection
from starlette.responses import Response

from api.auditing import record_sensitive_read
from api.openapi import MEMBER, MIN_POSITION, PROGRAM, operation
from api.people import CHANGING, IdentifierBody, named_member
from api.problems import ViewBehind
from api.resources import Resources, resources
from ledger.access.roles import Action
from ledger.dates import local_date, time_zone
from ledger.members.directory import identifiers_of
from ledger.members.people import Member, check_standing, read_profile
from ledger.members.profile import Profile
from ledger.program.state import Program
from ledger.store.partitions import partition_of
from ledger.streams import StreamId
from projections.balances import AccountRow, read_accounts
from projections.lots import LotRow, read_lots
from projections.purchases import PurchaseRow, read_purchases
from projections.timeline import TimelineRow, read_timeline
from projections.tracking import shown_position

router = APIRouter(prefix="/v1/programs/{program_id}/members/{member}", tags=["members"])

_PAGE = 1000
_LINE_LIMIT = 100_000
"""Of each list; an answer is held in memory."""

T = TypeVar("T")


class DataExport(Struct, frozen=True):
    """Everything that is held about a member."""

    program_id: str
    exported_at: datetime
    member: Member
    profile: Profile
    """With the consents."""
    profile_changed_at: datetime | None
    identifiers: list[IdentifierBody]
    account: AccountRow | None
    lots: list[LotRow]
    purchases: list[PurchaseRow]
    timeline: list[TimelineRow]
    is_complete: bool
    """Whether all lists are whole; each has at most 100,000 lines."""
    position: str
    """Everything up to here is in it."""


@router.get(
    "/data-export",
    summary="Export everything about a member",
    **operation(
        Action.READ_PROFILES,
        answer=DataExport,
        parameters=[PROGRAM, MEMBER, MIN_POSITION],
        refusals=[*CHANGING, ViewBehind],
    ),
)
def export(request: Request) -> Response:
    """Return profile, identifiers, consents, account, purchases and timeline. The reading is recorded."""
    found, program_id = resources(request), request.path_params["program_id"]
    program = found.program(program_id)
    now = datetime.now(UTC)
    with found.connection() as connection:
        found.wait_for(connection, request.query_params.get("min_position"))
        member = named_member(connection, request)
        check_standing(member.merged_into, member.erased_at)
        view = _export(connection, found, program, member, now)
    record_sensitive_read(request, "data-export", [member.member_id])
    return Response(msgspec.json.encode(view), 200, {"Cache-Control": "no-store"}, "application/json")


def _export(
    connection: Connection[Any], found: Resources, program: Program, member: Member, now: datetime
) -> DataExport:
    account_id, count = member.account_id.bytes, found.partition_count
    program_id, on = program.program_id, local_date(now, time_zone(program.timezone))
    partition = partition_of(account_id, count)
    position = shown_position(connection, partition)
    stored = read_profile(connection, program_id, member.member_id)
    identifiers = identifiers_of(connection, program_id, member.member_id)
    lots, purchases, timeline = _lists(connection, account_id, count)
    return DataExport(
        program_id,
        now,
        member,
        stored.profile,
        stored.changed_at,
        [IdentifierBody(kind, value) for _, kind, value in identifiers],
        read_accounts(connection, [account_id], on, count).get(account_id),
        lots,
        purchases,
        timeline,
        max(len(lots), len(purchases), len(timeline)) < _LINE_LIMIT,
        f"{partition}:{position}",
    )


def _lists(
    connection: Connection[Any], account_id: StreamId, count: int
) -> tuple[list[LotRow], list[PurchaseRow], list[TimelineRow]]:
    def lots(last: LotRow | None) -> list[LotRow]:
        after = (last.expires_on, last.earned_on, last.lot) if last else None
        return read_lots(connection, account_id, count, with_used=True, after=after, limit=_PAGE)

    def purchases(last: PurchaseRow | None) -> list[PurchaseRow]:
        return read_purchases(connection, account_id, count, before=last.version if last else None, limit=_PAGE)

    def timeline(last: TimelineRow | None) -> list[TimelineRow]:
        before = (last.version, last.line) if last else None
        return read_timeline(connection, account_id, count, before=before, limit=_PAGE)

    return _all(lots), _all(purchases), _all(timeline)


def _all(read: Callable[[T | None], list[T]]) -> list[T]:
    rows: list[T] = []
    while len(rows) < _LINE_LIMIT:
        page = read(rows[-1] if rows else None)
        rows += page
        if len(page) < _PAGE:
            break
    return rows
