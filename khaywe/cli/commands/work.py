"""``khaywe import``, ``run``, ``runs`` and ``batches``: work that takes its time."""

from typing import Annotated

import typer

from khaywe.cli.app import app, opened, settings, told_plainly

imports = typer.Typer(help="Bring activity in from files.", no_args_is_help=True)
batches = typer.Typer(no_args_is_help=True, help="Batches that were queued over REST.")
app.add_typer(imports, name="import")
app.add_typer(batches, name="batches")


@imports.command("purchases")
def import_purchases(  # noqa: PLR0917  # the options of a command
    file: Annotated[str, typer.Argument(help="CSV, NDJSON or Parquet; by its ending.")],
    program: Annotated[str, typer.Option(help="The program that prices them.")],
    column: Annotated[
        list[str] | None,
        typer.Option(help="FIELD=COLUMN where the file's name differs, e.g. --column amount=total_eur."),
    ] = None,
    constant: Annotated[
        list[str] | None,
        typer.Option(help="FIELD=VALUE for what the file does not say, e.g. --constant currency=EUR."),
    ] = None,
    member_kind: Annotated[str, typer.Option(help="What the member column holds, e.g. card.")] = "card",
    timezone: Annotated[str | None, typer.Option(help="Zone of times that name none; default the program's.")] = None,
    *,
    enrol: Annotated[bool, typer.Option(help="Enrol members who are not known yet.")] = False,
) -> None:
    """
    Post every purchase of a file. Run again after an interruption, it goes on where it stopped; a file posted before
    changes nothing. Rejected rows are written, with the reason, to FILE.rejected.ndjson, and the exit code is 2.
    """
    with told_plainly():
        from khaywe.importing.columns import Mapping
        from khaywe.importing.run import run_import
        from khaywe.wiring import open_database

        mapping = Mapping.of(column or [], constant or [], member_kind, timezone)
        with open_database(settings()) as database:
            report = run_import(database, file, program, mapping, enrol=enrol)
    typer.echo(report.summary())
    if report.rejected_count:
        raise typer.Exit(2)


@app.command("run")
def run_by_hand(
    job: Annotated[str, typer.Argument(help="Which; `khaywe runs` lists them.")],
    now: Annotated[
        str | None, typer.Option(help="The moment to run for, such as 2026-01-31T00:00Z; default now.")
    ] = None,
) -> None:
    """Run a job now, as the workers do by themselves; does nothing where another worker is running it."""
    from khaywe.cli.keeping_time import run

    with opened() as database:
        run(database, settings().signing_key_file, job, now)


@app.command("runs")
def runs(
    job: Annotated[str | None, typer.Argument(help="Only this job.")] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 20,
) -> None:
    """Show the jobs that keep time, and what ran lately."""
    from khaywe.cli.keeping_time import show

    with opened() as database:
        show(database, job, limit)


@batches.command("list")
def batches_list(
    program: Annotated[str | None, typer.Option(help="Only of this program.")] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 20,
) -> None:
    """List queued batches, newest first, with how far they are."""
    from khaywe.cli.batches import show_all

    with opened() as database:
        show_all(database, program, limit)


@batches.command("show")
def batches_show(batch_id: Annotated[str, typer.Argument(help="Which; `khaywe batches list` names them.")]) -> None:
    """Show how far a queued batch is."""
    from khaywe.cli.batches import show

    with opened() as database:
        show(database, batch_id)
