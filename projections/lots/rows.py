"""The lots of an account."""

from datetime import date
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import Connection

from ledger.sql import load_queries
from ledger.store.partitions import partition_of
from ledger.streams import StreamId

_SQL = load_queries("projections.lots")

LotCursor = tuple[date | None, date, int]
"""Expiry, earning date and number of the last lot seen."""


class LotRow(Struct, frozen=True):
    """Points of one accrual. Points in the smallest unit of their currency."""

    lot: int
    point_currency: str
    accrued_points: int
    open_points: int
    """Not used up yet, whatever the dates say."""
    earned_on: date
    available_from: date
    expires_on: date | None
    """First date on which they can no longer be spent; absent means never."""
    kind: str
    rule: str
    funding: str
    awaits: str
    """The business event that makes them available; empty if they await none, or it has come."""
    cancels_on: date | None
    """First date on which they are lost if that event has not come."""
    idle_months: int
    """Months without activity after which they lapse; 0 means that inactivity does not matter."""
    activities: list[str]
    """What counts as activity for them; empty for the usual: purchases, accruals and redemptions."""
    converts: bool
    """What is left of them becomes a voucher when they lapse."""
    is_released: bool
    """That they became available was recorded."""
    version: int
    """Of the account event that made it."""


def read_lots(
    connection: Connection[Any],
    account_id: StreamId,
    partition_count: int,
    *,
    with_used: bool = False,
    after: LotCursor | None = None,
    limit: int = 100,
) -> list[LotRow]:
    """
    Return lots of an account in the order in which they will be used.

    Args:
        connection: To the database.
        account_id: Whose.
        partition_count: Of the ledger.
        with_used: Also those with no points left.
        after: The last lot of the page before.
        limit: Lots at most.
    """
    expiry, earned_on, lot = after or ("-infinity", date.min, 0)
    rows = connection.execute(
        _SQL["lots"],
        {
            "partition": partition_of(account_id, partition_count),
            "account_id": UUID(bytes=account_id),
            "with_used": with_used,
            "after_expiry": expiry or "infinity",
            "after_earned": earned_on,
            "after_lot": lot,
            "limit": limit,
        },
    )
    return [LotRow(*row) for row in rows]
