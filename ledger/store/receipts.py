"""Find what a reference led to."""

from typing import Any

from psycopg import Connection

from ledger.sql import load_queries
from ledger.store.codec import decode
from ledger.streams import StreamId

_SQL = load_queries("ledger.store")


def stream_of(connection: Connection[Any], reference: tuple[str, str]) -> StreamId | None:
    """Return the stream on which the effect named by ``(source, key)`` is booked, or ``None`` if it is not."""
    source, key = reference
    row = connection.execute(_SQL["stream_of"], {"source": source, "key": key}, binary=True).fetchone()
    return row[0] if row else None


def event_of(connection: Connection[Any], reference: tuple[str, str]) -> Any | None:
    """Return the event that was recorded for the effect named by ``(source, key)``, or ``None`` if there is none."""
    source, key = reference
    row = connection.execute(_SQL["event_of"], {"source": source, "key": key}, binary=True).fetchone()
    return decode(*row) if row else None
