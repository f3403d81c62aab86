"""What happened on a stream, newest first; and which programs there are."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from ledger.sql import load_queries
from ledger.store.codec import decode
from ledger.store.partitions import partition_of
from ledger.streams import StreamId

_SQL = load_queries("ledger.store")
_PAGE = 20


class Told(NamedTuple):
    """An event, its place in its stream, and when it was recorded."""

    version: int
    recorded_at: datetime
    event: Any


def newest_first(
    connection: Connection[Any], stream_id: StreamId, partition_count: int, *, before: int | None, limit: int
) -> list[Told]:
    """
    Return events of a stream, newest first.

    Args:
        connection: To read with.
        stream_id: Whose events.
        partition_count: Of the ledger.
        before: Only events of an earlier version than this.
        limit: How many at most.
    """
    asked = {
        "partition": partition_of(stream_id, partition_count),
        "stream_id": UUID(bytes=stream_id),
        "before": before,
        "limit": limit,
    }
    rows = connection.execute(_SQL["newest_first"], asked, binary=True)
    return [Told(version, recorded_at, decode(topic, state)) for version, topic, state, recorded_at in rows]


def backwards(connection: Connection[Any], stream_id: StreamId, partition_count: int, before: int) -> Iterator[Told]:
    """Give the events before a version, newest first, reading no further than they are asked for."""
    while page := newest_first(connection, stream_id, partition_count, before=before, limit=_PAGE):
        yield from page
        before = page[-1].version


def created_programs(connection: Connection[Any], *, after: str | None, only: Sequence[str], limit: int) -> list[str]:
    """
    Return ids of programs, in their order.

    Args:
        connection: To read with.
        after: Only ids behind this one.
        only: The only ones looked for; empty for all.
        limit: How many at most.
    """
    asked = {"after": after, "only": list(only) or None, "limit": limit}
    return [program_id for (program_id,) in connection.execute(_SQL["created_programs"], asked)]
