"""
A segment: a Parquet file of consecutive events of one partition, from which the bytes of the chain can be made again.

The encoding is the plainest that Parquet has (PLAIN, gzip, no dictionaries, no nulls, data pages of version 1), so that
a script without any library can read it (`ledger.audit.verify_archive`), and every tool for Parquet can as well.
"""

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from struct import Struct as Layout
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from ledger.store.chain import row as spelled

GROUP_SIZE: Final = 5_000
"""Events in a row group: what is in memory while one is read."""
_LEVEL = 3
"""Of compression: half the size of the best takes a tenth of the time."""
_EPOCH_US = 946_684_800_000_000
"""2000-01-01, from which the chain counts, after 1970-01-01, from which Parquet does."""
_FRONT = Layout(">iiiqi16siqi")
"""Partition, position, stream id and version, each after its length, and the length of the topic."""
_LENGTHS = (4, 8, 16, 8)
_INT = Layout(">i")
_END = Layout(">iq")

_SCHEMA = pa.schema(
    [
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("stream_id", pa.uuid(), nullable=False),
        pa.field("version", pa.int64(), nullable=False),
        pa.field("topic", pa.string(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("recorded_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("link", pa.binary(32), nullable=False),
    ]
)


class ArchiveUnreadable(ValueError):
    """The folder is no archive, or something of it is missing."""


class NoRow(ValueError):
    """The bytes are no event as the chain spells it."""


class Spelled(Struct, frozen=True):
    """What the bytes of an event say."""

    partition: int
    position: int
    stream_id: bytes
    version: int
    topic: bytes
    state: bytes
    recorded_at_us: int
    """Microseconds since 2000-01-01."""


def take_apart(row: bytes) -> Spelled:
    """
    Return what an event's bytes say.

    Raises:
        NoRow: They are none.
    """
    try:
        a, partition, b, position, c, stream_id, d, version, topic_length = _FRONT.unpack_from(row)
        topic_end = _FRONT.size + topic_length
        (state_length,) = _INT.unpack_from(row, topic_end)
        state_end = topic_end + 4 + state_length
        eight, recorded_at_us = _END.unpack_from(row, state_end)
    except struct.error as error:
        raise NoRow(str(error)) from None
    is_row = (a, b, c, d, eight) == (*_LENGTHS, 8) and state_end + _END.size == len(row)
    if not is_row or not 0 < topic_length <= len(row) or state_length < 0:
        raise NoRow("lengths do not fit")
    topic, state = row[_FRONT.size : topic_end], row[topic_end + 4 : state_end]
    return Spelled(partition, position, stream_id, version, topic, state, recorded_at_us)


def spell(event: Spelled) -> bytes:
    """Return the bytes that an event's link is taken over."""
    of_stream = event.stream_id, event.version, event.topic, event.state
    return spelled(event.partition, event.position, of_stream, event.recorded_at_us)


class SegmentWriter:
    """Writes events into a segment, a row group at a time."""

    def __init__(self, file: Path) -> None:
        self._rows: list[tuple[bytes, bytes]] = []
        self._writer = pq.ParquetWriter(
            file,
            _SCHEMA,
            version="2.6",
            compression="gzip",
            compression_level=_LEVEL,
            use_dictionary=False,
            write_statistics=["position", "version", "recorded_at"],
            data_page_version="1.0",
            write_page_checksum=True,
            store_schema=False,
        )

    def add(self, row: bytes, link: bytes) -> None:
        """Write an event in the bytes that its link is taken over."""
        self._rows.append((row, link))
        if len(self._rows) == GROUP_SIZE:
            self._write()

    def close(self) -> None:
        """Write what is left, and the end of the file."""
        if self._rows:
            self._write()
        self._writer.close()

    def _write(self) -> None:
        found = [take_apart(row) for row, _ in self._rows]
        stream_ids = pa.array([one.stream_id for one in found], pa.binary(16))
        columns = [
            pa.array([one.partition for one in found], pa.int32()),
            pa.array([one.position for one in found], pa.int64()),
            pa.ExtensionArray.from_storage(pa.uuid(), stream_ids),
            pa.array([one.version for one in found], pa.int64()),
            pa.array([one.topic for one in found], pa.string()),
            pa.array([one.state for one in found], pa.string()),
            pa.array([one.recorded_at_us + _EPOCH_US for one in found], pa.int64()).cast(_SCHEMA.field(6).type),
            pa.array([link for _, link in self._rows], pa.binary(32)),
        ]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=_SCHEMA), GROUP_SIZE)
        self._rows.clear()


@contextmanager
def new_segment(file: Path) -> Iterator[SegmentWriter]:
    """Write a file that is there when it is complete, and not before."""
    beside = file.with_name(file.name + ".new")
    try:
        writer = SegmentWriter(beside)
        try:
            yield writer
        finally:
            writer.close()
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def segment_name(partition: int, first: int, last: int) -> str:
    """Return the name of the file for these positions."""
    return f"events-{partition:04}-{first:012}-{last:012}.parquet"


def segments_in(folder: Path, partition: int) -> Iterator[tuple[Path, tuple[int, int]]]:
    """Give the files that are segments of a partition by their names, with the first and last position of each."""
    for file in folder.glob(f"events-{partition:04}-*.parquet"):
        if found := re.fullmatch(r"events-\d+-(\d+)-(\d+)\.parquet", file.name):
            yield file, (int(found[1]), int(found[2]))


def records(file: Path) -> Iterator[tuple[bytes, bytes]]:
    """
    Give each event of a segment in the bytes that its link is taken over, with the link.

    Raises:
        ArchiveUnreadable: The file is missing, damaged, or something else.
    """
    with _opened(file) as source:
        for number in range(source.num_row_groups):
            for partition, position, *event, recorded_at, link in _rows(file, source, number):
                yield spelled(partition, position, tuple(event), recorded_at - _EPOCH_US), link


def _rows(file: Path, source: Any, number: int) -> Iterator[tuple[Any, ...]]:
    try:
        group = source.read_row_group(number)
        columns = [group.column(name) for name in _SCHEMA.names]
        columns[2] = _storage(columns[2])
        columns[4:6] = (column.cast(pa.binary()) for column in columns[4:6])
        columns[6] = columns[6].cast(pa.int64())
        return zip(*(column.to_pylist() for column in columns), strict=True)
    except (OSError, ValueError, KeyError) as error:
        raise ArchiveUnreadable(f"{file.name} cannot be read: {_first_line(error)}.") from None


def _storage(column: Any) -> Any:
    """Return ids as their bytes: making UUIDs of them would take most of the time."""
    return pa.chunked_array([chunk.storage for chunk in column.chunks], pa.binary(16))


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    try:
        source = pq.ParquetFile(file, page_checksum_verification=True)
    except (OSError, ValueError) as error:
        raise ArchiveUnreadable(f"{file.name} cannot be read: {_first_line(error)}.") from None
    with source:
        if source.schema_arrow != _SCHEMA:
            raise ArchiveUnreadable(f"{file.name} is no segment of an archive.")
        yield source


@lru_cache(maxsize=8)
def states_of_group(file: Path, number: int) -> tuple[bytes, ...]:
    """
    Return the states of a row group. Some are kept: whoever reads one event often reads its neighbours next.

    Raises:
        ArchiveUnreadable: The file is missing, damaged, or something else.
    """
    with _opened(file) as source:
        try:
            column = source.read_row_group(number, columns=["state"]).column(0)
        except (OSError, ValueError) as error:
            raise ArchiveUnreadable(f"{file.name} cannot be read: {_first_line(error)}.") from None
        return tuple(column.cast(pa.binary()).to_pylist())


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
