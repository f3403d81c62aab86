"""Writing an archive: events up to a new checkpoint, segment by segment; run again, it goes on where it stopped."""

import gzip
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from psycopg import Connection

from ledger.archive.cold import folders_of, respelled
from ledger.archive.segments import new_segment, segment_name
from ledger.audit.checkpoint import Sealed, tree_of
from ledger.audit.errors import LedgerNotWhole
from ledger.audit.manifest import (
    FORMAT,
    LENGTH,
    MANIFEST,
    Manifest,
    Receipts,
    Segment,
    Span,
    read_manifest,
    write_manifest,
)
from ledger.audit.proving import Prover, peaks_at
from ledger.audit.taking import take_checkpoint
from ledger.merkle import Frontier, leaf
from ledger.signing import Envelope, Keyring
from ledger.sql import load_queries
from ledger.store.chain import GENESIS

_SQL = load_queries("ledger.audit")
_LINKS = load_queries("ledger.store")["copy_links"]
_HEADER_LENGTH = 19
_TRAILER = b"\xff\xff"
_COMPRESSION = 3
"""Half the size of the best takes a tenth of the time."""
SEGMENT_SIZE = 100_000
"""Events in a file, and what an interruption can undo."""

VERIFIER = Path(__file__).with_name("verify_archive.py")


class Window(Struct, frozen=True):
    """Which events are wanted, by when they were recorded."""

    since: datetime | None = None
    until: datetime | None = None
    """Exclusive."""


class Exported(Struct, frozen=True):
    """How far an export is."""

    event_count: int
    """In the archive."""
    total_count: int
    """That will be in it."""


def export_archive(
    connection: Connection[Any],
    keyring: Keyring,
    folder: Path,
    now: datetime,
    window: Window | None = None,
    *,
    on_progress: Callable[[Exported], None] = lambda _: None,
) -> Manifest:
    """
    Bring an archive up to a checkpoint that is taken now, and put the verifier beside it.

    Every link is computed anew on the way: what is not whole is not archived.

    Args:
        connection: In autocommit mode, as the application role.
        keyring: Signs the checkpoint.
        folder: New, or with an archive of this ledger that ends earlier.
        now: When.
        window: Which events; for a new archive.
        on_progress: Told after each segment.

    Raises:
        LedgerNotWhole: The ledger is not what was recorded.
        ArchiveUnreadable: The folder holds a manifest that is none.
        ValueError: The archive is of another ledger, or begins elsewhere than asked.
    """
    sealed = take_checkpoint(connection, keyring, now)
    folder.mkdir(parents=True, exist_ok=True)
    window = window or Window()
    if (folder / MANIFEST).exists():
        manifest = _continued(connection, read_manifest(folder), sealed, window)
    else:
        manifest = _begun(connection, sealed, window)
    ends = [_end(connection, tree.partition, tree.size, window.until) for tree in sealed.checkpoint.trees]
    total = sum(max(end, span.last) - span.first + 1 for end, span in zip(ends, manifest.spans, strict=True))
    for partition, end in enumerate(ends):
        while (span := manifest.spans[partition]).last < end:
            manifest = _with_segment(connection, folder, manifest, span, min(end, span.last + SEGMENT_SIZE))
            write_manifest(folder, manifest)
            on_progress(Exported(sum(one.last - one.first + 1 for one in manifest.spans), total))
    finished = _finished(connection, folder, manifest, sealed, keyring)
    write_manifest(folder, finished)
    shutil.copyfile(VERIFIER, folder / VERIFIER.name)
    return finished


def _begun(connection: Connection[Any], sealed: Sealed, window: Window) -> Manifest:
    spans = []
    for tree in sealed.checkpoint.trees:
        before = _end(connection, tree.partition, tree.size, window.since) if window.since else 0
        peaks = tuple(peak.hex() for peak in peaks_at(connection, tree.partition, before))
        link = _link_at(connection, tree.partition, before)
        spans.append(Span(tree.partition, before + 1, before, link.hex(), link.hex(), peaks, peaks))
    return Manifest(FORMAT, len(spans), tuple(spans))


def _continued(connection: Connection[Any], manifest: Manifest, sealed: Sealed, window: Window) -> Manifest:
    """Make sure that the ledger goes on from where an archive ends."""
    if window.since is not None:
        raise ValueError("The folder holds an archive, which begins where it begins; leave out --from.")
    if manifest.partition_count != len(sealed.checkpoint.trees):
        raise ValueError("The folder holds an archive of another ledger.")
    for span in manifest.spans:
        if _link_at(connection, span.partition, span.last).hex() != span.last_link:
            raise ValueError(
                f"The folder holds an archive of another ledger, or one of them was changed: at position {span.last} "
                f"of partition {span.partition} they differ."
            )
    return replace(manifest, checkpoint=None, receipts=())


