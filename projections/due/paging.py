"""What is due, a page at a time."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct
from psycopg import Connection

from ledger.sql import load_queries

_SQL = load_queries("projections.due")

PAGE_SIZE = 1000
"""Rows at a time, unless told otherwise."""


class Scope(Struct, frozen=True):
    """Which accounts: programs have time zones of their own, so that a date means something within one only."""

    program_id: str
    partition: int


def pages(
    connection: Connection[Any], query: str, scope: Scope, asked: Mapping[str, Any], size: int = PAGE_SIZE
) -> Iterator[list[Any]]:
    """
    Ask once, and give the rows a page at a time.

    The server keeps them in a file of its own, so that neither our memory nor an open transaction holds them while what
    is found is worked on; asking for every page anew would sort everything that is due again and again.

    Args:
        connection: To the database, not in a transaction.
        query: Name of the query.
        scope: Which accounts.
        asked: Further parameters of the query.
        size: Rows at most on a page.
    """
    with connection.cursor(f"due_{query}", withhold=True) as cursor:
        cursor.execute(_SQL[query], {"program_id": scope.program_id, "partition": scope.partition, **asked})
        while page := cursor.fetchmany(size):
            yield page
