"""
Taking the bulk of old events out of the database, and bringing it back.

Order makes it safe to be killed anywhere: the archive is on the disk and verified; who confirmed it is an event; then,
page by page, states are written to a pack, the pack is on the disk, and references take their place, together with a
snapshot of each account, so that posting needs no archive. Run again, it goes on with what is still there.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import Connection

from ledger.archive.cold import folders_of, read_states
from ledger.archive.decide import decide
from ledger.archive.events import ArchiveEvent, BulkRemoved
from ledger.archive.packs import PackWriter
from ledger.posting.cache import StateCache
from ledger.posting.instruction import Instruction
from ledger.posting.snapshots import store_snapshots
from ledger.sql import load_queries
from ledger.streams import ACCOUNT, ARCHIVE, StreamId, archive_stream_id

_SQL = load_queries("ledger.archive")
_PAGE = 5_000
_LOWEST = bytes(16)


class Bulk(Struct, frozen=True):
    """What could leave."""

    until: dict[int, int]
    """By partition: the last position concerned."""
    event_count: int
    byte_count: int
    """Of their states in the database, compressed as it compresses them or not."""


def bulk_of(connection: Connection[Any], ends: dict[int, int], before: datetime | None) -> Bulk:
    """
    Return what is in the database and in an archive.

    Args:
        connection: To read with.
        ends: By partition: the last position that the archive has.
        before: Only what was recorded before then.
    """
    until, events, size = dict(ends), 0, 0
    for partition, last in ends.items():
        asked = {"partition": partition, "last": last, "before": before}
        if before is not None:
            row = connection.execute(_SQL["last_before"], asked).fetchone()
            until[partition] = row[0] if row else 0
        row = connection.execute(_SQL["bulk"], asked | {"last": until[partition]}).fetchone()
        if row is not None:
            events, size = events + row[0], size + row[1]
    return Bulk(until, events, size)


def archive_number(owner: Connection[Any], folder: Path) -> int:
    """Return the number of an archive, giving it one if it has none."""
    asked = {"folder": str(folder.resolve())}
    row = owner.execute(_SQL["archive_at"], asked).fetchone() or owner.execute(_SQL["add_archive"], asked).fetchone()
    assert row is not None
    number: int = row[0]
    return number


def link_at(connection: Connection[Any], partition: int, position: int) -> str:
    """Return the link of an event in hex; empty before the first."""
    row = connection.execute(_SQL["link_at"], {"partition": partition, "position": position}).fetchone()
    return row[0] if row else ""


def on_record(event: ArchiveEvent) -> Instruction:
    """Return the instruction that records what a person confirmed."""
    key = sha256(repr(event).encode())
    return Instruction(
        ARCHIVE,
        archive_stream_id(),
        (("archive", key.hexdigest()),),
        key.digest(),
        lambda state: decide(state, event),
    )


def remove(owner: Connection[Any], confirmed: BulkRemoved, folder: Path, partition_count: int) -> Iterator[int]:
    """
    Let references take the place of states.

    Args:
        owner: Of the schema, in autocommit mode; the application's role may not change events.
        confirmed: What a person confirmed, and what is on record.
        folder: The archive, verified, with the number that it has in ``confirmed``.
        partition_count: Of the ledger.

    Yields:
        How many events were dealt with so far.
    """
    make_durable(folder)
    count = 0
    for name, last in sorted(confirmed.until.items()):
        partition = int(name)
        owner.execute(_SQL["allow"], {"partition": partition, "position": last})
        pack = PackWriter(folder, confirmed.archive, partition)
        try:
            for rows in _bulky(owner, partition, last):
                _exchange(owner, partition, rows, _packed(pack, rows), partition_count)
                count += len(rows)
                yield count
        finally:
            pack.close()
    owner.execute("VACUUM ledger.events")


def bring_back(owner: Connection[Any], until: dict[str, int]) -> Iterator[int]:
    """
    Let states take the place of references; each is accepted only as the one that its link was taken over.

    Args:
        owner: Of the schema, in autocommit mode.
        until: By partition: the last position concerned.

    Yields:
        How many events were dealt with so far.

    Raises:
        ArchiveAway: An archive cannot be read.
    """
    folders, count = folders_of(owner), 0
    for name, last in sorted(until.items()):
        asked: dict[str, Any] = {"partition": int(name), "after": 0, "last": last, "limit": _PAGE}
        while rows := owner.execute(_SQL["referring"], asked, binary=True).fetchall():
            states = read_states(folders, [row[3] for row in rows])
            _put(owner, int(name), rows, states)
            asked["after"] = rows[-1][2]
            count += len(rows)
            yield count
    owner.execute(_SQL["forbid"])


def move(owner: Connection[Any], number: int, folder: Path) -> bool:
    """Note where an archive is now; return whether there is one of that number."""
    return bool(owner.execute(_SQL["move_archive"], {"number": number, "folder": str(folder.resolve())}).rowcount)


def make_durable(folder: Path) -> None:
    """Make sure that an archive survives a power cut: its files, and their names."""
    for file in [*folder.iterdir(), folder]:
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


_Row = tuple[StreamId, int, int, bytes]
"""Stream, version, position, state."""


def _bulky(owner: Connection[Any], partition: int, last: int) -> Iterator[Sequence[_Row]]:
    asked: dict[str, Any] = {"partition": partition, "last": last, "limit": _PAGE}
    stream_id, version = _LOWEST, 0
    while True:
        after = asked | {"stream_id": UUID(bytes=stream_id), "version": version}
        rows = owner.execute(_SQL["bulky"], after, binary=True).fetchall()
        if not rows:
            return
        yield rows
        stream_id, version = rows[-1][:2]


def _packed(pack: PackWriter, rows: Sequence[_Row]) -> list[bytes]:
    references: list[bytes] = []
    for _, group in groupby(rows, itemgetter(0)):
        of_stream = list(group)
        references += pack.add([position for _, _, position, _ in of_stream], [state for *_, state in of_stream])
    pack.flush()
    return references


def _exchange(
    owner: Connection[Any], partition: int, rows: Sequence[_Row], references: Sequence[bytes], partition_count: int
) -> None:
    cache = StateCache(partition_count)
    cache.load(owner, {stream_id: ACCOUNT for stream_id, *_ in rows})
    with owner.transaction():
        store_snapshots(owner, list(cache.entries.items()), partition_count)
        _put(owner, partition, rows, references)


def _put(owner: Connection[Any], partition: int, rows: Sequence[_Row], states: Sequence[bytes]) -> None:
    asked = {
        "partition": partition,
        "stream_ids": [UUID(bytes=stream_id) for stream_id, *_ in rows],
        "versions": [version for _, version, *_ in rows],
        "states": list(states),
    }
    owner.execute(_SQL["exchange"], asked)