def _with_segment(connection: Connection[Any], folder: Path, manifest: Manifest, span: Span, last: int) -> Manifest:
    name = segment_name(span.partition, span.last + 1, last)
    frontier = Frontier(span.last, [bytes.fromhex(peak) for peak in span.end_peaks])
    link = bytes.fromhex(span.last_link)
    position = span.last
    with new_segment(folder / name) as segment_file:
        for row, found in _rows(connection, span.partition, span.last, last):
            link = sha256(link + row).digest()
            position += 1
            if link != found:
                break
            segment_file.add(row, link)
            frontier.add(leaf(link))
        if position < last or link != found:
            raise LedgerNotWhole(
                f"Partition {span.partition}, position {position}: the event is missing or was changed.",
                partition=span.partition,
                position=position,
            )
    grown = replace(span, last=last, last_link=link.hex(), end_peaks=tuple(peak.hex() for peak in frontier.peaks))
    segment = Segment(name, span.partition, span.last + 1, last, span.last_link, link.hex(), _digest(folder / name))
    spans = tuple(grown if one.partition == span.partition else one for one in manifest.spans)
    return replace(manifest, spans=spans, segments=(*manifest.segments, segment))


def _rows(connection: Connection[Any], partition: int, after: int, last: int) -> Iterator[tuple[bytes, bytes]]:
    asked = {"partition": partition, "after": after, "last": last}
    folders = folders_of(connection)
    with connection.cursor().copy(_LINKS, asked) as copy:
        row = bytes(copy.read())[_HEADER_LENGTH:]
        while row != _TRAILER:
            yield respelled(folders, row[2:-36]) if folders else row[2:-36], row[-32:]
            row = bytes(copy.read())
        while copy.read():
            pass


def _finished(
    connection: Connection[Any], folder: Path, manifest: Manifest, sealed: Sealed, keyring: Keyring
) -> Manifest:
    spans = []
    for span in manifest.spans:
        frontier = Frontier(span.last, [bytes.fromhex(peak) for peak in span.end_peaks])
        tree = tree_of(span.partition, frontier, bytes.fromhex(span.last_link))
        proof = Prover(connection, sealed.checkpoint, span.partition).consistency(tree)
        spans.append(replace(span, consistency=tuple(node.hex() for node in proof)))
    return replace(
        manifest,
        spans=tuple(spans),
        receipts=tuple(_receipts(connection, folder, span) for span in manifest.spans),
        checkpoint=msgspec.json.decode(sealed.envelope, type=Envelope),
        keys=keyring.published,
    )


def _receipts(connection: Connection[Any], folder: Path, span: Span) -> Receipts:
    """Write the receipts of a partition: as binary COPY spells them, and each after its length."""
    name, count = f"receipts-{span.partition:04}.bin.gz", 0
    with _whole_file(folder / name) as write:
        for row in _receipt_rows(connection, span.partition):
            write(LENGTH.pack(len(row)) + row)
            count += 1
    return Receipts(name, span.partition, count, _digest(folder / name))


def _receipt_rows(connection: Connection[Any], partition: int) -> Iterator[bytes]:
    with connection.cursor().copy(_SQL["copy_receipts"], {"partition": partition}) as copy:
        row = bytes(copy.read())[_HEADER_LENGTH:]
        while row != _TRAILER:
            yield row
            row = bytes(copy.read())
        while copy.read():
            pass


@contextmanager
def _whole_file(file: Path) -> Iterator[Callable[[bytes], Any]]:
    """Write a file that is there when it is complete, and not before; the same contents give the same bytes."""
    beside = file.with_name(file.name + ".new")
    try:
        with beside.open("wb") as raw, gzip.GzipFile("", "wb", _COMPRESSION, raw, mtime=0) as target:
            yield target.write
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def _digest(file: Path) -> str:
    with file.open("rb") as source:
        digest = sha256()
        while block := source.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _end(connection: Connection[Any], partition: int, size: int, until: datetime | None) -> int:
    """Return the last position that was recorded before a moment: times never run backwards within a partition."""
    if until is None:
        return size
    low, high = 0, size
    while low < high:
        middle = (low + high + 1) // 2
        found = connection.execute(_SQL["recorded_at"], {"partition": partition, "position": middle}).fetchone()
        if found is None:
            raise LedgerNotWhole(f"Partition {partition}, position {middle}: the event is missing.")
        if found[0] < until:
            low = middle
        else:
            high = middle - 1
    return low


def _link_at(connection: Connection[Any], partition: int, position: int) -> bytes:
    if not position:
        return GENESIS
    found = connection.execute(_SQL["link_at"], {"partition": partition, "position": position}, binary=True).fetchone()
    return found[0] if found else b""
