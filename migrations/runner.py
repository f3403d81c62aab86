"""Apply plain-SQL migrations forward, once each, and notice when history was edited."""

import hashlib
import re
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any, LiteralString

from msgspec import Struct
from psycopg import Connection, Error

_FILE = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")

_CREATE_TABLE: LiteralString = """
CREATE SCHEMA IF NOT EXISTS migrations;
CREATE TABLE IF NOT EXISTS migrations.applied (
    number int PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""

_LET_READ: LiteralString = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'khaywe_app')
        AND NOT has_table_privilege('khaywe_app', 'migrations.applied', 'SELECT')
    THEN
        GRANT USAGE ON SCHEMA migrations TO khaywe_app;
        GRANT SELECT ON migrations.applied TO khaywe_app;
    END IF;
END $$
"""
"""Whoever serves must be able to tell that the schema is the one it was made for."""

_LOCK = 7_203_044_118_273_055_091
"""Key of the advisory lock that lets one runner work at a time; any fixed number will do."""


class MigrationError(Exception):
    """The schema cannot be brought up to date; the message says why and what to do."""


class Migration(Struct, frozen=True):
    """One file of schema history."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file's text, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def label(self) -> str:
        """Return the file name without its ending."""
        return f"{self.number:04}_{self.name}"


def migrations() -> list[Migration]:
    """Return every migration that ships with this version of Khaywe, in order."""
    found = [
        Migration(int(match[1]), match[2], file.read_text("utf-8"))
        for file in resources.files("migrations").iterdir()
        if (match := _FILE.match(file.name))
    ]
    found.sort(key=lambda migration: migration.number)
    assert [migration.number for migration in found] == list(range(1, len(found) + 1))
    return found


def pending(connection: Connection[Any], known: list[Migration] | None = None) -> list[Migration]:
    """
    Return the migrations that the database has not seen, after checking those it has.

    Raises:
        MigrationError: An applied migration was changed since, or the database is newer than this program.
    """
    known = migrations() if known is None else known
    if not connection.execute("SELECT to_regclass('migrations.applied')").fetchone()[0]:  # type: ignore[index]
        return known
    rows = connection.execute("SELECT number, name, checksum FROM migrations.applied ORDER BY number").fetchall()
    if len(rows) > len(known):
        last = f"{rows[-1][0]:04}_{rows[-1][1]}"
        raise MigrationError(
            f"The database is at {last}, which this version of Khaywe does not know; "
            "run the newer version that made it.",
        )
    for (number, name, checksum), migration in zip(rows, known, strict=False):
        if (number, checksum) != (migration.number, migration.checksum):
            raise MigrationError(
                f"Migration {number:04}_{name} is not the one that was applied to this database; "
                "restore the file as it was, and put the change into a new migration.",
            )
    return known[len(rows) :]


def is_up_to_date(connection: Connection[Any]) -> bool:
    """
    Tell whether the database has seen every migration of this version. It may have seen newer ones, because they are
    applied before the processes of an older version are stopped.
    """
    row = connection.execute("SELECT coalesce(max(number), 0) FROM migrations.applied").fetchone()
    assert row is not None
    return int(row[0]) >= _newest()


@cache
def _newest() -> int:
    return migrations()[-1].number


def migrate(
    connection: Connection[Any],
    known: list[Migration] | None = None,
    *,
    on_applied: Callable[[Migration], None] = lambda _: None,
) -> list[Migration]:
    """
    Bring the schema up to date, one transaction per migration: an interrupted run continues where it stopped.

    Args:
        connection: A connection in autocommit mode whose user may create schemas and roles.
        known: The migrations to apply, by default all that ship with this version.
        on_applied: Told of each migration after it was applied.

    Returns:
        Those that were applied now.

    Raises:
        MigrationError: See `pending`; or a migration failed, and left nothing behind.
    """
    connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        connection.execute(_CREATE_TABLE)
        applied = pending(connection, known)
        for migration in applied:
            _apply(connection, migration)
            on_applied(migration)
        connection.execute(_LET_READ)
        return applied
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def _apply(connection: Connection[Any], migration: Migration) -> None:
    try:
        with connection.transaction():
            # A migration that waits for a lock makes everybody behind it wait; rather fail and be run again.
            connection.execute("SET LOCAL lock_timeout = '5s'")
            connection.execute(migration.sql)
            connection.execute(
                "INSERT INTO migrations.applied (number, name, checksum) VALUES (%s, %s, %s)",
                (migration.number, migration.name, migration.checksum),
            )
    except Error as error:
        raise MigrationError(f"Migration {migration.label} failed and was rolled back: {error}") from error
