"""Batches, and what is kept about an item."""

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from msgspec import Struct
from psycopg import Connection
from psycopg.rows import class_row

from ledger.errors import LedgerError
from ledger.sql import load_queries

_SQL = load_queries("projections.batches")

Status = Literal["queued", "running", "done", "cancelled"]


class Batch(Struct, frozen=True):
    """A batch, and how far it is."""

    batch_id: UUID
    program_id: str
    principal: str
    """Who sent it."""
    media_type: str
    body_sha256: bytes
    body_bytes: int
    status: Status
    item_count: int
    done_count: int
    """Items that were carried out or refused so far; always the first ones."""
    posted_count: int
    replayed_count: int
    refused_count: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    cancel_requested_at: datetime | None
    items_deleted_at: datetime | None


BatchCursor = tuple[datetime, UUID]
"""When the last batch seen was taken in, and its id."""


class Told(Struct, frozen=True, omit_defaults=True):
    """What became of an item: booked, or refused for a reason."""

    points: int = 0
    position: str = ""
    """Where it was booked; empty if it was not."""
    is_replay: bool = False
    slug: str = ""
    """Of the refusal; empty if it was booked."""
    detail: str = ""
    pointer: str | None = None
    members: dict[str, Any] = {}

    @classmethod
    def refusing(cls, refusal: LedgerError) -> Self:
        """Return what is kept about a refusal."""
        return cls(slug=refusal.slug, detail=refusal.detail, pointer=refusal.pointer, members=dict(refusal.members))


def read_batch(connection: Connection[Any], batch_id: UUID, program_id: str | None = None) -> Batch | None:
    """Return a batch, if there is one; of any program unless told otherwise."""
    with connection.cursor(row_factory=class_row(Batch)) as cursor:
        return cursor.execute(_SQL["batch"], {"batch_id": batch_id, "program_id": program_id}).fetchone()


def read_batches(
    connection: Connection[Any],
    program_id: str | None = None,
    after: BatchCursor | None = None,
    limit: int = 100,
) -> list[Batch]:
    """Return batches, newest first, after one of them; of all programs unless told otherwise."""
    created_at, batch_id = after or (None, None)
    asked = {"program_id": program_id, "created_at": created_at, "batch_id": batch_id, "limit": limit}
    with connection.cursor(row_factory=class_row(Batch)) as cursor:
        return cursor.execute(_SQL["batches"], asked).fetchall()
