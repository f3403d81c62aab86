"""States of recently used streams, kept coherent with the log."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg import Connection

from ledger.archive.cold import whole
from ledger.members.directory import IdentifierCache
from ledger.sql import joined, load_queries
from ledger.store.codec import decode
from ledger.store.partitions import partition_of
from ledger.streams import Stream, StreamId

_SQL = load_queries("ledger.store")

_FORGET_ALL = 100_000
"""If others wrote more events than this meanwhile, starting afresh is cheaper than asking which streams changed."""


_SNAPSHOT_EVERY = 100
"""Events between two snapshots of a stream, at least; for a long one, a fifth of its events."""


class Entry(Struct):
    """One stream as of its newest event."""

    stream: Stream
    state: Any = None
    version: int = 0
    snapshot_version: int = 0
    last_used: int = 0
    """The cache's count of batches when this was last asked for."""

    def fold(self, event: Any) -> None:
        """Take in the stream's next event."""
        self.state = self.stream.evolve(self.state, event)
        self.version += 1


class StateCache:
    """
    Least-recently-used states, bounded by the events folded into them.

    Coherence: the cache knows up to which position of each partition it has seen everything. What it writes itself
    moves that position; what others write is noticed by `catch_up`, which forgets the streams they changed.
    """

    def __init__(self, partition_count: int, capacity: int = 1_000_000) -> None:
        """
        Args:
            partition_count: Of the ledger.
            capacity: Sum of the versions of all cached streams, as a measure of memory; about 250 bytes each.
        """
        self.seen: dict[int, int] = {}
        self.entries: dict[StreamId, Entry] = {}
        self.identifiers = IdentifierCache()
        self._partition_count = partition_count
        self._capacity = capacity
        self._weight = 0
        self.batch_count = 0
        """Batches so far; what an entry's ``last_used`` counts in."""

    def clear(self) -> None:
        """Drop everything, also what is known about positions and identifiers."""
        self.seen.clear()
        self.entries.clear()
        self.identifiers = IdentifierCache()
        self._weight = 0

    def forget(self, stream_ids: Iterable[StreamId]) -> None:
        """Drop these streams; the next `load` reads them afresh."""
        for stream_id in stream_ids:
            self.entries.pop(stream_id, None)

    def shrink(self, folded_count: int) -> None:
        """
        Drop the least recently used streams if the rest no longer fits. Called between batches, never during one.

        Args:
            folded_count: Events that were folded since the last call.
        """
        self.batch_count += 1
        self._weight += folded_count
        if self._weight <= self._capacity:
            return
        self._weight = sum(entry.version for entry in self.entries.values())
        for stream_id, entry in sorted(self.entries.items(), key=lambda item: item[1].last_used):
            if self._weight <= self._capacity * 9 // 10:
                break
            del self.entries[stream_id]
            self._weight -= entry.version

    def catch_up(self, connection: Connection[Any], positions: Mapping[int, int]) -> None:
        """
        Forget every stream that somebody else appended to.

        Args:
            connection: To ask which streams those are, if there are any.
            positions: Where the partitions end now.
        """
        changed: set[StreamId] = set()
        for partition, position in positions.items():
            seen = self.seen.get(partition)
            if seen is None or position - seen > _FORGET_ALL:
                changed.update(
                    stream_id
                    for stream_id in self.entries
                    if partition_of(stream_id, self._partition_count) == partition
                )
            elif position > seen:
                rows = connection.execute(_SQL["changed_streams"], {"partition": partition, "after": seen})
                changed.update(stream_id for (stream_id,) in rows)
            self.seen[partition] = position
        self.forget(changed)

    def load(self, connection: Connection[Any], streams: Mapping[StreamId, Stream]) -> None:
        """Make sure that these streams are cached, reading those that are not in one round trip."""
        missing: dict[StreamId, Entry] = {}
        entries, now = self.entries, self.batch_count
        for stream_id, stream in streams.items():
            entry = entries.get(stream_id)
            if entry is None:
                entry = missing[stream_id] = entries[stream_id] = Entry(stream)
            entry.last_used = now
        if missing:
            self._read(connection, missing)

    def _read(self, connection: Connection[Any], missing: dict[StreamId, Entry]) -> None:
        partitions = [str(partition_of(stream_id, self._partition_count)) for stream_id in missing]
        rows = connection.execute(
            _SQL["streams"],
            {
                "partitions": joined(partitions),
                "stream_ids": joined([str(UUID(bytes=stream_id)) for stream_id in missing]),
                "snapshot_topics": joined([entry.stream.snapshot_topic for entry in missing.values()]),
            },
            binary=True,
        )
        entries = list(missing.values())
        for ordinal, version, topic, state, is_snapshot in whole(connection, rows, 3):
            entry = entries[ordinal - 1]
            if is_snapshot:
                entry.state = msgspec.json.decode(state, type=entry.stream.state_type)
                entry.version = entry.snapshot_version = version
                self._weight += version
            else:
                entry.fold(decode(topic, state))
                self._weight += 1

    def due_snapshots(self, stream_ids: Iterable[StreamId]) -> list[tuple[StreamId, Entry]]:
        """Return those of the streams whose states grew enough since their last snapshot to be worth another."""
        due = []
        entries = self.entries
        for stream_id in stream_ids:
            entry = entries.get(stream_id)
            if entry is not None:
                grown_count = entry.version - entry.snapshot_version
                if grown_count >= _SNAPSHOT_EVERY and grown_count >= entry.version // 5:
                    due.append((stream_id, entry))
        return due
