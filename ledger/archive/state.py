"""Up to where the bulk of old events may be gone, folded from the events."""

from typing import assert_never

from msgspec import Struct

from ledger.archive.events import ArchiveEvent, BulkRemoved, BulkReturned


class Removals(Struct):
    """What was removed and not brought back."""

    until: dict[str, int] = {}
    """By partition."""
    count: int = 0
    """Of events so far."""


def evolve(removals: Removals | None, event: ArchiveEvent) -> Removals:
    """Fold one recorded fact."""
    removals = removals or Removals(until={})
    removals.count += 1
    match event:
        case BulkRemoved():
            removals.until = removals.until | event.until
        case BulkReturned():
            removals.until = {}
        case _:
            assert_never(event)
    return removals
