"""
What an archive is: a folder with a manifest, segments of events (`ledger.archive.segments`) and receipts.

Receipts are gzip files of records: the length (big-endian uint32), and a row as PostgreSQL's binary COPY spells it.
Everything in the manifest is verified against the segments and the signed checkpoint, never trusted.
"""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from struct import Struct as Layout
from typing import Final

import msgspec
from msgspec import Struct

from ledger.archive.segments import ArchiveUnreadable
from ledger.signing import Envelope, PublishedKey

FORMAT: Final = "khaywe.archive.v2"
MANIFEST: Final = "manifest.json"
LENGTH = Layout(">I")
MAX_ROW_BYTES = 1 << 30
"""PostgreSQL stores nothing larger; a length beyond it is none."""


class Segment(Struct, frozen=True):
    """A file of consecutive events of one partition."""

    file: str
    partition: int
    first: int
    """Position of its first event."""
    last: int
    previous: str
    """The link before its first event, in hex."""
    last_link: str
    sha256: str
    """Of the file, in hex."""


class Span(Struct, frozen=True):
    """What the archive holds of a partition."""

    partition: int
    first: int
    """Position of the first event; one more than ``last`` where there is none."""
    last: int
    previous: str
    """The link before the first event, in hex."""
    last_link: str
    start_peaks: tuple[str, ...]
    """The full subtrees of everything before the first event: on them the tree is built."""
    end_peaks: tuple[str, ...]
    """Those of everything up to the last event."""
    consistency: tuple[str, ...] = ()
    """Proves that the tree up to the last event is the beginning of the checkpoint's; empty where it is all of it."""


class Receipts(Struct, frozen=True):
    """A file of receipts: what was done under which key, so that a restored ledger does nothing twice."""

    file: str
    partition: int
    count: int
    sha256: str


class Manifest(Struct, frozen=True):
    """The contents of an archive."""

    format: str
    partition_count: int
    spans: tuple[Span, ...]
    segments: tuple[Segment, ...] = ()
    """Per partition in order of positions."""
    receipts: tuple[Receipts, ...] = ()
    checkpoint: Envelope | None = None
    """Signed; absent while an export is under way."""
    keys: tuple[PublishedKey, ...] = ()
    """Of the ledger, for convenience: who audits takes them from somewhere else."""


def read_manifest(folder: Path) -> Manifest:
    """
    Return what an archive says of itself.

    Raises:
        ArchiveUnreadable: It is none.
    """
    try:
        found = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except OSError as error:
        raise ArchiveUnreadable(f"{folder / MANIFEST} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise ArchiveUnreadable(f"{folder / MANIFEST} is no manifest: {error}.") from None
    if found.format != FORMAT or [one.partition for one in found.spans] != list(range(found.partition_count)):
        raise ArchiveUnreadable(f"{folder / MANIFEST} is no manifest of the format {FORMAT}.")
    names = [one.file for one in files_of(found)]
    if any("/" in name or "\\" in name or name.startswith(".") for name in names):
        raise ArchiveUnreadable(f"{folder / MANIFEST} names files outside of the archive.")
    return found


def files_of(manifest: Manifest) -> list[Segment | Receipts]:
    """Return every file that an archive has besides its manifest."""
    return [*manifest.segments, *manifest.receipts]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write what an archive says of itself: all of it, or nothing."""
    beside = folder / (MANIFEST + ".new")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
    beside.replace(folder / MANIFEST)


def receipts_of(file: Path) -> Iterator[bytes]:
    """
    Give each receipt of a file, as binary COPY spells it.

    Raises:
        ArchiveUnreadable: The file is missing, or ends within a record.
    """
    try:
        with gzip.open(file) as source:
            while head := source.read(LENGTH.size):
                size = LENGTH.unpack(head)[0] if len(head) == LENGTH.size else MAX_ROW_BYTES + 1
                record = source.read(size) if size <= MAX_ROW_BYTES else b""
                if len(record) != size:
                    raise ArchiveUnreadable(f"{file.name} ends within a record.")
                yield record
    except (OSError, EOFError, zlib.error) as error:
        raise ArchiveUnreadable(f"{file.name} cannot be read: {error}.") from None
