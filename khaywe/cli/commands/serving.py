"""Starting, serving, and what an operator asks first."""

import socket
import sys
from typing import Annotated

import typer

from khaywe.cli.app import app, opened, settings, told_plainly
from khaywe.embedded import EmbeddedServerError, find_running


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


@app.command()
def demo() -> None:
    """
    Load the demo: a year of real supermarket baskets (Complete Journey, 155,848 baskets of 2,469 households) into a
    program 'demo'. Does nothing if it is there already.
    """
    from khaywe.demo import load_demo

    with opened() as database:
        load_demo(database)


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
