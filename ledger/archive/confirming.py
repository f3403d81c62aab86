"""Who confirmed that the bulk of events may leave, and whether more may leave than somebody confirmed."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from psycopg import Connection, IsolationLevel

from ledger.archive.decide import decide
from ledger.archive.events import ArchiveEvent
from ledger.archive.state import Removals, evolve
from ledger.posting.histories import read_histories
from ledger.posting.instruction import Instruction
from ledger.streams import ARCHIVE, archive_stream_id


class Unconfirmed(NamedTuple):
    """States of a partition may leave that nobody has confirmed."""

    partition: int
    position: int
    """Up to here they may leave."""
    confirmed: int
    """Up to here somebody confirmed it."""


def on_record(event: ArchiveEvent) -> Instruction:
    """Return the instruction that records what a person confirmed."""
    key = sha256(repr(event).encode())
    return Instruction(
        ARCHIVE,
        archive_stream_id(),
        (("archive", key.hexdigest()),),
        key.digest(),
        lambda state: decide(state, event),
    )


def unconfirmed(connection: Connection[Any], partition_count: int) -> Iterator[Unconfirmed]:
    """
    Compare what the database lets go with what is on record, as of one moment.

    Args:
        connection: In autocommit mode.
        partition_count: Of the ledger.
    """
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    with connection.transaction():
        allowed = connection.execute("SELECT partition, position FROM ledger.removals ORDER BY partition").fetchall()
        (history,) = read_histories(connection, [archive_stream_id()], partition_count).values()
    removals = Removals()
    for event in history:
        removals = evolve(removals, event)
    for partition, position in allowed:
        confirmed = removals.until.get(str(partition), 0)
        if position > confirmed:
            yield Unconfirmed(partition, position, confirmed)
