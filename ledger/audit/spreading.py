"""
Events on their way from the order of positions into the order of streams, through temporary files.

Reading every event twice, once in each order, would cost more than all that is done with it: an account's events lie
apart in the table. So whoever goes through the chain writes each event behind others of neighbouring streams.
"""

import tempfile
from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec
from msgspec import Struct

BUCKETS = 256
"""At most: each is read again for every slice of streams in it, so that no slice is large."""
_PREFIXES = 1 << 16

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[bytes]).decode


class Place(Struct, frozen=True):
    """Where to spread events to."""

    folder: str
    bucket_count: int


class Spread(Struct, frozen=True):
    """Where the events of some buckets are."""

    bucket_count: int
    files: Sequence[str]
    """In the order of positions."""
    buckets: tuple[int, int]
    """The first and the last."""


def bucket_count(slice_count: int) -> int:
    """Return how many buckets are worth while for as many slices."""
    return max(1, min(BUCKETS, slice_count))


def bucket_of(stream_id: bytes, count: int) -> int:
    """Return the bucket of a stream; buckets are in the order of ids."""
    return int.from_bytes(stream_id[:2]) * count // _PREFIXES


class Spreader:
    """
    Takes events in the order of positions.

    Each `flush` appends a block for each bucket, and to a second file where these begin and the last one ends.
    """

    def __init__(self, place: Place) -> None:
        """
        Args:
            place: Where to; gets a file more.
        """
        self._buckets: list[list[bytes]] = [[] for _ in range(place.bucket_count)]
        self.by_prefix = {
            prefix.to_bytes(2): self._buckets[prefix * place.bucket_count // _PREFIXES] for prefix in range(_PREFIXES)
        }
        """Where an event is appended, in the bytes of the chain, by the first two bytes of its stream's id."""
        with tempfile.NamedTemporaryFile(dir=place.folder, delete=False) as made:
            self.file = made.name

    def flush(self) -> None:
        """
        Write what has gathered.

        Raises:
            ValueError: There is no room for it.
        """
        try:
            self._write()
        except OSError as error:
            raise ValueError(
                f"{self.file} cannot be written: {error.strerror}. Set TMPDIR to a folder that has room for all events."
            ) from None

    def _write(self) -> None:
        offsets = array("Q")
        with Path(self.file).open("ab") as target:
            for events in self._buckets:
                offsets.append(target.tell())
                target.write(_encode(events))
                events.clear()
            offsets.append(target.tell())
        with _index_of(self.file).open("ab") as target:
            offsets.tofile(target)


def read_spread(spread: Spread) -> Iterator[list[bytes]]:
    """Give events, those of each stream in order."""
    first, last = spread.buckets
    for file in spread.files:
        index = array("Q", _index_of(file).read_bytes())
        with Path(file).open("rb") as source:
            for start in range(0, len(index), spread.bucket_count + 1):
                for begin, end in pairwise(index[start + first : start + last + 2]):
                    source.seek(begin)
                    yield _decode(source.read(end - begin))


def _index_of(file: str) -> Path:
    return Path(f"{file}.index")
