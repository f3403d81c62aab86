"""The event store behind the recorder interfaces of the `eventsourcing` library."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing import persistence
from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    Notification,
    PersistenceError,
    StoredEvent,
    Subscription,
)
from psycopg import Connection, errors
from psycopg_pool import ConnectionPool

from ledger.archive.cold import whole
from ledger.sql import load_queries
from ledger.store.append import append, lock_heads
from ledger.store.chain import NewEvent
from ledger.store.partitions import partition_of
from ledger.store.subscription import PartitionSubscription

Pool = ConnectionPool[Connection[Any]]
"""Of connections in autocommit mode, as the application role."""

_SQL = load_queries("ledger.store")

_LAST = 2**63 - 1
"""Largest position or version there can be."""

_VERSION_TAKEN = ("events_stream_version_v1", "snapshots_stream_version_v1")
"""Constraints that tell one writer that another was faster. Shards of a distributed table append a number."""

_TRANSLATIONS: tuple[tuple[type[psycopg.Error], type[PersistenceError]], ...] = (
    (psycopg.InterfaceError, persistence.InterfaceError),
    (psycopg.DataError, persistence.DataError),
    (psycopg.OperationalError, persistence.OperationalError),
    (psycopg.InternalError, persistence.InternalError),
    (psycopg.ProgrammingError, persistence.ProgrammingError),
    (psycopg.NotSupportedError, persistence.NotSupportedError),
    (psycopg.Error, persistence.DatabaseError),
)


class PartitionRecorder(ApplicationRecorder):
    """
    One partition as an application sequence: notification ids are its positions.

    Nothing is retried. When the connection is lost, nobody but the caller knows whether events that are there now
    are its own; inserting them again says `IntegrityError` if they are.
    """

    def __init__(self, pool: Pool, partition: int = 0, partition_count: int = 1) -> None:
        """
        Args:
            pool: May read and append.
            partition: The one to record in.
            partition_count: Of the ledger; events of streams that live elsewhere are turned away.
        """
        self._pool = pool
        self._partition = partition
        self._partition_count = partition_count

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """
        Append events.

        Returns:
            Their positions.

        Raises:
            IntegrityError: A stream has an event of that version; nothing was written.
            ProgrammingError: A stream does not live in this partition; nothing was written.
            NotSupportedError: Tracking was to be recorded with them, which is the business of views.
        """
        if kwargs.get("tracking") is not None:
            raise persistence.NotSupportedError("Views keep their own tracking; see projections.")
        if not stored_events:
            return None
        events = [self._new_event(stored) for stored in stored_events]
        with _connection(self._pool) as connection:
            heads = lock_heads(connection, [self._partition])
            append(connection, heads, {self._partition: events}, {})
        position = heads[self._partition].position
        return list(range(position + 1, position + 1 + len(events)))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Return events of one stream, by version."""
        statement = "stream_backwards" if desc else "stream"
        return _select(self._pool, statement, self._partition, originator_id, gt=gt, lte=lte, limit=limit)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Return events of the partition, by position."""
        asked = {
            "partition": self._partition,
            "after": 0 if start is None else start - inclusive_of_start,
            "last": _LAST if stop is None else stop,
            "topics": list(topics) or None,
            "limit": limit,
        }
        with _connection(self._pool) as connection:
            rows = whole(connection, connection.execute(_SQL["notifications"], asked, binary=True), 4)
        return [
            Notification(id=position, originator_id=stream_id, originator_version=version, topic=topic, state=state)
            for position, stream_id, version, topic, state in rows
        ]

    def max_notification_id(self) -> int | None:
        """Return the position of the last event, or ``None`` if there is none."""
        with _connection(self._pool) as connection:
            row = connection.execute(_SQL["last_position"], {"partition": self._partition}).fetchone()
        return (row and row[0]) or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Return an iterator over the events after position ``gt``, and those yet to come."""
        return PartitionSubscription(self, gt, topics)

    def _new_event(self, stored: StoredEvent) -> NewEvent:
        stream_id = _uuid(stored.originator_id).bytes
        home = partition_of(stream_id, self._partition_count)
        if home != self._partition:
            message = f"Stream {stored.originator_id} lives in partition {home}, not in {self._partition}."
            raise persistence.ProgrammingError(message)
        return stream_id, stored.originator_version, stored.topic.encode(), stored.state


class SnapshotRecorder(AggregateRecorder):
    """The cache of states, which may be emptied at any time."""

    def __init__(self, pool: Pool, partition_count: int = 1) -> None:
        """
        Args:
            pool: May read and insert snapshots.
            partition_count: Of the ledger.
        """
        self._pool = pool
        self._partition_count = partition_count

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> None:  # noqa: ARG002  # the library's interface
        """
        Store snapshots, all or none.

        Raises:
            IntegrityError: There is one of that stream and version.
        """
        rows = [
            {
                "partition": self._partition_of(stored.originator_id),
                "stream_id": _uuid(stored.originator_id),
                "version": stored.originator_version,
                "topic": stored.topic,
                "state": stored.state,
            }
            for stored in stored_events
        ]
        with _connection(self._pool) as connection, connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(_SQL["insert_snapshot"], rows)

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Return snapshots of one stream, by version."""
        statement = "snapshots_backwards" if desc else "snapshots"
        partition = self._partition_of(originator_id)
        return _select(self._pool, statement, partition, originator_id, gt=gt, lte=lte, limit=limit)

    def _partition_of(self, originator_id: UUID | str) -> int:
        return partition_of(_uuid(originator_id).bytes, self._partition_count)


def _select(
    pool: Pool,
    statement: str,
    partition: int,
    originator_id: UUID | str,
    *,
    gt: int | None,
    lte: int | None,
    limit: int | None,
) -> list[StoredEvent]:
    stream_id = _uuid(originator_id)
    asked = {
        "partition": partition,
        "stream_id": stream_id,
        "gt": -1 if gt is None else gt,
        "lte": _LAST if lte is None else lte,
        "limit": limit,
    }
    with _connection(pool) as connection:
        rows = whole(connection, connection.execute(_SQL[statement], asked, binary=True), 2)
    return [StoredEvent(stream_id, version, topic, state) for version, topic, state in rows]


def _uuid(originator_id: UUID | str) -> UUID:
    return originator_id if isinstance(originator_id, UUID) else UUID(originator_id)


@contextmanager
def _connection(pool: Pool) -> Iterator[Connection[Any]]:
    """Lend a connection, and tell in the library's words what goes wrong with it."""
    try:
        with pool.connection() as connection:
            yield connection
    except psycopg.Error as error:
        raise _translated(error) from error


def _translated(error: psycopg.Error) -> PersistenceError:
    if isinstance(error, errors.UniqueViolation) and (error.diag.constraint_name or "").startswith(_VERSION_TAKEN):
        return persistence.IntegrityError(str(error))
    return next(theirs for ours, theirs in _TRANSLATIONS if isinstance(error, ours))(str(error))
