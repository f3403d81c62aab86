"""When the bulk of events may be removed. Pure."""

from collections.abc import Sequence
from typing import assert_never

from ledger.archive.events import ArchiveEvent, BulkRemoved, BulkReturned
from ledger.archive.state import Removals


def decide(removals: Removals | None, command: ArchiveEvent) -> Sequence[ArchiveEvent]:
    """Turn a command into facts: each time that somebody confirms, also to go on with what was interrupted."""
    match command:
        case BulkRemoved():
            return [command]
        case BulkReturned():
            return [command] if removals is not None and removals.until else []
        case _:
            assert_never(command)
