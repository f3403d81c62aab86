"""``khaywe audit``: proving, archiving and restoring."""

from pathlib import Path
from typing import Annotated

import typer

from khaywe.cli.app import app, opened, settings, told_plainly

audit = typer.Typer(help="Prove that the ledger is whole.", no_args_is_help=True)
checkpoints = typer.Typer(help="Signed roots of the ledger, to be kept somewhere else.", no_args_is_help=True)
app.add_typer(audit, name="audit")
audit.add_typer(checkpoints, name="checkpoint")


@audit.command("verify")
def audit_verify(
    *,
    with_views: Annotated[
        bool, typer.Option(help="Also fold every account anew, and compare every view with the events.")
    ] = True,
    with_books: Annotated[
        bool, typer.Option("--with-books", help="Also work every closed month of every program out anew, and check it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write the report as JSON.")] = False,
    archive: Annotated[Path | None, typer.Option(help="Verify this archive instead of the database.")] = None,
    checkpoint: Annotated[
        list[str] | None, typer.Option(help="A checkpoint that was kept elsewhere; may be repeated.")
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="A trusted public key: a PEM file, or its base64; default our own.")
    ] = None,
) -> None:
    """
    Re-read every event: the hash chain, the checkpoints, every account folded anew, and every view compared with the
    events. Exit code 1 if anything is not as it was recorded; the first bad position is named.
    """
    with told_plainly():
        from khaywe.cli.verifying import verify, verify_folder
        from khaywe.wiring import open_database

        found = settings()
        if archive is not None:
            verify_folder(found, archive, as_json=as_json, keys=key or [], checkpoint_files=checkpoint or [])
            return
        with open_database(found) as database:
            verify(
                database,
                found,
                with_views=with_views,
                with_books=with_books,
                as_json=as_json,
                keys=key,
                checkpoint_files=checkpoint,
            )


@checkpoints.command("take")
def checkpoint_take() -> None:
    """Verify what was recorded since the last checkpoint, and sign everything up to now."""
    from khaywe.cli.archiving import take

    with opened() as database:
        take(database, settings())


@checkpoints.command("list")
def checkpoint_list(limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 20) -> None:
    """Show checkpoints, newest first."""
    from khaywe.cli.archiving import show

    with opened() as database:
        show(database, settings(), limit)


@checkpoints.command("export")
def checkpoint_export(
    number: Annotated[int | None, typer.Argument(help="Which; default the newest.")] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="A file; - is standard output.")] = "-",
) -> None:
    """Write a checkpoint with its signature: keep it where whoever runs the database cannot change it."""
    from khaywe.cli.archiving import export_checkpoint

    with opened() as database:
        export_checkpoint(database, settings(), number, output)


@audit.command("export")
def audit_export(
    folder: Annotated[Path, typer.Argument(help="A new folder, or one with an archive of this ledger.")],
    since: Annotated[
        str | None, typer.Option("--from", help="Only what was recorded from then on, such as 2026-01-01T00:00Z.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Only what was recorded before then.")] = None,
) -> None:
    """
    Archive events with their chain, a signed checkpoint, and a verifier that needs nothing but Python. Run again, it
    goes on where the archive ends.
    """
    from khaywe.cli.archiving import export

    with opened() as database:
        export(database, settings(), folder, since, until)


@audit.command("restore")
def audit_restore(
    folder: Annotated[Path, typer.Argument(help="An archive that begins with the first event.")],
    key: Annotated[
        list[str] | None, typer.Option(help="A trusted public key: a PEM file, or its base64; default our own.")
    ] = None,
) -> None:
    """Fill a new ledger from an archive: the same positions and links, byte for byte."""
    with told_plainly():
        from khaywe.cli.archiving import restore

        restore(settings(), folder, key or [])


@audit.command("remove")
def audit_remove(
    folder: Annotated[Path, typer.Argument(help="An archive that begins with the first event.")],
    *,
    before: Annotated[
        str | None, typer.Option(help="Only what was recorded before then, such as 2026-01-01T00:00Z.")
    ] = None,
    confirm: Annotated[
        int | None, typer.Option(help="The number of events that it tells, where nobody can be asked.")
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="A trusted public key: a PEM file, or its base64; default our own.")
    ] = None,
) -> None:
    """
    Take the bulk of archived events out of the database: verify the archive and the database, ask, and leave a
    reference to the archive in each event's place. Balances, posting and history stay as they are. Interrupted, it goes
    on when it is run again.
    """
    from khaywe.cli.removing import remove

    with opened() as database:
        remove(database, settings(), folder, before=before, confirmed=confirm, keys=key or [])


@audit.command("return")
def audit_return() -> None:
    """Bring the bulk of archived events back into the database; each is accepted only if its link proves it."""
    from khaywe.cli.removing import bring_back

    with opened() as database:
        bring_back(database)


@audit.command("archives")
def audit_archives() -> None:
    """Tell which archives the database needs, where it expects them, and whether they are there."""
    from khaywe.cli.removing import list_archives

    with opened() as database:
        list_archives(database)


@audit.command("moved")
def audit_moved(
    number: Annotated[int, typer.Argument(help="Of the archive, as khaywe audit archives tells it.")],
    folder: Annotated[Path, typer.Argument(help="Where it is now.")],
) -> None:
    """Tell where an archive is now."""
    from khaywe.cli.removing import moved

    with opened() as database:
        moved(database, number, folder)
