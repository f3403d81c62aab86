"""The holds of an account."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import Connection

from ledger.sql import load_queries
from ledger.store.partitions import partition_of
from ledger.streams import StreamId

_SQL = load_queries("projections.holds")


class HoldRow(Struct, frozen=True):
    """Points that were reserved."""

    hold_id: str
    point_currency: str
    points: int
    """Reserved, in the smallest unit of their currency."""
    held_at: datetime
    expires_at: datetime
    """From this moment on the points are free again, whether or not it is recorded yet."""
    status: str
    """``open``, ``captured``, ``voided`` or ``expired``, as far as it was recorded."""
    captured_points: int
    """Redeemed by the capture."""
    resolved_at: datetime | None
    version: int
    """Of the account event that made it."""


def read_holds(
    connection: Connection[Any],
    account_id: StreamId,
    partition_count: int,
    *,
    with_resolved: bool = False,
    before: int | None = None,
    limit: int = 100,
) -> list[HoldRow]:
    """
    Return holds of an account, newest first.

    Args:
        connection: To the database.
        account_id: Whose.
        partition_count: Of the ledger.
        with_resolved: Also those that are not open any more.
        before: Version of the last hold of the page before.
        limit: Holds at most.
    """
    rows = connection.execute(
        _SQL["holds"],
        {
            "partition": partition_of(account_id, partition_count),
            "account_id": UUID(bytes=account_id),
            "with_resolved": with_resolved,
            "before": before or 2**62,
            "limit": limit,
        },
    )
    return [HoldRow(*row) for row in rows]
