"""Commands of an operator. Each imports what it needs when it runs, so that help is instant."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from khaywe.embedded import EmbeddedServerError, find_running
from khaywe.settings import Settings, SettingsError

app = typer.Typer(
    name="khaywe",
    help="Event-sourced loyalty ledger. The data folder is KHAYWE_HOME (default ./var); with KHAYWE_DATABASE_URL set, "
    "that PostgreSQL is used instead of the embedded one.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
views = typer.Typer(help="The read side: how far it is, and building it anew.", no_args_is_help=True)
audit = typer.Typer(help="Prove that the ledger is whole.", no_args_is_help=True)
imports = typer.Typer(help="Bring activity in from files.", no_args_is_help=True)
rules = typer.Typer(help="Check rules, and try them out.", no_args_is_help=True)
keys = typer.Typer(help="Keys that open the API.", no_args_is_help=True)
users = typer.Typer(help="People who sign in with a password.", no_args_is_help=True)
app.add_typer(keys, name="keys")
app.add_typer(users, name="users")
programs = typer.Typer(help="Take a program from one ledger to another.", no_args_is_help=True)
batches = typer.Typer(no_args_is_help=True, help="Batches that were queued over REST.")
app.add_typer(rules, name="rules")
app.add_typer(programs, name="program")
tills = typer.Typer(help="Price on a till by a rule bundle, without a ledger.", no_args_is_help=True)
signing = typer.Typer(help="The key that signs rule bundles.", no_args_is_help=True)
app.add_typer(rules, name="rules")
app.add_typer(tills, name="till")
app.add_typer(signing, name="signing-key")
app.add_typer(views, name="views")
app.add_typer(audit, name="audit")
checkpoints = typer.Typer(help="Signed roots of the ledger, to be kept somewhere else.", no_args_is_help=True)
audit.add_typer(checkpoints, name="checkpoint")
app.add_typer(imports, name="import")
app.add_typer(batches, name="batches")
what_ifs = typer.Typer(no_args_is_help=True, help="What another version of a program would have come to.")
app.add_typer(what_ifs, name="what-if")
accounts = typer.Typer(help="What members have, and had.", no_args_is_help=True)
reports = typer.Typer(help="Figures of a whole program, now or at any moment before.", no_args_is_help=True)
app.add_typer(accounts, name="account")
app.add_typer(reports, name="report")

AsOf = Annotated[str | None, typer.Option(help="Program-local date, such as 2026-01-31; default that of --as-at.")]
AsAt = Annotated[
    str | None,
    typer.Option(help="What was known: an instant with its zone, or a position such as 0:1234; default all."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, with every figure.")]
books = typer.Typer(
    help="Accounting: settings, closing months, journal, roll-forward, liability.", no_args_is_help=True
)
app.add_typer(books, name="books")


def settings() -> Settings:
    """Return what the environment decides."""
    return Settings.from_environment(os.environ)


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn an operator's mistake into one line on standard error and exit code 1."""
    import psycopg

    from khaywe.importing.columns import ImportRefused
    from khaywe.logs import configure_logging
    from khaywe.supervisor import ServeError
    from ledger.errors import LedgerError
    from ledger.store.partitions import PartitionsFixed
    from migrations import MigrationError

    configure_logging("cli")
    try:
        yield
    except (
        SettingsError,
        EmbeddedServerError,
        ServeError,
        MigrationError,
        PartitionsFixed,
        ImportRefused,
        LedgerError,
        ValueError,
        psycopg.OperationalError,
    ) as error:
        typer.secho(f"khaywe: {str(error).strip()}", err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None


@app.command()
def serve() -> None:
    """Serve the API on KHAYWE_HOST:KHAYWE_PORT (default 127.0.0.1:8000) until stopped."""
    with told_plainly():
        from khaywe.logs import configure_logging
        from khaywe.signing_keys import open_keyring
        from khaywe.supervisor import serve as run

        configure_logging("serve")
        found = settings()
        # A key that cannot be used is told here, and not by an API process that dies again and again.
        open_keyring(found.signing_key_file)
        run(found)


@app.command()
def init(
    partitions: Annotated[int | None, typer.Option(help="Partitions, fixed for the ledger's life; default 1.")] = None,
) -> None:
    """Set a ledger up: database, schema, partitions. Does nothing to one that is set up already."""
    with told_plainly():
        from khaywe.wiring import open_database

        with open_database(settings(), partition_count=partitions) as database:
            typer.echo(f"The ledger is ready, with {database.partition_count} partition(s).")


@app.command()
def migrate() -> None:
    """Bring the database schema up to date; safe to run again."""
    with told_plainly():
        import psycopg

        import migrations
        from khaywe.wiring import open_url

        with open_url(settings()) as (url, _), psycopg.connect(url, autocommit=True) as connection:
            applied = migrations.migrate(connection, on_applied=lambda one: typer.echo(f"applied {one.label}"))
            typer.echo("The schema is up to date." if applied else "The schema was up to date already.")


@app.command("database-url")
def database_url() -> None:
    """Print where the database is, for psql and BI tools."""
    with told_plainly():
        found = settings()
        if found.database_url:
            typer.echo(found.database_url)
            return
        server = find_running(found.home)
        if server is None:
            raise EmbeddedServerError(f"No PostgreSQL runs in {found.home}; start it with: khaywe serve")
        typer.echo(server.tcp_url() or server.socket_url())


@app.command("admin-key")
def admin_key(
    *,
    replace: Annotated[bool, typer.Option(help="Revoke the old key and print a new one.")] = False,
) -> None:
    """Make the admin key, or replace a lost one. It is printed once and stored only as a hash."""
    with told_plainly():
        from khaywe.keys import first_admin_key, replace_admin_keys
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            key = replace_admin_keys(database) if replace else first_admin_key(database)
            if key is None:
                raise ValueError("There is an admin key; to replace it: khaywe admin-key --replace")
            typer.echo(key)


@keys.command("issue")
def keys_issue(  # noqa: PLR0917  # the options of a command
    role: Annotated[str, typer.Argument(help="admin, marketer, finance, analyst, pos or partner.")],
    program: Annotated[list[str] | None, typer.Option(help="Only this program; may be given several times.")] = None,
    store: Annotated[list[str] | None, typer.Option(help="Writes only under this source.")] = None,
    partner: Annotated[list[str] | None, typer.Option(help="Only members whom this partner enrolled.")] = None,
    action: Annotated[list[str] | None, typer.Option(help="Only this action of the role.")] = None,
    label: Annotated[str, typer.Option(help="For people, to tell keys apart.")] = "",
    days: Annotated[int | None, typer.Option(help="Until it ends; default never.", min=1)] = None,
    per_second: Annotated[int | None, typer.Option(help="Requests per second; default 1000.", min=1)] = None,
) -> None:
    """Make a key. It is printed once and stored only as a hash."""
    with told_plainly():
        from khaywe.cli.admitting import issue

        issue(role, (action, program, partner, store), label, days, per_second)


@keys.command("list")
def keys_list() -> None:
    """Show the keys in force: what they may do, and when they were used last."""
    with told_plainly():
        from khaywe.cli.admitting import show_keys

        show_keys()


@keys.command("revoke")
def keys_revoke(key_id: Annotated[str, typer.Argument(help="The first characters, as lists show them.")]) -> None:
    """Take a key out of force, for ever."""
    with told_plainly():
        from khaywe.cli.admitting import revoke

        revoke(key_id)


@users.command("add")
def users_add(
    email: Annotated[str, typer.Argument(help="The address they sign in with.")],
    role: Annotated[str, typer.Argument(help="admin, marketer, finance, analyst, pos or partner.")],
    program: Annotated[list[str] | None, typer.Option(help="Only this program; may be given several times.")] = None,
) -> None:
    """Give somebody a user for the console. Asks for the password, or reads it from standard input."""
    with told_plainly():
        from khaywe.cli.admitting import add_user

        add_user(email, role, program)


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
    with told_plainly():
        from khaywe.cli.rebuilding import rebuild
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
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
    with told_plainly():
        from khaywe.cli.configuring import export
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
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
    with told_plainly():
        from khaywe.cli.configuring import take_over
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            take_over(database, file, wanted_id, take, is_published=publish)


@tills.command("verify")
def till_verify(
    bundle: Annotated[str, typer.Argument(help="A bundle as it was downloaded; - reads standard input.")],
    key: Annotated[list[str], typer.Option(help="A trusted public key: a PEM file, or its base64. May be repeated.")],
) -> None:
    """Verify the signature of a rule bundle, and tell what it is and what pricing by it assumes."""
    with told_plainly():
        from khaywe.cli.tills import verify

        verify(bundle, key)


@tills.command("price")
def till_price(
    bundle: Annotated[str, typer.Argument(help="A bundle as it was downloaded.")],
    purchases: Annotated[str, typer.Argument(help="Purchases as NDJSON; - reads standard input.")],
    key: Annotated[list[str], typer.Option(help="A trusted public key: a PEM file, or its base64. May be repeated.")],
    receipts: Annotated[str | None, typer.Option(help="Also write what to print, and what was assumed, here.")] = None,
) -> None:
    """Price purchases provisionally, and print them with what was promised, ready to be posted; exit code 2 if any
    could not be priced.
    """
    with told_plainly():
        from khaywe.cli.tills import price

        price(bundle, key, purchases, receipts)


@signing.command("show")
def signing_key_show(
    as_base64: Annotated[
        bool, typer.Option("--base64", help="Only the one that signs, as verify_archive.py --key takes it.")
    ] = False,
) -> None:
    """Print the public keys: the one that signs, then those that did before. Makes a key if there is none."""
    with told_plainly():
        from khaywe.cli.tills import show_key

        show_key(settings(), as_base64=as_base64)


@signing.command("rotate")
def signing_key_rotate() -> None:
    """Make a new key sign from the next start on; what the old ones signed still verifies."""
    with told_plainly():
        from khaywe.cli.tills import rotate_key

        rotate_key(settings())


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
    with told_plainly():
        from khaywe.cli.archiving import take
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            take(database, settings())


@checkpoints.command("list")
def checkpoint_list(limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 20) -> None:
    """Show checkpoints, newest first."""
    with told_plainly():
        from khaywe.cli.archiving import show
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            show(database, settings(), limit)


@checkpoints.command("export")
def checkpoint_export(
    number: Annotated[int | None, typer.Argument(help="Which; default the newest.")] = None,
    output: Annotated[str, typer.Option("--output", "-o", help="A file; - is standard output.")] = "-",
) -> None:
    """Write a checkpoint with its signature: keep it where whoever runs the database cannot change it."""
    with told_plainly():
        from khaywe.cli.archiving import export_checkpoint
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
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
    with told_plainly():
        from khaywe.cli.archiving import export
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
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
    with told_plainly():
        from khaywe.cli.removing import remove
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            remove(database, settings(), folder, before=before, confirmed=confirm, keys=key or [])


@audit.command("return")
def audit_return() -> None:
    """Bring the bulk of archived events back into the database; each is accepted only if its link proves it."""
    with told_plainly():
        from khaywe.cli.removing import bring_back
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            bring_back(database)


@audit.command("archives")
def audit_archives() -> None:
    """Tell which archives the database needs, where it expects them, and whether they are there."""
    with told_plainly():
        from khaywe.cli.removing import list_archives
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            list_archives(database)


@audit.command("moved")
def audit_moved(
    number: Annotated[int, typer.Argument(help="Of the archive, as khaywe audit archives tells it.")],
    folder: Annotated[Path, typer.Argument(help="Where it is now.")],
) -> None:
    """Tell where an archive is now."""
    with told_plainly():
        from khaywe.cli.removing import moved
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            moved(database, number, folder)


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


@books.command("estimate")
def books_estimate(  # noqa: PLR0917  # the options of a command
    program: Annotated[str, typer.Option(help="The program.")],
    point_currency: Annotated[str, typer.Option(help="One of its point currencies.")] = "points",
    file: Annotated[str | None, typer.Option(help="Where the proposal is stored; default by its name.")] = None,
    through: Annotated[
        str | None, typer.Option(help="The last month to take in, as 2026-11; default the last whole.")
    ] = None,
    tail: Annotated[str, typer.Option(help="After the last age seen: exponential or none.")] = "exponential",
    hold_out: Annotated[int, typer.Option(help="Months that the back-test predicts.", min=1)] = 3,
) -> None:
    """Estimate what share of the points will ever be redeemed. Proposes; books nothing."""
    with told_plainly():
        from khaywe.cli.estimating import estimate
        from khaywe.wiring import open_database
        from models.breakage import Options

        with open_database(settings()) as database:
            estimate(database, program, point_currency, file, Options(through, tail, hold_out))


@books.command("apply")
def books_apply(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    proposal: Annotated[str, typer.Argument(metavar="FILE|ID", help="As `books estimate` wrote and named it.")],
) -> None:
    """Ask to apply a proposal of estimates; a second person has to agree."""
    with told_plainly():
        from khaywe.cli.estimating import apply
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            apply(database, program, proposal)


@app.command("export")
def export_analytics(
    view: Annotated[str | None, typer.Argument(help="Such as balances; without one, all views are listed.")] = None,
    file: Annotated[str | None, typer.Argument(help="FILE.parquet; its manifest is written beside it.")] = None,
    program: Annotated[str | None, typer.Option(help="Only this program.")] = None,
) -> None:
    """Write a view for analysts to a Parquet file: one consistent snapshot."""
    with told_plainly():
        from khaywe.cli.exporting import export, show_views
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
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


@app.command("run")
def run_by_hand(
    job: Annotated[str, typer.Argument(help="Which; `khaywe runs` lists them.")],
    now: Annotated[
        str | None, typer.Option(help="The moment to run for, such as 2026-01-31T00:00Z; default now.")
    ] = None,
) -> None:
    """Run a job now, as the workers do by themselves; does nothing where another worker is running it."""
    with told_plainly():
        from khaywe.cli.keeping_time import run
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            run(database, settings().signing_key_file, job, now)


@app.command("runs")
def runs(
    job: Annotated[str | None, typer.Argument(help="Only this job.")] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 20,
) -> None:
    """Show the jobs that keep time, and what ran lately."""
    with told_plainly():
        from khaywe.cli.keeping_time import show
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            show(database, job, limit)


@batches.command("list")
def batches_list(
    program: Annotated[str | None, typer.Option(help="Only of this program.")] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 20,
) -> None:
    """List queued batches, newest first, with how far they are."""
    with told_plainly():
        from khaywe.cli.batches import show_all
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            show_all(database, program, limit)


@batches.command("show")
def batches_show(batch_id: Annotated[str, typer.Argument(help="Which; `khaywe batches list` names them.")]) -> None:
    """Show how far a queued batch is."""
    with told_plainly():
        from khaywe.cli.batches import show
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            show(database, batch_id)


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
    with told_plainly():
        from khaywe.cli.asking import show_all
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            show_all(database, program, limit)


@what_ifs.command("show")
def what_ifs_show(what_if_id: Annotated[str, typer.Argument(help="Which; `khaywe what-if list` names them.")]) -> None:
    """Show how far a what-if is, and what it comes to."""
    with told_plainly():
        from khaywe.cli.asking import show
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            show(database, what_if_id)


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
    with told_plainly():
        from khaywe.cli.looking_back import Question, show_account
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
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
    with told_plainly():
        from khaywe.cli.looking_back import Question, report
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            report(database, Question(program, as_of, as_at), as_json=as_json)


@books.command("settings")
def books_settings(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    values: Annotated[
        str | None, typer.Option("--set", metavar="JSON", help="Settings, as POST …/books/settings takes them.")
    ] = None,
) -> None:
    """Show what a point is worth and which months are closed, or say what it is worth from a date on."""
    with told_plainly():
        from khaywe.cli.books import set_settings, show
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            if values is None:
                show(database, program)
            else:
                set_settings(database, program, values)


@books.command("close")
def books_close(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    period: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")],
) -> None:
    """Close a month: freeze it at what is recorded now."""
    with told_plainly():
        from khaywe.cli.books import close
        from khaywe.signing_keys import open_keyring
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            close(database, program, period, open_keyring(settings().signing_key_file))


@books.command("rollforward")
def books_rollforward(  # noqa: PLR0917  # the options of a command
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    period: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")],
    as_json: Annotated[bool, typer.Option("--json", help="As the REST API answers it.")] = False,
    currency: Annotated[str | None, typer.Option(help="Translate amounts into this one, at the three rates.")] = None,
    opening_rate: Annotated[str | None, typer.Option(help="Units of it per unit of the books', at first.")] = None,
    average_rate: Annotated[str | None, typer.Option(help="The same, over the month.")] = None,
    closing_rate: Annotated[str | None, typer.Option(help="The same, at the end.")] = None,
) -> None:
    """Print what a month began with, what came and went, and what it ended with."""
    with told_plainly():
        from khaywe.cli.books import roll_forward
        from khaywe.wiring import open_database

        rates = (currency, opening_rate, average_rate, closing_rate)
        with open_database(settings()) as database:
            roll_forward(database, program, period, rates, as_json=as_json)


@books.command("check")
def books_check(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    period: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")],
    *,
    as_json: AsJson = False,
) -> None:
    """
    Work a month out anew and check it: balances, sub-ledger, completeness, and that it is what it was closed with. Exit
    code 1 if anything does not hold.
    """
    with told_plainly():
        from khaywe.cli.books import check
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            check(database, program, period, is_json=as_json)


@books.command("disclosures")
def books_disclosures(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    period: Annotated[str, typer.Argument(metavar="MONTH", help="The last month.")],
    first: Annotated[str | None, typer.Option("--from", metavar="MONTH", help="The first; default the same.")] = None,
) -> None:
    """Print what the notes to the accounts say: opening and closing liabilities, and what was recognised of which."""
    with told_plainly():
        from khaywe.cli.books import disclose
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            disclose(database, program, period, first)


@books.command("journal")
def books_journal(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    period: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")],
) -> None:
    """Print every line of a month's journal, as JSON, one a line."""
    with told_plainly():
        from khaywe.cli.books import journal
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            journal(database, program, period)


@books.command("export")
def books_export(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    period: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")],
    file: Annotated[str, typer.Argument(help="Ends in .csv, .xlsx, .parquet or .beancount, which is its form.")],
) -> None:
    """
    Write a month's journal to a file, with control totals and a hash in FILE.manifest.json beside it. The same month
    gives the same file. `khaywe verify-export FILE` checks it later.
    """
    with told_plainly():
        from khaywe.cli.books import export
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            export(database, program, period, file)


@books.command("liability")
def books_liability(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    period: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")],
    as_json: Annotated[bool, typer.Option("--json", help="As the REST API answers it.")] = False,
) -> None:
    """Print what is owed at the end of a month, with the breakage that is expected."""
    with told_plainly():
        from khaywe.cli.books import liability
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            liability(database, program, period, as_json=as_json)


@books.command("trial-balance")
def books_trial_balance(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    period: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")],
    as_json: Annotated[bool, typer.Option("--json", help="As the REST API answers it.")] = False,
) -> None:
    """Print what every account began, moved and ended a month with."""
    with told_plainly():
        from khaywe.cli.books import trial_balance
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            trial_balance(database, program, period, as_json=as_json)


@books.command("cutoff")
def books_cutoff(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    period: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")],
    as_json: Annotated[bool, typer.Option("--json", help="As the REST API answers it.")] = False,
) -> None:
    """Print the late events of a month."""
    with told_plainly():
        from khaywe.cli.books import cut_off
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            cut_off(database, program, period, as_json=as_json)


@books.command("reopen")
def books_reopen(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="Whose books.")],
    period: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-10.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept for ever.")],
) -> None:
    """Ask to open the last closed month again; a second person has to agree."""
    with told_plainly():
        from khaywe.cli.books import reopen
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            reopen(database, program, period, reason)


