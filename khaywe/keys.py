"""Keys and users that an operator makes on the server, where no key is needed."""

import uuid
from datetime import UTC, datetime

from api.access.issuing import access_instruction, admin_key_ids, carried_out, issue, new_key, revoke
from api.access.passwords import hashed_password
from khaywe.wiring import Database
from ledger.access.decide import AddUser, check_grant
from ledger.access.events import Grant
from ledger.sql import load_queries
from rules.instructions.asking import hashed

BY = "cli"
"""Who an operator on the server is to the record."""


def issue_key(
    database: Database, grant: Grant, *, expires_at: datetime | None = None, label: str = "", per_s: int | None = None
) -> str:
    """
    Make a key, and return it, for the only time.

    Raises:
        InvalidGrant: See `check_grant`.
    """
    check_grant(grant)
    key = new_key(grant, BY, datetime.now(UTC), expires_at, label, per_s)
    with database.poster() as poster, database.connect() as connection:
        issue(poster.post, connection, key)
    return key.secret


def first_admin_key(database: Database) -> str | None:
    """Make the admin key if there is none in force, and return it."""
    with database.connect() as connection:
        if admin_key_ids(connection):
            return None
    return issue_key(database, Grant("admin"), label="admin")


def replace_admin_keys(database: Database) -> str:
    """Revoke all unlimited admin keys, and return a new one."""
    now = datetime.now(UTC)
    with database.poster() as poster, database.connect() as connection:
        for key_id in admin_key_ids(connection):
            revoke(poster.post, connection, key_id, BY, now)
    return issue_key(database, Grant("admin"), label="admin")


def revoke_key(database: Database, key_id: str) -> None:
    """
    Take a key out of force.

    Raises:
        UnknownKey: There is none with this id.
    """
    with database.poster() as poster, database.connect() as connection:
        revoke(poster.post, connection, key_id, BY, datetime.now(UTC))


def add_user(database: Database, email: str, password: str, grant: Grant) -> str:
    """
    Give somebody a user, and return its id.

    Raises:
        InvalidGrant: See `check_grant`.
        InvalidPassword: It is too weak.
        ValueError: There is a user with this address.
    """
    check_grant(grant)
    email, now, user_id = email.casefold(), datetime.now(UTC), str(uuid.uuid4())
    queries = load_queries("api.access")
    row = {
        "user_id": user_id,
        "email": email,
        "password_hash": hashed_password(password, email),
        "role": grant.role,
        "actions": list(grant.actions),
        "programs": list(grant.programs),
        "partners": list(grant.partners),
        "stores": list(grant.stores),
        "now": now,
    }
    with database.poster() as poster, database.connect() as connection:
        if connection.execute(queries["user_by_email"], {"email": email}).fetchone():
            raise ValueError("there is a user with this address already")
        command = AddUser(f"user:{user_id}", grant, BY, now)
        carried_out(poster.post([access_instruction(command.principal, command, hashed("add-user", user_id))]))
        connection.execute(queries["add_user"], row)
    return user_id
