"""The record of access: who was allowed what, who signed in, and who read what is not everybody's."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from psycopg import Connection
from starlette.responses import Response

from api.access.caller import Caller, caller_of
from api.auditing import record_sensitive_read
from api.openapi import CURSOR, LIMIT, operation, query_parameter
from api.paging import as_json, cursor_of, limit_of, token
from api.resources import resources
from ledger.access.events import Grant
from ledger.access.roles import Action
from ledger.errors import InvalidInput
from ledger.posting.instruction import LedgerBusy, LedgerUnavailable
from ledger.sql import load_queries
from ledger.streams import ACCESS, access_stream_id

router = APIRouter(prefix="/v1/access", tags=["access"])

_SQL = load_queries("api.access")
_TOPICS = {event_type.TOPIC for event_type in ACCESS.event_types}  # type: ignore[attr-defined]  # every event has one
_object = msgspec.json.Decoder(dict[str, Any]).decode


class _Cursor(Struct, array_like=True):
    recorded_at: datetime
    partition: int
    position: int


class AccessEntry(Struct, frozen=True):
    """One thing that happened, as the ledger has it: chained with everything else, and never changed."""

    position: str
    recorded_at: datetime
    kind: str
    principal: str
    """Whom it is about: the key, or the user; for a reading, who read."""
    details: dict[str, Any]


class AccessLog(Struct, frozen=True):
    """What happened, newest first."""

    entries: list[AccessEntry]
    next_cursor: str | None


@router.get(
    "/log",
    summary="Read the record of access",
    **operation(
        Action.READ_ACCESS,
        answer=AccessLog,
        parameters=[
            query_parameter("principal", "Only this key or user, such as key:khaywe_v5TObnQ1.", {"type": "string"}),
            query_parameter("kind", "Only this kind.", {"type": "string", "enum": sorted(_TOPICS)}),
            LIMIT,
            CURSOR,
        ],
        refusals=[InvalidInput, LedgerBusy, LedgerUnavailable],
    ),
)
def log(request: Request) -> Response:
    """
    Return who was allowed what and by whom, who signed in or failed to, and who read what is not everybody's.

    That you read it is recorded, too. Names are ids: no address and no name is in the record. Who is limited reads of
    those who are limited alike, so a page may hold fewer than its limit.
    """
    limit, before = limit_of(request), cursor_of(request, _Cursor)
    principal, kind = request.query_params.get("principal"), request.query_params.get("kind")
    if kind is not None and kind not in _TOPICS:
        raise InvalidInput(f"{kind!r} is none of: {', '.join(sorted(_TOPICS))}.", pointer="/kind")
    asked = {
        "limit": limit,
        "before_at": before and before.recorded_at,
        "before_partition": before and before.partition,
        "before_position": before and before.position,
        "stream_id": UUID(bytes=access_stream_id(principal)) if principal else None,
        "topic": kind,
    }
    with resources(request).connection() as connection:
        rows = connection.execute(_SQL["log"], asked).fetchall()
        entries = _seen(connection, caller_of(request), [_entry(*row) for row in rows])
    last = rows[-1] if len(rows) == limit else None
    record_sensitive_read(request, "access-log", (), len(entries))
    return as_json(AccessLog(entries, token([last[5], last[0], last[1]]) if last else None))


def _seen(connection: Connection[Any], caller: Caller, entries: list[AccessEntry]) -> list[AccessEntry]:
    """Leave out whom the caller would not find among keys and users, and what those did when they were less limited."""
    if not (caller.programs or caller.partners or caller.stores):
        return entries
    asked = {"principals": list({entry.principal for entry in entries})}
    rows = connection.execute(_SQL["grants"], asked)
    known = {principal for principal, *grant in rows if caller.sees(Grant(*grant))}
    return [entry for entry in entries if entry.principal in known and _is_within(caller, entry.details)]


def _is_within(caller: Caller, details: dict[str, Any]) -> bool:
    program_id, grant = details.get("program_id"), details.get("grant")
    if program_id and caller.programs and program_id not in caller.programs:
        return False
    return grant is None or caller.sees(msgspec.convert(grant, Grant))


def _entry(  # the columns
    partition: int, position: int, _: UUID, topic: str, state: bytes, recorded_at: datetime
) -> AccessEntry:
    details = _object(state)
    return AccessEntry(f"{partition}:{position}", recorded_at, topic, details.pop("principal"), details)
