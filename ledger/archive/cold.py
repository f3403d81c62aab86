"""Reading both: states that are in the database, and states that left it for an archive."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace
from psycopg import Connection

from ledger.archive.packs import Reference, is_reference, pack_name, read_reference, states_of_blob
from ledger.archive.segments import (
    GROUP_SIZE,
    ArchiveUnreadable,
    segment_pattern,
    spell,
    states_of_group,
    take_apart,
)
from ledger.errors import LedgerError


class ArchiveAway(LedgerError):
    """Old events are in an archive that cannot be read."""

    slug = "archive-away"


_BLOBS_A_GROUP = 50
"""Blobs that can be read in the time of a row group, about."""

Folders = Mapping[int, Path]
"""Of archives, by their numbers."""


def folders_of(connection: Connection[Any]) -> dict[int, Path]:
    """Return where the archives are that the database refers to."""
    return {number: Path(folder) for number, folder in connection.execute("SELECT number, folder FROM ledger.archives")}


def removed_until(connection: Connection[Any], partition: int) -> int:
    """Return the last position of a partition whose state may be in an archive; 0 if there is none."""
    asked = "SELECT position FROM ledger.removals WHERE partition = %s"
    row = connection.execute(asked, (partition,)).fetchone()
    return row[0] if row else 0


def whole(connection: Connection[Any], rows: Iterable[tuple[Any, ...]], column: int) -> list[tuple[Any, ...]]:
    """
    Return rows with the states that they refer to.

    Args:
        connection: To ask where archives are, if any row refers to one.
        rows: Of events.
        column: Which of their columns is the state.

    Raises:
        ArchiveAway: An archive is not where the database says, or is damaged.
    """
    found = list(rows)
    places = [index for index, row in enumerate(found) if row[column][:1] == b"\x00"]
    if places:
        states = read_states(folders_of(connection), [found[index][column] for index in places])
        for index, state in zip(places, states, strict=True):
            row = found[index]
            found[index] = (*row[:column], state, *row[column + 1 :])
    return found


def read_states(folders: Folders, spelled: Sequence[bytes]) -> list[bytes]:
    """
    Return the states of references: through packs or through segments, whichever have less to be read.

    Args:
        folders: Where archives are.
        spelled: References, as they stand in place of states.

    Raises:
        ArchiveAway: An archive is not where it should be, or is damaged.
    """
    wanted = [_read(one) for one in spelled]
    blobs = len({one[:2] + one[3:5] for one in wanted})
    groups = len({(one.archive, one.partition, one.position // GROUP_SIZE) for one in wanted})
    read = state_in_pack if blobs <= groups * _BLOBS_A_GROUP else state_in_segment
    return [read(folders, one) for one in wanted]


def state_in_pack(folders: Folders, reference: Reference) -> bytes:
    """
    Return a state by its stream; by its position where the pack is lost.

    Raises:
        ArchiveAway: Neither can be read.
    """
    file = _folder(folders, reference.archive) / pack_name(reference.partition, reference.pack)
    try:
        return states_of_blob(file, reference.offset)[reference.place]
    except ArchiveUnreadable:
        return state_in_segment(folders, reference)


def state_in_segment(folders: Folders, reference: Reference) -> bytes:
    """
    Return a state by its position.

    Raises:
        ArchiveAway: It cannot be read.
    """
    folder = _folder(folders, reference.archive)
    segments = _segments(folder, reference.partition)
    if reference.position > segments[-1].last:
        _segments.cache_clear()  # The archive went on meanwhile.
        segments = _segments(folder, reference.partition)
    found = segments[bisect_right(segments, reference.position, key=_first) - 1]
    if not found.first <= reference.position <= found.last:
        raise ArchiveAway(_missing(folder, f"event {reference.partition}:{reference.position} is not in it"))
    group, place = divmod(reference.position - found.first, GROUP_SIZE)
    try:
        return states_of_group(found.file, group)[place]
    except (ArchiveUnreadable, IndexError) as error:
        raise ArchiveAway(_missing(folder, str(error))) from None


def resolved(folders: Folders, state: bytes) -> bytes:
    """
    Return a state that is read among others of its stream, whether or not it is a reference.

    Raises:
        ArchiveAway: It cannot be read.
    """
    return state_in_pack(folders, _read(state)) if is_reference(state) else state


def respelled(folders: Folders, row: bytes) -> bytes:
    """
    Return the bytes that an event's link is taken over, where they are read in the order of positions.

    Args:
        folders: Where archives are.
        row: The same bytes, perhaps with a reference in place of the state.

    Raises:
        ArchiveAway: The state cannot be read.
        NoRow: The bytes are none.
    """
    event = take_apart(row)
    if not is_reference(event.state):
        return row
    return spell(replace(event, state=state_in_segment(folders, _read(event.state))))


class _Segment(NamedTuple):
    first: int
    last: int
    file: Path


@lru_cache(maxsize=64)
def _segments(folder: Path, partition: int) -> list[_Segment]:
    """Return the segments of a partition in order; an archive that is referred to gets more, and loses none."""
    files = sorted(folder.glob(segment_pattern(partition)))
    if not files:
        raise ArchiveAway(_missing(folder, f"it has no segments of partition {partition}"))
    return [_Segment(int(file.stem.split("-")[2]), int(file.stem.split("-")[3]), file) for file in files]


def _first(segment: _Segment) -> int:
    return segment.first


def _read(state: bytes) -> Reference:
    try:
        return read_reference(state)
    except ArchiveUnreadable as error:
        raise ArchiveAway(str(error)) from None


def _folder(folders: Folders, archive: int) -> Path:
    try:
        return folders[archive]
    except KeyError:
        raise ArchiveAway(f"The database does not say where archive {archive} is.") from None


def _missing(folder: Path, reason: str) -> str:
    return (
        f"Old events are in the archive {folder}, and {reason}. Make it readable there, or say where it is now: "
        "khaywe audit moved."
    )
