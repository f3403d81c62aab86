"""``khaywe rules``, ``program`` and ``what-if``: what is or would be in force."""

from pathlib import Path
from typing import Annotated

import typer

from khaywe.cli.app import app, opened, settings, told_plainly

rules = typer.Typer(help="Check rules, and try them out.", no_args_is_help=True)
programs = typer.Typer(help="Take a program from one ledger to another.", no_args_is_help=True)
what_ifs = typer.Typer(no_args_is_help=True, help="What another version of a program would have come to.")
app.add_typer(rules, name="rules")
app.add_typer(programs, name="program")
app.add_typer(what_ifs, name="what-if")


@rules.command("check")
def rules_check(
    file: Annotated[str, typer.Argument(help="A file with one rule as JSON; - reads standard input.")],
    scope: Annotated[str, typer.Option(help="What it is for: earn, burn, tier, segment, campaign or journey.")],
) -> None:
    """Check a rule, and print everything that is wrong with it, each with its place; exit code 2 if anything is."""
    with told_plainly():
        from khaywe.cli.ruling import check

        check(file, scope)


@rules.command("explain")
def rules_explain(
    file: Annotated[str, typer.Argument(help="A file with one rule as JSON; - reads standard input.")],
    scope: Annotated[str, typer.Option(help="What it is for: earn, burn, tier, segment, campaign or journey.")],
    facts: Annotated[str, typer.Option(help='What the rule reads, as JSON, e.g. \'{"transaction_amount":"249.90"}\'.')],
) -> None:
    """Evaluate a rule on facts, and tell every step and the reason in one sentence."""
    with told_plainly():
        from khaywe.cli.ruling import explain

        explain(file, scope, facts)


@rules.command("sql")
def rules_sql(
    file: Annotated[str, typer.Argument(help="A file with one rule as JSON; - reads standard input.")],
    scope: Annotated[str, typer.Option(help="What it is for: tier, segment, campaign or journey.")] = "segment",
    dialect: Annotated[
        str, typer.Option(help="duckdb, postgres, clickhouse, snowflake, bigquery or trino.")
    ] = "duckdb",
) -> None:
    """Print a rule as the SQL that selects the customers for whom it holds; exit code 2 if it has no such form."""
    with told_plainly():
        from khaywe.cli.ruling import sql

        sql(file, scope, dialect)


@programs.command("export")
def program_export(
    program_id: Annotated[str, typer.Argument(metavar="ID", help="Which.")],
    *,
    versions_all: Annotated[bool, typer.Option(help="With every version there ever was, for information.")] = False,
) -> None:
    """Print a whole program as one JSON document: no members, no points, no keys."""
    from khaywe.cli.configuring import export

    with opened() as database:
        export(database, program_id, with_versions=versions_all)


@programs.command("import")
def program_import(
    file: Annotated[str, typer.Argument(help="A document that was exported; - reads standard input.")],
    wanted_id: Annotated[str | None, typer.Option("--as", metavar="ID", help="Import it under another id.")] = None,
    take: Annotated[
        str | None, typer.Option(help="in_force or draft; default what is in force, and the draft where nothing is.")
    ] = None,
    *,
    publish: Annotated[bool, typer.Option("--publish", help="Put it in force from now on.")] = False,
) -> None:
    """Create a program from a document, or replace the draft of one; the same document again changes nothing."""
    from khaywe.cli.configuring import take_over

    with opened() as database:
        take_over(database, file, wanted_id, take, is_published=publish)


@what_ifs.command("run")
def what_ifs_run(  # a parameter per option
    program: Annotated[str, typer.Argument(help="Which program.")],
    *,
    start: Annotated[str, typer.Option("--from", help="First moment of the window, such as 2026-01-01T00:00Z.")],
    end: Annotated[str | None, typer.Option("--to", help="First moment after the window; default: no end.")] = None,
    version: Annotated[str, typer.Option(help="draft, or the number of a version.")] = "draft",
    terms: Annotated[Path | None, typer.Option(help="File with terms, instead of a version.", exists=True)] = None,
    as_of: Annotated[str | None, typer.Option(help="As of when lapses and tiers are told; default now.")] = None,
    sample: Annotated[int | None, typer.Option(help="Look at so many accounts only.", min=1)] = None,
    point_value: Annotated[
        list[str] | None, typer.Option(help="Minor units of money per point, such as points=0.5.")
    ] = None,
) -> None:
    """Ask what a version would have come to over a window of the past, and wait for the answer; nothing is booked."""
    with told_plainly():
        from khaywe.cli.asking import Asked, run
        from khaywe.wiring import open_database

        asked = Asked(program, version, terms, start, end, as_of, sample, point_value or [])
        with open_database(settings()) as database:
            run(database, asked)


@what_ifs.command("list")
def what_ifs_list(
    program: Annotated[str | None, typer.Option(help="Only of this program.")] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 20,
) -> None:
    """List what-ifs, newest first, with how far they are."""
    from khaywe.cli.asking import show_all

    with opened() as database:
        show_all(database, program, limit)


@what_ifs.command("show")
def what_ifs_show(what_if_id: Annotated[str, typer.Argument(help="Which; `khaywe what-if list` names them.")]) -> None:
    """Show how far a what-if is, and what it comes to."""
    from khaywe.cli.asking import show

    with opened() as database:
        show(database, what_if_id)
