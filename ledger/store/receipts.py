"""Find what a reference led to, and what came before."""

from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from ledger.archive.cold import folders_of, resolved, whole
from ledger.sql import load_queries
from ledger.store.codec import decode
from ledger.streams import Stream, StreamId

_SQL = load_queries("ledger.store")


def stream_of(connection: Connection[Any], reference: tuple[str, str]) -> StreamId | None:
    """Return the stream on which the effect named by ``(source, key)`` is booked, or ``None`` if it is not."""
    source, key = reference
    row = connection.execute(_SQL["stream_of"], {"source": source, "key": key}, binary=True).fetchone()
    return row[0] if row else None


class Recorded(NamedTuple):
    """An event and its place."""

    partition: int
    stream_id: StreamId
    version: int
    event: Any


def recorded_for(connection: Connection[Any], reference: tuple[str, str]) -> Recorded | None:
    """Return what was recorded for the effect named by ``(source, key)``, or ``None`` if there is nothing."""
    source, key = reference
    rows = connection.execute(_SQL["event_of"], {"source": source, "key": key}, binary=True)
    found = whole(connection, rows, 4)
    if not found:
        return None
    partition, stream_id, version, topic, state = found[0]
    return Recorded(partition, stream_id, version, decode(topic, state))


def state_before(connection: Connection[Any], stream: Stream, recorded: Recorded) -> Any:
    """Return the state of an event's stream as it was before the event; folded afresh, whatever snapshots say."""
    asked = {
        "partition": recorded.partition,
        "stream_id": UUID(bytes=recorded.stream_id),
        "gt": 0,
        "lte": recorded.version - 1,
        "limit": None,
    }
    state = None
    folders = folders_of(connection)
    with connection.cursor(binary=True) as cursor:
        for _, topic, event in cursor.stream(_SQL["stream"], asked):
            state = stream.evolve(state, decode(topic, resolved(folders, event)))
    return state
