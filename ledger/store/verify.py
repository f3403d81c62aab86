"""
Prove that a partition's log is whole: nothing is missing, changed, or out of order.

Every link is computed afresh from the stored bytes and compared with the stored one. What this cannot notice by
itself is a log whose end was cut off together with its head, or that was rewritten from some event to its end, links
and all: for that, keep the last `Progress` somewhere else, and go on from there the next time.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from struct import Struct as Layout
from typing import Any

from msgspec import Struct
from psycopg import Connection, Copy

from ledger.archive.cold import ArchiveAway, folders_of, removed_until, respelled
from ledger.archive.segments import NoRow
from ledger.sql import joined, load_queries
from ledger.store.chain import GENESIS, microseconds
from ledger.streams import StreamId

_SQL = load_queries("ledger.store")

_PAGE_SIZE = 50_000
"""Events per statement: a longer one would keep the server from tidying up behind the writers."""

_REMEMBERED_STREAMS = 200_000
"""Streams whose last version is kept in memory, twice over; about 40 MB."""

_FRONT = Layout(">14xq4x16s4xq")
"""Position, stream id and version; what stands before and between them are lengths, and the partition asked for."""

_STAMP = Layout(">q")
_HEADER_LENGTH = 19
_TRAILER = b"\xff\xff"


class ChainBroken(Exception):  # not a refusal: somebody changed the database behind the ledger's back, or we have a bug
    """The log is not what was recorded."""

    def __init__(self, partition: int, position: int, reason: str) -> None:
        """
        Args:
            partition: Where.
            position: The first position that is not as it was recorded.
            reason: What is wrong with it.
        """
        super().__init__(f"Partition {partition}, position {position}: {reason}")
        self.partition = partition
        self.position = position
        self.reason = reason


class Progress(Struct, frozen=True):
    """How far a partition is verified; kept elsewhere, a checkpoint to go on from."""

    partition: int
    position: int
    """Of the last event verified."""
    hash: bytes
    """Its link, which stands for everything up to it."""
    end_position: int
    """Where this verification will end."""


class _Head(Struct, frozen=True):
    position: int
    hash: bytes
    recorded_at: datetime
    last_position: int
    """Of the last event there is, whatever the head says."""


_First = tuple[int, StreamId, int]
"""Position, stream id and version of an event whose stream is not remembered."""


def verify_chain(
    connection: Connection[Any],
    partition: int,
    *,
    after: int = 0,
    previous: bytes = GENESIS,
    until: int | None = None,
    on_links: Callable[[list[bytes]], None] = lambda _: None,
) -> Iterator[Progress]:
    """
    Read a partition and check it, a page at a time, with flat memory. Writers are not disturbed.

    Checked are: positions without gaps, every link, times that never run backwards, each stream's versions in order
    and without gaps, and the head.

    Args:
        connection: In autocommit mode; may read events and heads.
        partition: To be verified.
        after: Position up to which it was verified before.
        previous: The link at that position.
        until: Last position to look at; ``None``: all there is now, and the head. Ranges of one partition may be
            verified side by side, each beginning with the link that is stored where it begins.
        on_links: Told the links of each page that was verified.

    Yields:
        Progress after each page, and at least once.

    Raises:
        ChainBroken: At the first position that is not as it was recorded.
    """
    head = _head(connection, partition)
    walk = _Walk(connection, partition, after, previous, _stamp(connection, partition, after, previous))
    end = head.position if until is None else until
    while True:
        on_links(walk.read_page(min(walk.position + _PAGE_SIZE, end)))
        if until is None and walk.position >= end:
            _check_head(partition, head, walk)
        yield Progress(partition, walk.position, walk.link, end)
        if walk.position >= end:
            return


class _Walk:
    """From event to event, in order."""

    def __init__(self, connection: Connection[Any], partition: int, position: int, link: bytes, stamp: bytes) -> None:
        self.position = position
        self.link = link
        self.stamp = stamp
        """When the last event was recorded, as the chain spells it."""
        self._connection = connection
        self._partition = partition
        self._folders = folders_of(connection)
        self._removed_until = removed_until(connection, partition)
        # Two generations: when the newer one is full it becomes the older one, and streams that are not met again
        # before the next change are forgotten.
        self._versions: dict[StreamId, int] = {}
        self._older_versions: dict[StreamId, int] = {}

    def read_page(self, last: int) -> list[bytes]:
        """
        Check the events up to and with position ``last``.

        Returns:
            Their links.

        Raises:
            ChainBroken: See `verify_chain`.
        """
        page = {"partition": self._partition, "after": self.position, "last": last}
        firsts: list[_First] = []
        links: list[bytes] = []
        with self._connection.cursor().copy(_SQL["copy_links"], page) as copy:
            fault = self._read(copy, firsts, links)
            while copy.read():
                pass  # What follows a fault; the connection is of no use before it is read.
        if fault is None and self.position < last:
            fault = "the event is missing"
        if firsts:
            self._require_predecessors(firsts)
        if fault:
            raise ChainBroken(self._partition, self.position + 1, fault)
        if len(self._versions) > _REMEMBERED_STREAMS:
            self._versions, self._older_versions = {}, self._versions
        return links

    def _read(self, copy: Copy, firsts: list[_First], links: list[bytes]) -> str | None:
        """
        Go on until the end of the page, or to the last event before a fault.

        Args:
            copy: One row of the table per block.
            firsts: Gets the events whose stream is not remembered.
            links: Gets the link of each event.

        Returns:
            What is wrong with the next event.
        """
        position, link, stamp, fault = self.position, self.link, self.stamp, None
        versions, older_versions = self._versions, self._older_versions
        next_row, unpack = self._connection.pgconn.get_copy_data, _FRONT.unpack_from
        row = bytes(copy.read())[_HEADER_LENGTH:]
        while row != _TRAILER:
            found, stream_id, version = unpack(row)
            if found != position + 1:
                fault = "the event is missing"
                break
            # The number of columns and the link stand around exactly the bytes that the link is taken over.
            next_link = sha256(link + row[2:-36]).digest()
            if row[-32:] != next_link:
                next_link, fault = self._of_archived(found, link, row)
                if fault:
                    break
            next_stamp = row[-44:-36]
            if next_stamp < stamp:
                fault = "the event was recorded before the one ahead of it"
                break
            before = versions.get(stream_id) or older_versions.get(stream_id)
            if before is None:
                if version != 1:
                    firsts.append((found, stream_id, version))
            elif version != before + 1:
                fault = f"the event is version {version} of its stream, and the one before it is {before}"
                break
            versions[stream_id] = version
            links.append(next_link)
            position, link, stamp = found, next_link, next_stamp
            # Asking libpq itself, for as long as it has rows at hand, takes half the time.
            size, block = next_row(1)
            row = block.tobytes() if size > 0 else bytes(copy.read())
        self.position, self.link, self.stamp = position, link, stamp
        return fault

    def _of_archived(self, position: int, link: bytes, row: bytes) -> tuple[bytes, str | None]:
        """Return the link of an event whose state may be in an archive, or what is wrong with it."""
        try:
            found = sha256(link + respelled(self._folders, row[2:-36])).digest()
        except NoRow:
            found = b""
        except ArchiveAway as error:
            return b"", str(error)
        if row[-32:] != found:
            return b"", "the event or its link was changed: they do not match"
        if position > self._removed_until:
            return b"", "the event's state was removed, and nobody has confirmed that"
        return found, None

    def _require_predecessors(self, firsts: list[_First]) -> None:
        found = self._connection.execute(
            _SQL["first_without_predecessor"],
            {
                "partition": self._partition,
                "positions": joined([str(position) for position, _, _ in firsts]),
                "stream_ids": joined([stream_id.hex() for _, stream_id, _ in firsts]),
                "versions": joined([str(version) for _, _, version in firsts]),
            },
        ).fetchone()
        if found:
            position, version = found
            reason = f"the event is version {version} of its stream, and there is none before it"
            raise ChainBroken(self._partition, position, reason)


def _head(connection: Connection[Any], partition: int) -> _Head:
    found = connection.execute(_SQL["head_and_last"], {"partition": partition}, binary=True).fetchone()
    if found is None:
        raise ChainBroken(partition, 0, "the partition has no head")
    return _Head(*found)


def _check_head(partition: int, head: _Head, walk: _Walk) -> None:
    """Compare the head with the event that it names; up to there all is well."""
    if head.last_position > head.position:
        raise ChainBroken(partition, head.position + 1, "the event stands behind the head")
    if walk.link != head.hash:
        raise ChainBroken(partition, head.position, "the head names another link than the event has")
    if head.position and walk.stamp != _STAMP.pack(microseconds(head.recorded_at)):
        raise ChainBroken(partition, head.position, "the head names another time than the event has")


def _stamp(connection: Connection[Any], partition: int, position: int, link: bytes) -> bytes:
    """Return when the event at ``position`` was recorded, after making sure that it still has its link."""
    if not position:
        return bytes(8)
    found = connection.execute(_SQL["link_at"], {"partition": partition, "position": position}, binary=True).fetchone()
    if found is None:
        raise ChainBroken(partition, position, "the event is missing, but was verified before")
    if found[0] != link:
        raise ChainBroken(partition, position, "the event has another link than when it was verified")
    return _STAMP.pack(microseconds(found[1]))
