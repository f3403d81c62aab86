"""Batches as the outside sees them."""

from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from api.problems import told_problem
from projections.batches import Batch, Told


class BatchView(Struct, frozen=True):
    """A batch of purchases that is carried out in the background."""

    batch_id: str
    status: str
    """``queued``, ``running``, ``done`` or ``cancelled``."""
    is_stopping: bool
    """Somebody asked to cancel it; what is under way is finished first."""
    item_count: int
    done_count: int
    """Items that were carried out or refused so far; always the first ones."""
    posted_count: int
    replayed_count: int
    """Booked before; also what was under way when a worker was interrupted."""
    refused_count: int
    items_per_s: int | None
    """Since it began; null before."""
    seconds_left: int | None
    """At this rate; null where there is none."""
    sent_by: str
    body_sha256: str
    body_bytes: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    items_deleted_at: datetime | None
    """From then on neither results nor rejects can be read."""


class BatchPage(Struct, frozen=True):
    """Batches, newest first."""

    batches: list[BatchView]
    next_cursor: str | None


class BatchItemResult(Struct, frozen=True, omit_defaults=True):
    """What became of one item."""

    index: int
    status: int
    """As if the item had been sent alone."""
    points: int | None = None
    """Earned in all."""
    position: str | None = None
    """Reads that are given this as min_position show the purchase."""
    replayed: bool | None = None
    problem: dict[str, Any] | None = None


class BatchResults(Struct, frozen=True):
    """Results in the order of the items, as far as the batch is."""

    results: list[BatchItemResult]
    next_cursor: str | None
    """Null at the end of a batch that has ended; before that, the same cursor may be asked again later."""


def batch_view(batch: Batch) -> BatchView:
    """Return a batch as it is now."""
    seconds = 0.0
    if batch.started_at is not None:
        seconds = ((batch.ended_at or datetime.now(UTC)) - batch.started_at).total_seconds()
    is_over = batch.ended_at is not None
    per_s = batch.done_count / seconds if seconds > 0 else 0.0
    left = batch.item_count - batch.done_count
    return BatchView(
        batch_id=str(batch.batch_id),
        status=batch.status,
        is_stopping=batch.cancel_requested_at is not None and not is_over,
        item_count=batch.item_count,
        done_count=batch.done_count,
        posted_count=batch.posted_count,
        replayed_count=batch.replayed_count,
        refused_count=batch.refused_count,
        items_per_s=round(per_s) if per_s else None,
        seconds_left=round(left / per_s) if per_s and not is_over else None,
        sent_by=batch.principal,
        body_sha256=batch.body_sha256.hex(),
        body_bytes=batch.body_bytes,
        created_at=batch.created_at,
        started_at=batch.started_at,
        ended_at=batch.ended_at,
        items_deleted_at=batch.items_deleted_at,
    )


def item_result(index: int, told: Told) -> BatchItemResult:
    """Return what became of an item."""
    if told.slug:
        problem = told_problem(told.slug, told.detail, told.pointer, told.members)
        return BatchItemResult(index, problem["status"], problem=problem)
    return BatchItemResult(index, 200 if told.is_replay else 201, told.points, told.position, told.is_replay)
