"""The command line itself, and what its commands share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from khaywe.embedded import EmbeddedServerError
from khaywe.settings import Settings, SettingsError

if TYPE_CHECKING:
    from khaywe.wiring import Database

app = typer.Typer(
    name="khaywe",
    help="Event-sourced loyalty ledger. The data folder is KHAYWE_HOME (default ./var); with KHAYWE_DATABASE_URL set, "
    "that PostgreSQL is used instead of the embedded one.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, with every figure.")]


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


@contextmanager
def opened() -> Iterator["Database"]:
    """Give the database to a command, and tell mistakes plainly."""
    with told_plainly():
        from khaywe.wiring import open_database

        with open_database(settings()) as database:
            yield database
