"""Write snapshots of streams that have grown, outside the transaction that everybody waits for."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import structlog
from psycopg import Connection

from ledger.posting.cache import Entry, StateCache
from ledger.sql import load_queries
from ledger.store.partitions import partition_of
from ledger.streams import StreamId

_SQL = load_queries("ledger.store")
_log = structlog.get_logger(__name__)


def write_snapshots(
    connection: Connection[Any],
    cache: StateCache,
    stream_ids: Iterable[StreamId],
    partition_count: int,
) -> None:
    """Store the states of those streams that grew enough since their last snapshot. Losing one costs only time."""
    due = cache.due_snapshots(stream_ids)
    if not due:
        return
    try:
        with connection.transaction():
            connection.execute("SET LOCAL synchronous_commit = off")
            store_snapshots(connection, due, partition_count)
    except psycopg.Error as error:
        _log.warning("snapshots_skipped", snapshot_count=len(due), error=str(error).strip())


def store_snapshots(connection: Connection[Any], due: Sequence[tuple[StreamId, Entry]], partition_count: int) -> None:
    """Store states in place of older ones, within the caller's transaction."""
    rows = [
        {
            "partition": partition_of(stream_id, partition_count),
            "stream_id": UUID(bytes=stream_id),
            "version": entry.version,
            "topic": entry.stream.snapshot_topic,
            "state": msgspec.json.encode(entry.state),
        }
        for stream_id, entry in due
        if entry.version > entry.snapshot_version
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_SQL["add_snapshot"], rows)
        cursor.executemany(_SQL["drop_older_snapshots"], rows)
    for _, entry in due:
        entry.snapshot_version = entry.version
