"""Whole streams, for the few decisions that need more than the state."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from psycopg import Connection

from ledger.archive.cold import whole
from ledger.sql import joined, load_queries
from ledger.store.codec import decode
from ledger.store.partitions import partition_of
from ledger.streams import StreamId

_SQL = load_queries("ledger.store")


def read_histories(
    connection: Connection[Any],
    stream_ids: Collection[StreamId],
    partition_count: int,
) -> dict[StreamId, list[Any]]:
    """Return the events of streams, oldest first, in one round trip."""
    wanted = list(stream_ids)
    rows = connection.execute(
        _SQL["histories"],
        {
            "partitions": joined([str(partition_of(stream_id, partition_count)) for stream_id in wanted]),
            "stream_ids": joined([str(UUID(bytes=stream_id)) for stream_id in wanted]),
        },
        binary=True,
    )
    histories: dict[StreamId, list[Any]] = {stream_id: [] for stream_id in wanted}
    for ordinal, topic, state in whole(connection, rows, 2):
        histories[wanted[ordinal - 1]].append(decode(topic, state))
    return histories
