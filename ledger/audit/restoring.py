"""Filling an empty ledger from an archive: the same positions, the same bytes, the same links."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg import Connection

from ledger.archive.segments import ArchiveUnreadable
from ledger.audit.manifest import LENGTH, Manifest, read_manifest, receipts_of
from ledger.audit.verifying import Archived, require_files, verify_archive
from ledger.sql import load_queries

_SQL = load_queries("ledger.audit")
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TRAILER = b"\xff\xff"
_COLUMNS = b"\x00\x08"
_LINK = LENGTH.pack(32)
_PAGE = 5_000


class NotRestorable(ValueError):
    """The archive is not the beginning of a ledger, or the ledger is not empty."""


def restore_archive(connection: Connection[Any], folder: Path, keys: Sequence[Ed25519PublicKey]) -> Iterator[int]:
    """
    Bring every event and receipt of an archive into an empty ledger, in one transaction, verifying them on the way.

    Args:
        connection: In autocommit mode, to a ledger with as many partitions as the archive.
        folder: The archive; it must begin with the first event.
        keys: Trusted.

    Yields:
        Events so far.

    Raises:
        NotRestorable: The ledger has events, or another number of partitions, or the archive begins later.
        ChainBroken: See `verify_archive`; nothing was restored then.
        ArchiveUnreadable: See `verify_archive`.
        NotSigned: See `verify_archive`.
    """
    manifest = read_manifest(folder)
    require_files(folder, manifest)
    with connection.transaction():
        # Whoever writes locks a head first.
        connection.execute("LOCK TABLE ledger.heads IN SHARE ROW EXCLUSIVE MODE")
        _require_room(connection, manifest)
        yield from _restore_events(connection, verify_archive(folder, keys))
        for span in manifest.spans:
            if span.last:
                connection.execute(_SQL["set_head"], {"partition": span.partition, "position": span.last})
        _restore_receipts(connection, folder, manifest)


def _require_room(connection: Connection[Any], manifest: Manifest) -> None:
    heads = connection.execute(_SQL["heads"]).fetchall()
    row = connection.execute(_SQL["is_empty"]).fetchone()
    if len(heads) != manifest.partition_count:
        raise NotRestorable(f"The archive has {manifest.partition_count} partition(s), the ledger {len(heads)}.")
    if row is None or not row[0] or any(position for _, position in heads):
        raise NotRestorable("The ledger is not empty; an archive is restored into a new one.")
    if any(span.first != 1 for span in manifest.spans):
        raise NotRestorable("The archive begins in the middle of a ledger.")


def _restore_events(connection: Connection[Any], events: Iterator[Archived]) -> Iterator[int]:
    count = 0
    columns = "COPY ledger.events (partition, position, stream_id, version, topic, state, recorded_at, hash)"
    with connection.cursor().copy(f"{columns} FROM STDIN (FORMAT BINARY)".encode()) as copy:
        copy.write(_COPY_HEADER)
        for event in events:
            copy.write(_COLUMNS + event.row + _LINK + event.link)
            count += 1
            if count % _PAGE == 0:
                yield count
        copy.write(_COPY_TRAILER)
    yield count


def _restore_receipts(connection: Connection[Any], folder: Path, manifest: Manifest) -> None:
    connection.execute(_SQL["make_room_for_receipts"])
    for one in manifest.receipts:
        count = 0
        with connection.cursor().copy("COPY receipts_read FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(_COPY_HEADER)
            for row in receipts_of(folder / one.file):
                copy.write(row)
                count += 1
            copy.write(_COPY_TRAILER)
        if count != one.count:
            raise ArchiveUnreadable(f"{one.file} has {count} receipts, not {one.count}.")
    connection.execute(_SQL["take_receipts"])
