"""``khaywe views``, ``account``, ``report`` and exports: what can be read."""

from typing import Annotated

import typer

from khaywe.cli.app import AsJson, app, opened, settings, told_plainly

views = typer.Typer(help="The read side: how far it is, and building it anew.", no_args_is_help=True)
accounts = typer.Typer(help="What members have, and had.", no_args_is_help=True)
reports = typer.Typer(help="Figures of a whole program, now or at any moment before.", no_args_is_help=True)
app.add_typer(views, name="views")
app.add_typer(accounts, name="account")
app.add_typer(reports, name="report")
AsOf = Annotated[str | None, typer.Option(help="Program-local date, such as 2026-01-31; default that of --as-at.")]
AsAt = Annotated[
    str | None,
    typer.Option(help="What was known: an instant with its zone, or a position such as 0:1234; default all."),
]


@views.command("status")
def views_status() -> None:
    """Show how far each view has read."""
    with told_plainly():
        from khaywe.wiring import open_database
        from projections.tracking import view_status

        with open_database(settings()) as database, database.connect() as connection:
            for one in view_status(connection):
                typer.echo(f"{one.view:12} partition {one.partition}: position {one.position}, {one.behind} behind")


@views.command("rebuild")
def views_rebuild(
    names: Annotated[list[str] | None, typer.Argument(help="Views; default all.")] = None,
    *,
    compare_only: Annotated[bool, typer.Option(help="Build and compare, but keep the live ones.")] = False,
) -> None:
    """Build views anew beside the live ones, compare, and swap. Readers notice nothing."""
    from khaywe.cli.rebuilding import rebuild

    with opened() as database:
        rebuild(database, names or [], compare_only=compare_only)


@views.command("compare")
def views_compare(
    names: Annotated[list[str] | None, typer.Argument(help="Views; default all.")] = None,
) -> None:
    """Build views anew beside the live ones and compare them row by row; never swaps. Exit code 2 if they differ."""
    with told_plainly():
        from khaywe.cli.rebuilding import compare
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            are_equal = compare(database, names or [])
    if not are_equal:
        raise typer.Exit(2)


@accounts.command("show")
def account_show(
    member: Annotated[str, typer.Argument(help="Member id, or an identifier as kind:value.")],
    program: Annotated[str, typer.Option(help="Of which program.")],
    as_of: AsOf = None,
    as_at: AsAt = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show all of an account, as of a date, as at a recorded moment; computed from its events."""
    from khaywe.cli.looking_back import Question, show_account

    with opened() as database:
        show_account(database, Question(program, as_of, as_at), member, as_json=as_json)


@reports.command("balances")
def report_balances(
    program: Annotated[str, typer.Option(help="Which program.")],
    as_of: AsOf = None,
    as_at: AsAt = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Sum up what all members have and their open lots, as of a date, as at a recorded moment, from the events."""
    from khaywe.cli.looking_back import Question, report

    with opened() as database:
        report(database, Question(program, as_of, as_at), as_json=as_json)


@app.command("export")
def export_analytics(
    view: Annotated[str | None, typer.Argument(help="Such as balances; without one, all views are listed.")] = None,
    file: Annotated[str | None, typer.Argument(help="FILE.parquet; its manifest is written beside it.")] = None,
    program: Annotated[str | None, typer.Option(help="Only this program.")] = None,
) -> None:
    """Write a view for analysts to a Parquet file: one consistent snapshot."""
    from khaywe.cli.exporting import export, show_views

    with opened() as database:
        if view is None:
            show_views(database)
        else:
            export(database, view, file or f"{view}.parquet", program)


@app.command("verify-export")
def verify_export(file: Annotated[str, typer.Argument(help="A file whose manifest lies beside it.")]) -> None:
    """Check that an exported file is what it was when it was exported."""
    with told_plainly():
        from khaywe.cli.exporting import verify

        verify(file)
