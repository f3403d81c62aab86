"""``khaywe audit remove``, ``return``, ``archives`` and ``moved``: the bulk of old events outside of the database."""

import getpass
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import typer
from psycopg import Connection
from rich.progress import Progress

from khaywe.cli.archiving import COLUMNS, moment_of, trusted_keys
from khaywe.settings import Settings
from khaywe.wiring import Database
from ledger.archive.cold import folders_of, removed_until
from ledger.archive.events import ArchiveEvent, BulkRemoved, BulkReturned
from ledger.archive.removing import archive_number, bulk_of, link_at, move, on_record
from ledger.archive.removing import bring_back as bring_back_bulk
from ledger.archive.removing import remove as remove_bulk
from ledger.audit.checkpoint import read
from ledger.audit.manifest import MANIFEST, Manifest, read_manifest
from ledger.audit.verifying import require_files, verify_archive
from ledger.errors import LedgerError
from ledger.store.verify import verify_chain

_SHOW_EVERY = 10_000


def remove(
    database: Database, found: Settings, folder: Path, *, before: str | None, confirmed: int | None, keys: list[str]
) -> None:
    """
    Take the bulk of archived events out of the database, after verifying the archive and asking a person.

    Args:
        database: The ledger's.
        found: Whose signing key is trusted, unless others are given.
        folder: The archive.
        before: Only what was recorded before this instant.
        confirmed: The number of events, where nobody can be asked.
        keys: Trusted instead of our own.

    Raises:
        ValueError: The archive is of another ledger, or nobody confirmed.
        ChainBroken: The archive, or the database, is not what was recorded.
        NotSigned: None of the keys signed the archive.
    """
    manifest, events, trusted = read_manifest(folder), 0, trusted_keys(found, keys)
    with database.connect() as connection, Progress(*COLUMNS, transient=True) as progress:
        task = progress.add_task("verifying the archive", total=None, so_far="files")
        require_files(folder, manifest)
        for events, _ in enumerate(verify_archive(folder, trusted), 1):
            if events % _SHOW_EVERY == 0:
                progress.update(task, so_far=f"{events} events")
        bulk = bulk_of(connection, _common(connection, manifest), moment_of(before))
        progress.update(task, description="verifying the database", so_far="")
        for partition, last in bulk.until.items():
            for done in verify_chain(connection, partition, until=last):
                progress.update(task, so_far=f"{done.position} of {last} events")
    typer.echo(f"The archive is whole: {events} events, as its checkpoint signed.")
    if not bulk.event_count:
        typer.echo("There is nothing to remove.")
        return
    typer.echo(
        f"The database and the archive agree. {bulk.event_count} events have {bulk.byte_count / 1e6:,.1f} MB that can "
        f"leave the database: {_places(bulk.until)}.\nReading them will need {folder.resolve()}; keep a copy elsewhere."
    )
    _require_confirmation(bulk.event_count, confirmed)
    with database.connect_as_owner() as owner:
        links = {str(partition): link_at(owner, partition, last) for partition, last in bulk.until.items()}
        number = archive_number(owner, folder)
        event = BulkRemoved(
            number,
            {str(partition): last for partition, last in bulk.until.items()},
            links,
            bulk.event_count,
            read(msgspec.json.encode(manifest.checkpoint), trusted).root,
            _by(),
            datetime.now(UTC),
        )
        _record(database, event)
        _work_off(remove_bulk(owner, event, folder, database.partition_count), "removing", bulk.event_count)
    typer.echo(f"Removed the bulk of {bulk.event_count} events; what they were is in archive {number}.")


def bring_back(database: Database) -> None:
    """
    Bring the bulk of archived events back into the database.

    Raises:
        ArchiveAway: An archive cannot be read; what was brought back so far stays.
    """
    with database.connect_as_owner() as owner:
        partitions = range(database.partition_count)
        until = {str(partition): removed_until(owner, partition) for partition in partitions}
        count = _work_off(bring_back_bulk(owner, until), "bringing back", None)
        _record(database, BulkReturned(_by(), datetime.now(UTC)))
    typer.echo(f"Brought back {count} events; the database needs no archive.")


def list_archives(database: Database) -> None:
    """Print where the database expects its archives."""
    with database.connect() as connection:
        found = folders_of(connection)
        for number, folder in sorted(found.items()):
            told = "" if (folder / MANIFEST).exists() else " - cannot be read here"
            typer.echo(f"archive {number}: {folder}{told}")
        for partition in range(database.partition_count):
            typer.echo(f"partition {partition}: removed up to position {removed_until(connection, partition)}")


def moved(database: Database, number: int, folder: Path) -> None:
    """
    Tell where an archive is now.

    Raises:
        ValueError: There is no archive of that number, or none in the folder.
    """
    read_manifest(folder)
    with database.connect_as_owner() as owner:
        if not move(owner, number, folder):
            raise ValueError(f"There is no archive {number}; khaywe audit archives lists them.")
    typer.echo(f"archive {number}: {folder.resolve()}")


def _common(connection: Connection[Any], manifest: Manifest) -> dict[int, int]:
    """Return the last position of each partition that the archive has, after making sure that it is of this ledger."""
    for span in manifest.spans:
        if span.first != 1:
            raise ValueError("The archive begins in the middle of the ledger; export one from its first event.")
        if span.last and link_at(connection, span.partition, span.last) != span.last_link:
            raise ValueError(f"The archive is of another ledger, or one of them was changed before {span.last}.")
    return {span.partition: span.last for span in manifest.spans}


def _require_confirmation(event_count: int, confirmed: int | None) -> None:
    if confirmed is None and sys.stdin.isatty():
        confirmed = typer.prompt("Type the number of events to remove their bulk", type=int)
    if confirmed is None:
        raise ValueError(f"Nobody has confirmed it; with --confirm {event_count} it is done.")
    if confirmed != event_count:
        raise ValueError(f"{confirmed} is not {event_count}; nothing was removed.")


def _record(database: Database, event: ArchiveEvent) -> None:
    with database.poster() as poster:
        (outcome,) = poster.post([on_record(event)])
    if isinstance(outcome, LedgerError):
        raise outcome


def _work_off(counts: Iterator[int], what: str, total: int | None) -> int:
    done = 0
    with Progress(*COLUMNS, transient=True) as progress:
        task = progress.add_task(what, total=total, so_far="")
        for done in counts:
            progress.update(task, completed=done, so_far=f"{done} events")
    return done


def _places(until: dict[int, int]) -> str:
    return ", ".join(f"partition {partition} up to position {last}" for partition, last in until.items())


def _by() -> str:
    return f"cli:{getpass.getuser()}"
