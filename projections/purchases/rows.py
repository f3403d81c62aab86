"""The purchases of an account."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import Connection

from ledger.sql import load_queries
from ledger.store.partitions import partition_of
from ledger.streams import StreamId

_SQL = load_queries("projections.purchases")


class PurchaseRow(Struct, frozen=True):
    """One purchase."""

    version: int
    """Of the account event."""
    source: str
    transaction_id: str
    occurred_at: datetime
    effective_on: date
    amount_minor: int
    """In minor units of ``currency``."""
    currency: str
    program_version: int
    points: int
    """It earns in all, in the smallest unit: after what was returned, and after what arrived late."""
    returned_minor: int
    """Given back in all, before any reduction of refunds."""


def read_purchases(
    connection: Connection[Any],
    account_id: StreamId,
    partition_count: int,
    *,
    before: int | None = None,
    limit: int = 100,
) -> list[PurchaseRow]:
    """
    Return purchases of an account, newest booking first.

    Args:
        connection: To the database.
        account_id: Whose.
        partition_count: Of the ledger.
        before: Version of the last purchase of the page before.
        limit: Purchases at most.
    """
    rows = connection.execute(
        _SQL["purchases"],
        {
            "partition": partition_of(account_id, partition_count),
            "account_id": UUID(bytes=account_id),
            "before": before or 2**62,
            "limit": limit,
        },
    )
    return [PurchaseRow(*row) for row in rows]
