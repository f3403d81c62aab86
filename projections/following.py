"""Views in SQL over tables that are swapped: made to read the tables that take over, and otherwise left alone."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from psycopg import Connection, sql

from ledger.sql import load_queries

_SQL = load_queries("projections")


class Follower(Struct, frozen=True):
    """A view in SQL, and what it is made of."""

    schema: str
    name: str
    definition: str
    """Its query, every table by its full name."""


def followers_of(owner: Connection[Any], tables: Sequence[str]) -> list[Follower]:
    """
    Return the views that read tables of the schema ``views``, and let their readers wait until the transaction ends.

    Readers lock a view before its tables. Here it is the same, so that neither waits for the other for ever.

    Args:
        owner: Within a transaction; its search path is emptied until that ends.
        tables: That will be swapped.
    """
    owner.execute("SET LOCAL search_path = ''")
    found = [Follower(*row) for row in owner.execute(_SQL["followers"], {"tables": list(tables)})]
    # Made anew as they are, only for the lock: LOCK TABLE would lock the tables below as well, which readers do last.
    point_to_new_tables(owner, found)
    return found


def point_to_new_tables(owner: Connection[Any], followers: Sequence[Follower]) -> None:
    """Make the views anew where they are; names are looked up again, and now mean the new tables."""
    for follower in followers:
        statement = sql.SQL("CREATE OR REPLACE VIEW {} AS {}").format(
            sql.Identifier(follower.schema, follower.name),
            sql.SQL(follower.definition),  # as the database told it
        )
        owner.execute(statement)
