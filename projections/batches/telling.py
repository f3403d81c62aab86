"""What is asked about the items of a batch, and the wish to stop it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

import msgspec
from psycopg import Connection

from ledger.sql import load_queries
from projections.batches.rows import Told
from projections.batches.storing import BLOCK_SIZE

_SQL = load_queries("projections.batches")

_results = msgspec.json.Decoder(list[Told]).decode


def read_results(connection: Connection[Any], batch_id: UUID, first: int, limit: int) -> list[Told]:
    """
    Return what became of items, in their order.

    Args:
        connection: As the application.
        batch_id: Which batch.
        first: Index of the first item.
        limit: Items at most; fewer where the batch is not as far.
    """
    start = first // BLOCK_SIZE
    asked = {"batch_id": batch_id, "first": start, "last": (first + limit - 1) // BLOCK_SIZE}
    found = [one for _, results in connection.execute(_SQL["results"], asked) for one in _results(results)]
    skipped = first - start * BLOCK_SIZE
    return found[skipped : skipped + limit]


def read_rejects(
    connect: Callable[[], AbstractContextManager[Connection[Any]]], batch_id: UUID
) -> Iterator[list[tuple[int, bytes, Told]]]:
    """
    Give the refused items of a batch so far, block by block: index, item as it was sent, and why.

    Args:
        connect: Lends a connection, for one block at a time.
        batch_id: Which batch.
    """
    first = 0
    while True:
        with connect() as connection:
            row = connection.execute(_SQL["next_rejects"], {"batch_id": batch_id, "first": first}).fetchone()
        if row is None:
            return
        number, results, items = row
        told = zip(items.split(b"\n"), _results(results), strict=True)
        yield [(number * BLOCK_SIZE + place, item, one) for place, (item, one) in enumerate(told) if one.slug]
        first = number + 1


def request_cancel(connection: Connection[Any], batch_id: UUID) -> None:
    """Ask for a batch to be stopped; one that has ended stays as it is."""
    connection.execute(_SQL["request_cancel"], {"batch_id": batch_id})
