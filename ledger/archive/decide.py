"""When the bulk of events may be removed. Pure."""

from collections.abc import Sequence
from typing import assert_never

from ledger.archive.events import ArchiveEvent, BulkRemoved, BulkReturned
from ledger.archive.state import Removals


def decide(removals: Removals | None, command: ArchiveEvent) -> Sequence[ArchiveEvent]:
    """Turn a command into facts; what is on record already is not recorded again."""
    removals = removals or Removals()
    match command:
        case BulkRemoved():
            news = any(removals.until.get(partition, 0) < last for partition, last in command.until.items())
            return [command] if news else []
        case BulkReturned():
            return [command] if removals.until else []
        case _:
            assert_never(command)
