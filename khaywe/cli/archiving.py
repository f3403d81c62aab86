"""``khaywe audit checkpoint``, ``export`` and ``restore``."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from khaywe.cli.tills import public_key
from khaywe.settings import Settings
from khaywe.signing_keys import open_keyring
from khaywe.wiring import Database, open_database
from ledger.audit.checkpoint import Sealed
from ledger.audit.exporting import Exported, Window, export_archive
from ledger.audit.manifest import read_manifest
from ledger.audit.restoring import restore_archive
from ledger.audit.storing import checkpoint_of, checkpoints, keys_of
from ledger.audit.taking import take_checkpoint
from ledger.signing import NotSigned
from ledger.store.verify import ChainBroken

COLUMNS = (SpinnerColumn(), TextColumn("{task.description}: {task.fields[so_far]}"), TimeElapsedColumn())


def take(database: Database, found: Settings) -> None:
    """
    Take a checkpoint, and tell its root.

    Raises:
        LedgerNotWhole: The ledger does not continue what the last one signed.
    """
    with database.connect() as connection:
        typer.echo(_line(take_checkpoint(connection, open_keyring(found.signing_key_file), datetime.now(UTC))))


def show(database: Database, found: Settings, limit: int) -> None:
    """Print the newest checkpoints."""
    with database.connect() as connection:
        for sealed in checkpoints(connection, keys_of(open_keyring(found.signing_key_file)), limit=limit):
            typer.echo(_line(sealed))


def export_checkpoint(database: Database, found: Settings, number: int | None, file: str) -> None:
    """
    Write a checkpoint with its signature, to be kept somewhere else.

    Raises:
        UnknownCheckpoint: There is none.
    """
    with database.connect() as connection:
        sealed = checkpoint_of(connection, number, keys_of(open_keyring(found.signing_key_file)))
    if file == "-":
        sys.stdout.write(sealed.envelope.decode() + "\n")
    else:
        Path(file).write_bytes(sealed.envelope + b"\n")


def export(database: Database, found: Settings, folder: Path, since: str | None, until: str | None) -> None:
    """
    Write an archive, or bring one up to now.

    Raises:
        LedgerNotWhole: The ledger is not what was recorded.
        ValueError: The folder holds something else.
    """
    window = Window(moment_of(since), moment_of(until))
    with database.connect() as connection, Progress(*COLUMNS, transient=True) as progress:
        task = progress.add_task("archive", total=None, so_far="checkpoint")

        def show_progress(done: Exported) -> None:
            progress.update(task, so_far=f"{done.event_count} of {done.total_count} events")

        keyring = open_keyring(found.signing_key_file)
        manifest = export_archive(connection, keyring, folder, datetime.now(UTC), window, on_progress=show_progress)
    for span in manifest.spans:
        typer.echo(f"partition {span.partition}: events {span.first} to {span.last}, last link {span.last_link}")
    typer.echo(f"Verify it with: python3 {folder / 'verify_archive.py'}")


def restore(found: Settings, folder: Path, keys: list[str]) -> None:
    """
    Fill a new ledger from an archive.

    Raises:
        ValueError: The ledger is not empty, or the archive is none.
        typer.Exit: The archive is not what was signed; nothing was restored.
    """
    manifest = read_manifest(folder)
    trusted = trusted_keys(found, keys)
    with open_database(found, partition_count=manifest.partition_count) as database:
        try:
            # The owner: the application's role may not hold everybody off.
            with database.connect_as_owner() as connection, Progress(*COLUMNS, transient=True) as progress:
                task = progress.add_task("restore", total=None, so_far="files")
                count = 0
                for count in restore_archive(connection, folder, trusted):  # the last one is told
                    progress.update(task, so_far=f"{count} events")
        except (ChainBroken, NotSigned) as broken:
            typer.secho(f"{broken}\nNothing was restored.", err=True, fg=typer.colors.RED)
            raise typer.Exit(1) from None
    typer.echo(f"Restored {count} events. The views follow when khaywe serve runs, or: khaywe views rebuild")


def trusted_keys(found: Settings, given: list[str]) -> list[Ed25519PublicKey]:
    """Return the keys that were given, or else those of this ledger."""
    return [public_key(one) for one in given] if given else keys_of(open_keyring(found.signing_key_file))


def envelope_in(file: str) -> bytes:
    """
    Return a checkpoint out of a file: alone, or as the API answers it.

    Raises:
        ValueError: It cannot be read, or is none.
    """
    try:
        read = msgspec.json.decode(Path(file).read_bytes())
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}.") from None
    except msgspec.MsgspecError:
        raise ValueError(f"{file} is no checkpoint.") from None
    return msgspec.json.encode(read.get("envelope", read) if isinstance(read, dict) else read)


def _line(sealed: Sealed) -> str:
    one = sealed.checkpoint
    return f"checkpoint {one.number}, {one.taken_at:%Y-%m-%d %H:%M:%S}: {_sizes(sealed)} events, root {one.root}"


def _sizes(sealed: Sealed) -> int:
    return sum(tree.size for tree in sealed.checkpoint.trees)


def moment_of(text: str | None) -> datetime | None:
    """
    Return an instant that was written with its zone.

    Raises:
        ValueError: It is none.
    """
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone; write it like 2026-01-31T00:00Z.")
    return moment
