"""The story of an account."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import Connection

from ledger.sql import load_queries
from ledger.store.partitions import partition_of
from ledger.streams import StreamId

_SQL = load_queries("projections.timeline")


class TimelineRow(Struct, frozen=True):
    """What one event did to one point currency; or that it happened, if it moved no points."""

    version: int
    """Of the account event."""
    line: int
    """Counts the point currencies of the event, from 0."""
    topic: str
    occurred_at: datetime
    effective_on: date
    recorded_at: datetime
    reference: str
    """What the outside calls it: the transaction, return, redemption, hold, adjustment, transfer, voucher or member it
    is about, ``ladder:tier`` or ``ladder:period``; for what has no such name, its reason."""
    point_currency: str | None
    points: int
    """Signed: what it changed in the booked balance. Holds change nothing until they are captured."""
    balance_points: int | None
    """Booked afterwards, held points included and debts taken off."""


def read_timeline(
    connection: Connection[Any],
    account_id: StreamId,
    partition_count: int,
    *,
    before: tuple[int, int] | None = None,
    limit: int = 100,
) -> list[TimelineRow]:
    """
    Return lines of an account's story, newest booking first.

    Args:
        connection: To the database.
        account_id: Whose.
        partition_count: Of the ledger.
        before: Version and line of the last line of the page before.
        limit: Lines at most.
    """
    version, line = before or (2**62, 0)
    rows = connection.execute(
        _SQL["timeline"],
        {
            "partition": partition_of(account_id, partition_count),
            "account_id": UUID(bytes=account_id),
            "before_version": version,
            "before_line": line,
            "limit": limit,
        },
    )
    return [TimelineRow(*row) for row in rows]


def read_lines_of(
    connection: Connection[Any], account_id: StreamId, partition_count: int, first: int, last: int
) -> list[TimelineRow]:
    """Return the lines of a range of versions of an account, newest first."""
    asked = {
        "partition": partition_of(account_id, partition_count),
        "account_id": UUID(bytes=account_id),
        "first": first,
        "last": last,
    }
    return [TimelineRow(*row) for row in connection.execute(_SQL["lines_of"], asked)]
