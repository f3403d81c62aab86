"""Member statements whose every entry is proved to be in a signed checkpoint."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from psycopg import Connection
from starlette.responses import Response

from api.checkpoints import CHECKPOINT, sealed_of
from api.openapi import CURSOR, LIMIT, MEMBER, MIN_POSITION, PROGRAM, operation, query_parameter
from api.paging import REFUSALS, as_json, cursor_of, limit_of, token
from api.resources import Resources, resources, uuid_text
from ledger.access.roles import Action
from ledger.audit.checkpoint import Sealed
from ledger.audit.errors import LedgerNotWhole, UnknownCheckpoint
from ledger.audit.proving import Prover
from ledger.audit.reading import SpelledEvent, events_of
from ledger.dates import time_zone
from ledger.errors import InvalidInput
from ledger.signing import Envelope, PublishedKey
from ledger.store.partitions import partition_of
from ledger.streams import StreamId
from projections.timeline import TimelineRow, read_lines_of

router = APIRouter(prefix="/v1/programs/{program_id}/members/{member}", tags=["audit"])

FORMAT = "khaywe.statement.v1"
_DATE = {"type": "string", "format": "date"}


class StatementEntry(Struct, frozen=True):
    """One event of the account, in a form that can be read, and in one that can be proved."""

    position: int
    version: int
    lines: list[TimelineRow]
    """What it did to each point currency."""
    previous: str
    """The link of the event before it in the ledger, in hex."""
    row: str
    """The bytes of the event that its link is taken over, in hex; the event itself is in them, as JSON."""
    link: str
    """``sha256(previous || row)``, in hex."""
    proof: list[str]
    """From the leaf to the root of the partition's tree, in hex."""


class StatementView(Struct, frozen=True):
    """A statement that can be verified without asking anybody."""

    format: str
    program_id: str
    account_id: str
    partition: int
    entries: list[StatementEntry]
    """Newest first."""
    next_cursor: str | None
    checkpoint: Envelope
    keys: tuple[PublishedKey, ...]


@router.get(
    "/statement",
    summary="Read a statement that proves itself",
    **operation(
        Action.READ_ACCOUNTS,
        answer=StatementView,
        parameters=[
            PROGRAM,
            MEMBER,
            query_parameter("from", "Only what was booked on or after this program-local date.", _DATE),
            query_parameter("to", "Only what was booked before this program-local date.", _DATE),
            CHECKPOINT,
            LIMIT,
            CURSOR,
            MIN_POSITION,
        ],
        refusals=[*REFUSALS, UnknownCheckpoint, LedgerNotWhole],
    ),
)
def statement(request: Request) -> Response:
    """
    Return what was booked, each entry with the proof that it is in a signed checkpoint.

    Save the answer, and verify it with the script that lies beside every archive: ``verify_archive.py --statement
    FILE --key KEY``. What was booked after the checkpoint is not in it.
    """
    found, limit, cursor = resources(request), limit_of(request), cursor_of(request, tuple[int])
    program_id = request.path_params["program_id"]
    zone = time_zone(found.program(program_id).timezone)
    since, until = (_midnight(request, name, zone) for name in ("from", "to"))
    with found.connection() as connection:
        found.wait_for(connection, request.query_params.get("min_position"))
        account_id = found.account_of(connection, program_id, request.path_params["member"])
    sealed = sealed_of(found, request.query_params.get("checkpoint"))
    partition = partition_of(account_id, found.partition_count)
    size = sealed.checkpoint.tree(partition).size
    with found.connection() as connection:
        events = events_of(
            connection,
            partition,
            account_id,
            size,
            since=since,
            until=until,
            before=cursor[0] if cursor else 2**62,
            limit=limit,
        )
        entries = _entries(found, connection, sealed, account_id, events)
    return as_json(
        StatementView(
            FORMAT,
            program_id,
            uuid_text(account_id),
            partition,
            entries,
            token([entries[-1].version]) if len(entries) == limit else None,
            msgspec.json.decode(sealed.envelope, type=Envelope),
            found.signing_keys.published,
        )
    )


def _entries(
    found: Resources, connection: Connection[object], sealed: Sealed, account_id: StreamId, events: list[SpelledEvent]
) -> list[StatementEntry]:
    if not events:
        return []
    partition = partition_of(account_id, found.partition_count)
    prover = Prover(connection, sealed.checkpoint, partition)
    lines: dict[int, list[TimelineRow]] = {}
    for line in read_lines_of(connection, account_id, found.partition_count, events[-1].version, events[0].version):
        lines.setdefault(line.version, []).append(line)
    return [
        StatementEntry(
            event.position,
            event.version,
            lines.get(event.version, []),
            event.previous.hex(),
            event.row.hex(),
            event.link.hex(),
            [node.hex() for node in prover.inclusion(event.position, event.link)],
        )
        for event in events
    ]


def _midnight(request: Request, name: str, zone: ZoneInfo) -> datetime | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(), zone)
    except ValueError:
        raise InvalidInput(f"{name} is a date such as 2026-01-31, not {text!r}.", pointer=f"/{name}") from None
