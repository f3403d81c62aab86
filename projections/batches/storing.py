"""Taking batches in, and giving their items up."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
from msgspec import Struct
from psycopg import Connection

from ledger.posting.instruction import KeyReused
from ledger.sql import load_queries
from projections.batches.rows import Batch, Told, read_batch

_SQL = load_queries("projections.batches")

BLOCK_SIZE = 1_000
"""Items in a block; only the last block of a batch has fewer."""


class NewBatch(Struct, frozen=True):
    """A batch as it was sent."""

    program_id: str
    family: str
    """Of the keys: the space in which ``key`` is unique."""
    key: str
    principal: str
    media_type: str
    body_sha256: bytes
    body_bytes: int


class Block(Struct, frozen=True):
    """Consecutive items of a batch."""

    items: Sequence[bytes]
    """As they were sent, without line breaks."""
    unreadable: dict[int, Told]
    """Items that cannot be posted at all, by their place in the block."""


_encode = msgspec.json.Encoder().encode
_unreadable = msgspec.json.Decoder(dict[int, Told]).decode


def store_batch(connection: Connection[Any], new: NewBatch, blocks: Iterable[Block]) -> tuple[Batch, bool]:
    """
    Keep a batch to be carried out, as a whole or not at all.

    Args:
        connection: As the application.
        new: What is known before the items are read.
        blocks: Its items; not read if the batch is there already. What they raise leaves nothing behind.

    Returns:
        The batch, and whether it was there before.

    Raises:
        KeyReused: Another body was sent with its key.
    """
    batch_id = uuid4()
    asked = msgspec.structs.asdict(new) | {"batch_id": batch_id}
    with connection.transaction():
        is_new = connection.execute(_SQL["insert_batch"], asked).fetchone() is not None
        if is_new:
            item_count = _copy(connection, batch_id, blocks)
            connection.execute(_SQL["count_items"], {"batch_id": batch_id, "item_count": item_count})
    if not is_new:
        row = connection.execute(_SQL["batch_of_key"], asked).fetchone()
        assert row is not None
        (batch_id,) = row
    batch = read_batch(connection, batch_id)
    assert batch is not None
    if not is_new:
        _require_same(batch, new)
    return batch, not is_new


def _copy(connection: Connection[Any], batch_id: UUID, blocks: Iterable[Block]) -> int:
    item_count = 0
    statement = "COPY batches.blocks (batch_id, number, items, unreadable) FROM STDIN (FORMAT BINARY)"
    with connection.cursor().copy(statement) as copy:
        copy.set_types(["uuid", "int4", "bytea", "bytea"])
        for number, block in enumerate(blocks):
            copy.write_row((batch_id, number, b"\n".join(block.items), _encode(block.unreadable)))
            item_count += len(block.items)
    return item_count


def _require_same(batch: Batch, new: NewBatch) -> None:
    if (batch.body_sha256, batch.media_type) == (new.body_sha256, new.media_type):
        return
    message = (
        f"This key was used for a batch of {batch.body_bytes} bytes of {batch.media_type}, and this one has "
        f"{new.body_bytes} bytes of {new.media_type} that differ; send it with a key of its own."
    )
    raise KeyReused(
        message,
        pointer="/Idempotency-Key",
        batch_id=str(batch.batch_id),
        known_sha256=batch.body_sha256.hex(),
        known_bytes=batch.body_bytes,
        sent_sha256=new.body_sha256.hex(),
        sent_bytes=new.body_bytes,
    )


def read_block(connection: Connection[Any], batch_id: UUID, number: int) -> Block:
    """Return a block of a batch whose items are there."""
    row = connection.execute(_SQL["block"], {"batch_id": batch_id, "number": number}).fetchone()
    assert row is not None
    items, unreadable = row
    return Block(items.split(b"\n"), _unreadable(unreadable))


def delete_items(connection: Connection[Any], before: datetime, limit: int = 100) -> list[UUID]:
    """
    Delete the items and results of batches that ended before a moment; their counts stay.

    Returns:
        Which batches it was; fewer than ``limit`` when there are no more.
    """
    deleted = []
    for (batch_id,) in connection.execute(_SQL["kept_batches"], {"before": before, "limit": limit}).fetchall():
        with connection.transaction():
            for statement in ("delete_blocks", "delete_results", "note_deleted"):
                connection.execute(_SQL[statement], {"batch_id": batch_id})
        deleted.append(batch_id)
    return deleted
