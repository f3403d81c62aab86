"""Events as the chain spells them."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import Connection

from ledger.archive.cold import folders_of, respelled
from ledger.archive.packs import is_reference
from ledger.archive.segments import take_apart
from ledger.audit.errors import NotInCheckpoint
from ledger.sql import load_queries
from ledger.store.chain import GENESIS
from ledger.streams import StreamId

_SQL = load_queries("ledger.audit")


class SpelledEvent(Struct, frozen=True):
    """An event in the bytes that its link is taken over."""

    position: int
    version: int
    previous: bytes
    """The link before it."""
    row: bytes
    link: bytes


def event_at(connection: Connection[Any], partition: int, position: int) -> SpelledEvent:
    """
    Return the event at a position.

    Raises:
        NotInCheckpoint: There is none.
    """
    asked = {"partition": partition, "position": position}
    found = connection.execute(_SQL["event_at"], asked, binary=True).fetchone()
    if found is None:
        raise NotInCheckpoint(f"There is no event at {partition}:{position}.", pointer="/position")
    return _spelled(connection, found)


def events_of(
    connection: Connection[Any],
    partition: int,
    stream_id: StreamId,
    size: int,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int = 2**62,
    limit: int = 100,
) -> list[SpelledEvent]:
    """
    Return events of one stream, newest first.

    Args:
        connection: To the database.
        partition: Of the stream.
        stream_id: Which.
        size: Last position that a checkpoint has.
        since: Only what was recorded from then on.
        until: Only what was recorded before then.
        before: Only versions below this one.
        limit: How many at most.
    """
    asked = {
        "partition": partition,
        "stream_id": stream_id.hex(),
        "size": size,
        "since": since,
        "until": until,
        "before": before,
        "limit": limit,
    }
    rows = connection.execute(_SQL["events_of"], asked, binary=True).fetchall()
    return [_spelled(connection, found) for found in rows]


def _spelled(connection: Connection[Any], found: tuple[Any, ...]) -> SpelledEvent:
    position, version, previous, row, link = found
    if is_reference(take_apart(row).state):
        row = respelled(folders_of(connection), row)
    return SpelledEvent(position, version, previous or GENESIS, row, link)