@app.command()
def demo() -> None:
    """
    Load the demo: a year of real supermarket baskets (Complete Journey, 155,848 baskets of 2,469 households) into a
    program 'demo'. Does nothing if it is there already.
    """
    with told_plainly():
        from khaywe.demo import load_demo
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            load_demo(database)


@app.command("_api", hidden=True)
def api_process(listener: int) -> None:
    """Run the API process of ``serve``."""
    from khaywe.processes import end_with_supervisor, run_api
    from khaywe.wiring import join_database

    end_with_supervisor()
    with join_database(settings()) as database:
        run_api(database, settings(), socket.socket(fileno=listener))


@app.command("_worker", hidden=True)
def worker_process(listener: int) -> None:
    """Run the worker process of ``serve``."""
    from khaywe.processes import end_with_supervisor, run_worker
    from khaywe.wiring import join_database

    end_with_supervisor()
    socket.socket(fileno=listener).close()
    with join_database(settings()) as database:
        run_worker(database, settings())


@app.command()
def openapi() -> None:
    """Print the OpenAPI document of the API, for generators of clients; nothing needs to run."""
    import json

    from api.app import described_app
    from khaywe import __version__

    sys.stdout.write(json.dumps(described_app(__version__), indent=2) + "\n")


@app.command()
def version() -> None:
    """Print the version."""
    from khaywe import __version__

    sys.stdout.write(f"khaywe {__version__}\n")
