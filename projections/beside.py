"""Tables beside the live ones: made alike, names of indexes and all, so that they can take their place."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from psycopg import Connection, OperationalError, sql

from ledger.sql import load_queries
from projections.following import followers_of, point_to_new_tables
from projections.page import View

_SQL = load_queries("projections")
BESIDE = "views_beside"
"""Where views are built before they take the live ones' place."""

_BEFORE = "views_before"
"""Where the old tables are while what reads them is pointed to the new ones."""

_LOCK = 0x6B687669657773
"""Held by whoever builds views; the server lets go of it when the session ends, however it ends."""


_FILLED_UNKEYED = frozenset({"timeline"})
"""Only ever added to: the key, too, is made faster when the table is full."""


class RebuildRunning(ValueError):  # an operator's mistake, told on the command line
    """Somebody else is building views anew."""


def tables_of(views: Sequence[View]) -> list[str]:
    """Return the names of all tables of some views."""
    return [table for view in views for table in view.tables]


@contextmanager
def sole_builder(owner: Connection[Any]) -> Iterator[None]:
    """
    Keep others from building meanwhile, and leave nothing behind, whatever happens.

    Raises:
        RebuildRunning: In another session.
    """
    held = owner.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
    if not (held and held[0]):
        raise RebuildRunning("Views are being built anew already; wait until that has ended.")
    try:
        yield
    finally:
        # Where the connection is lost, so is the lock; the next run drops what is left.
        with suppress(OperationalError):
            drop(owner)
            owner.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def make_room(owner: Connection[Any], views: Sequence[View]) -> None:
    """
    Make empty tables beside the live ones; what an interrupted run left is dropped first.

    They have the keys that filling them needs. All other indexes are made once they are full: `complete`.
    """
    with owner.transaction():
        drop(owner)
        owner.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(BESIDE)))
        owner.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO khaywe_app").format(sql.Identifier(BESIDE)))
        for table in ("tracking", *tables_of(views)):
            _make(owner, table)


def drop(owner: Connection[Any]) -> None:
    """Drop whatever stands beside the live tables."""
    owner.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(BESIDE)))


def complete(owner: Connection[Any], views: Sequence[View]) -> None:
    """Make the other indexes of tables that are filled, and let the planner look at them."""
    owner.execute("SET maintenance_work_mem = '256MB'")
    for table in tables_of(views):
        if table in _FILLED_UNKEYED:
            _add_key(owner, table)
        for (definition,) in owner.execute(_SQL["other_indexes"], {"schema": "views", "table": table}).fetchall():
            owner.execute(definition.replace(" ON views.", f" ON {BESIDE}.", 1))
        owner.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(BESIDE, table)))
    owner.execute("RESET maintenance_work_mem")


def swap(owner: Connection[Any], views: Sequence[View]) -> None:
    """Put the tables in the place of the live ones, in the caller's transaction; views in SQL follow."""
    tables = tables_of(views)
    followers = followers_of(owner, tables)
    before = sql.Identifier(_BEFORE)
    owner.execute(sql.SQL("CREATE SCHEMA {}").format(before))
    for table in tables:
        owner.execute(sql.SQL("ALTER TABLE views.{} SET SCHEMA {}").format(sql.Identifier(table), before))
        owner.execute(sql.SQL("ALTER TABLE {} SET SCHEMA views").format(sql.Identifier(BESIDE, table)))
    point_to_new_tables(owner, followers)
    # Not all at once with CASCADE: whatever still reads an old table is to be noticed, and not to vanish.
    for table in tables:
        owner.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(_BEFORE, table)))
    owner.execute(sql.SQL("DROP SCHEMA {}").format(before))


def _make(owner: Connection[Any], table: str) -> None:
    beside = sql.Identifier(BESIDE, table)
    create = sql.SQL("CREATE TABLE {} (LIKE views.{} INCLUDING ALL EXCLUDING INDEXES)")
    owner.execute(create.format(beside, sql.Identifier(table)))
    asked = {"schema": "views", "table": table}
    if table not in _FILLED_UNKEYED:
        _add_key(owner, table)
    for option, value in owner.execute(_SQL["storage_of"], asked).fetchall():
        owner.execute(
            sql.SQL("ALTER TABLE {} SET ({} = {})").format(beside, sql.Identifier(option), sql.Literal(value))
        )
    # As the live ones had them when they were made; sequences and functions they have none.
    for privilege, role in owner.execute(_SQL["grants_of"], asked).fetchall():
        owner.execute(sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(privilege), beside, sql.Identifier(role)))


def _add_key(owner: Connection[Any], table: str) -> None:
    beside = sql.Identifier(BESIDE, table)
    for name, definition in owner.execute(_SQL["key_of"], {"schema": "views", "table": table}).fetchall():
        add = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} ").format(beside, sql.Identifier(name))
        owner.execute(add + sql.SQL(definition))
