"""``khaywe admin-key``, ``keys`` and ``users``: who may come in."""

from typing import Annotated

import typer

from khaywe.cli.app import app, opened, told_plainly

keys = typer.Typer(help="Keys that open the API.", no_args_is_help=True)
users = typer.Typer(help="People who sign in with a password.", no_args_is_help=True)
app.add_typer(keys, name="keys")
app.add_typer(users, name="users")


@app.command("admin-key")
def admin_key(
    *,
    replace: Annotated[bool, typer.Option(help="Revoke the old key and print a new one.")] = False,
) -> None:
    """Make the admin key, or replace a lost one. It is printed once and stored only as a hash."""
    from khaywe.keys import first_admin_key, replace_admin_keys

    with opened() as database:
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
