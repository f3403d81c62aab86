"""Instructions on their way through a batch."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from ledger.posting.cache import Entry
from ledger.posting.instruction import Instruction, Outcome
from ledger.store.chain import NewEvent
from ledger.streams import StreamId


class Work(Struct, gc=False):
    """One instruction on its way through a batch."""

    instruction: Instruction
    stream_id: StreamId | None = None
    """``None`` until it is known who is meant."""
    partition: int = 0
    also: tuple[StreamId, ...] = ()
    """What the instruction's ``also`` turned out to be."""
    entry: Entry | None = None
    """The stream as it is in memory; set when there is something to decide."""
    outcome: Outcome | None = None
    """Set as soon as it is known: a refusal, an earlier result, or nothing to do."""
    first_version: int = 0
    events: Sequence[tuple[Any, bytes]] = ()
    """Each with the bytes that are stored."""
    answer: int = 0
    """Which of them answers."""
    position: int = 0
    """Of the last of them."""
    elsewhere: list[tuple[int, NewEvent]] = []
    """Events for other streams, each with its partition."""
    same_as: "Work | None" = None
    """The same request earlier in the batch; its result is this one's too."""


class RunAgain(Exception):  # between a batch and whoever runs it
    """Nothing was written; the batch has to be run again, knowing more than before."""


class CarriedOutBefore(RunAgain):
    """The batch holds an instruction that has a receipt: it has to ask for receipts first."""


class PartitionNotLocked(RunAgain):
    """An instruction has an event for a stream in a partition that the batch did not lock."""

    def __init__(self, partition: int) -> None:
        """
        Args:
            partition: To be locked from now on.
        """
        super().__init__(partition)
        self.partition = partition


class LookBack(RunAgain):
    """Instructions need the events of their streams."""

    def __init__(self, stream_ids: set[StreamId]) -> None:
        """
        Args:
            stream_ids: To be read whole.
        """
        super().__init__(len(stream_ids))
        self.stream_ids = stream_ids


class Group(Struct):
    """Instructions that arrived together."""

    works: list[Work]
    together: bool
    """All or nothing; otherwise each succeeds or fails alone."""
