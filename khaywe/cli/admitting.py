"""Letting people and machines in, from the server itself."""

import sys
from datetime import UTC, datetime, timedelta

import typer

from khaywe.cli.app import settings
from khaywe.keys import add_user as make_user
from khaywe.keys import issue_key, revoke_key
from khaywe.wiring import open_database
from ledger.access.events import Grant
from ledger.sql import load_queries

_LISTED = 1000


def issue(
    role: str, limits: tuple[list[str] | None, ...], label: str, days: int | None, requests_per_s: int | None
) -> None:
    """Make a key, and print it."""
    grant = Grant(role, *[tuple(names or ()) for names in limits])
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with open_database(settings()) as database:
        typer.echo(issue_key(database, grant, expires_at=expires_at, label=label, per_s=requests_per_s))


def show_keys() -> None:
    """Print the keys in force."""
    asked = {"key_id": None, "before_at": None, "before_id": None, "limit": _LISTED}
    with open_database(settings()) as database, database.connect() as connection:
        for row in connection.execute(load_queries("api.access")["keys"], asked):
            key_id, _, label, role, actions, programs, partners, stores, _, by, created, expires, revoked, used = row
            if revoked is not None or (expires is not None and expires <= datetime.now(UTC)):
                continue
            limits = [*programs, *partners, *stores, *actions]
            typer.echo(
                f"{key_id:16} {role:9} issued {created:%Y-%m-%d} by {by}"
                + (f", ends {expires:%Y-%m-%d %H:%M}Z" if expires else "")
                + (f", last used {used:%Y-%m-%d %H:%M}Z" if used else ", never used")
                + (f", only {', '.join(limits)}" if limits else "")
                + (f"  {label}" if label else ""),
            )


def revoke(key_id: str) -> None:
    """Take a key out of force."""
    with open_database(settings()) as database:
        revoke_key(database, key_id)
    typer.echo(f"{key_id} opens nothing any more, after five seconds at most.")


def add_user(email: str, role: str, programs: list[str] | None) -> None:
    """Add a user; the password is typed, or comes from a pipe."""
    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    with open_database(settings()) as database:
        user_id = make_user(database, email, password, Grant(role, programs=tuple(programs or ())))
    typer.echo(f"{email} can sign in; its id is {user_id}.")
