"""What a worker writes while it carries a batch out."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from psycopg import Connection

from ledger.sql import load_queries
from projections.batches.rows import Batch, Told
from projections.batches.storing import BLOCK_SIZE

_SQL = load_queries("projections.batches")

_encode = msgspec.json.Encoder().encode


def open_batches(connection: Connection[Any]) -> list[UUID]:
    """Return batches that are to be carried out, oldest first."""
    return [batch_id for (batch_id,) in connection.execute(_SQL["open_batches"])]


def start_batch(connection: Connection[Any], batch_id: UUID) -> None:
    """Note that a batch begins; one that has begun or ended stays as it is."""
    connection.execute(_SQL["start_batch"], {"batch_id": batch_id})


def record_block(connection: Connection[Any], batch: Batch, number: int, results: Sequence[Told]) -> bool:
    """
    Note what became of a block, and that the batch is as far.

    Args:
        connection: As the application.
        batch: As it was before this block.
        number: Of the block.
        results: One per item.

    Returns:
        Whether it was noted; not if somebody else has, or the batch has ended.
    """
    refused_count = sum(bool(one.slug) for one in results)
    replayed_count = sum(one.is_replay for one in results)
    asked = {
        "batch_id": batch.batch_id,
        "number": number,
        # Where this block begins, and not how far the batch is by now: that may be somebody else's work.
        "done_count": number * BLOCK_SIZE,
        "count": len(results),
        "posted_count": len(results) - refused_count - replayed_count,
        "replayed_count": replayed_count,
        "refused_count": refused_count,
        "results": _encode(results),
    }
    with connection.transaction():
        if connection.execute(_SQL["advance"], asked).fetchone() is None:
            return False
        if results:
            connection.execute(_SQL["insert_results"], asked)
    return True


def end_cancelled(connection: Connection[Any], batch_id: UUID) -> None:
    """Note that a batch was stopped, because somebody asked for it."""
    connection.execute(_SQL["end_cancelled"], {"batch_id": batch_id})
