"""The tiers and vouchers of an account."""

from datetime import date
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import Connection

from ledger.sql import load_queries
from ledger.store.partitions import partition_of
from ledger.streams import StreamId

_SQL = load_queries("projections.tiers")


class TierRow(Struct, frozen=True):
    """A tier that a member holds, as far as it was recorded."""

    ladder: str
    tier: str
    since: date
    valid_until: date | None
    """First date on which it is no longer held; absent means for ever."""


class VoucherRow(Struct, frozen=True):
    """Money off a later purchase, made of points that lapsed."""

    voucher_id: str
    point_currency: str
    points: int
    """It was made of."""
    value_minor: int
    """In minor units of ``currency``."""
    currency: str
    issued_on: date
    expires_on: date
    version: int
    """Of the account event."""


def read_tiers(connection: Connection[Any], account_id: StreamId, partition_count: int) -> list[TierRow]:
    """Return the tiers that an account holds, by ladder."""
    asked = {"partition": partition_of(account_id, partition_count), "account_id": UUID(bytes=account_id)}
    return [TierRow(*row) for row in connection.execute(_SQL["tiers"], asked)]


def read_vouchers(
    connection: Connection[Any],
    account_id: StreamId,
    partition_count: int,
    *,
    before: int | None = None,
    limit: int = 100,
) -> list[VoucherRow]:
    """
    Return vouchers of an account, newest first.

    Args:
        connection: To the database.
        account_id: Whose.
        partition_count: Of the ledger.
        before: Version of the last voucher of the page before.
        limit: Vouchers at most.
    """
    rows = connection.execute(
        _SQL["vouchers"],
        {
            "partition": partition_of(account_id, partition_count),
            "account_id": UUID(bytes=account_id),
            "before": before or 2**62,
            "limit": limit,
        },
    )
    return [VoucherRow(*row) for row in rows]
