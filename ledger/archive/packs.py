"""
What an archive keeps beside its segments, and what the database keeps in place of a state.

Segments are in the order of positions, which suits whoever goes through the whole ledger. Who asks for one account
would have to read all of them; therefore the states that leave the database are also written stream by stream, each
stream's as compressed blobs, and the reference names its place. A pack can be lost: the segments have everything.

Nothing vouches for a pack, and the file that a reference names may be another one by now. Therefore the reference says
which state is meant, and what is read is compared with it.
"""

import os
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from struct import Struct as Layout
from typing import Final, NamedTuple

import msgspec

from ledger.archive.segments import ArchiveUnreadable

_DIGEST_LENGTH = 16
_REFERENCE = Layout(f">bhiqiqi{_DIGEST_LENGTH}s")
REFERENCE_LENGTH: Final = _REFERENCE.size
_LENGTH = Layout(">I")
_BLOB_SIZE = 250
"""States in a blob: what is in memory for one event of a stream that has a great many."""
_MAX_BYTES = 1 << 28
"""Of a blob's states; one with more is none of ours."""
_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(list[bytes]).decode


class Reference(NamedTuple):
    """Where the state of an event is. Spelled, it begins with a zero byte, which no JSON does."""

    archive: int
    """Number of the archive in `ledger.archives`."""
    partition: int
    position: int
    pack: int
    offset: int
    """Of the blob in the pack."""
    place: int
    """Of the state in the blob."""
    digest: bytes
    """Half of the state's SHA-256: whatever is read by this reference is compared with it."""

    def means(self, state: bytes) -> bool:
        """Tell whether it was this state that left."""
        return _digest(state) == self.digest


def is_reference(state: bytes) -> bool:
    """Tell whether a stored state is a reference to one."""
    return state[:1] == b"\x00"


def spell(reference: Reference) -> bytes:
    """Return the bytes of a reference."""
    return _REFERENCE.pack(0, *reference)


def read_reference(state: bytes) -> Reference:
    """
    Return what the bytes of a reference say.

    Raises:
        ArchiveUnreadable: They are none.
    """
    if len(state) != REFERENCE_LENGTH:
        raise ArchiveUnreadable("A state in the database is neither an event nor a reference to one.")
    return Reference(*_REFERENCE.unpack(state)[1:])


def pack_name(partition: int, pack: int) -> str:
    """Return the name of a pack."""
    return f"states-{partition:04}-{pack:06}.pack"


class PackWriter:
    """Writes blobs one after the other."""

    def __init__(self, folder: Path, archive: int, partition: int) -> None:
        """
        Args:
            folder: The archive; gets a new pack.
            archive: Its number.
            partition: Of the events.
        """
        names = (re.fullmatch(r"states-\d+-(\d+)", one.stem) for one in folder.glob(f"states-{partition:04}-*.pack"))
        found = [int(name[1]) for name in names if name]
        self._archive, self._partition = archive, partition
        self._pack = max(found, default=0) + 1
        self._file = (folder / pack_name(partition, self._pack)).open("xb")
        self._offset = 0

    def add(self, positions: Sequence[int], states: Sequence[bytes]) -> list[bytes]:
        """Write states of one stream; return a reference for each."""
        references: list[bytes] = []
        for first in range(0, len(states), _BLOB_SIZE):
            references += self._add(positions[first : first + _BLOB_SIZE], states[first : first + _BLOB_SIZE])
        return references

    def _add(self, positions: Sequence[int], states: Sequence[bytes]) -> Iterator[bytes]:
        blob = zlib.compress(_encode(states))
        self._file.write(_LENGTH.pack(len(blob)) + blob)
        offset, self._offset = self._offset, self._offset + _LENGTH.size + len(blob)
        for place, (position, state) in enumerate(zip(positions, states, strict=True)):
            where = self._archive, self._partition, position, self._pack, offset, place
            yield spell(Reference(*where, _digest(state)))

    def flush(self) -> None:
        """Make sure that what was written is on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the pack; one without blobs is removed."""
        self._file.close()
        if not self._offset:
            Path(self._file.name).unlink()


@lru_cache(maxsize=128)
def states_of_blob(file: Path, offset: int) -> list[bytes]:
    """
    Return the states of a blob. Some are kept: events of one stream are read together.

    Raises:
        ArchiveUnreadable: The pack is missing, or damaged.
    """
    try:
        with file.open("rb") as source:
            source.seek(offset)
            (length,) = _LENGTH.unpack(source.read(_LENGTH.size))
            return _decode(zlib.decompressobj().decompress(source.read(length), _MAX_BYTES))
    except (OSError, ValueError, MemoryError, struct.error, zlib.error) as error:
        raise ArchiveUnreadable(f"{file} cannot be read: {type(error).__name__}: {error}") from None


def _digest(state: bytes) -> bytes:
    return sha256(state).digest()[:_DIGEST_LENGTH]
