"""What an account holds."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import Connection

from ledger.sql import joined, load_queries
from ledger.store.partitions import partition_of
from ledger.streams import StreamId

_SQL = load_queries("projections.balances")


class BalanceRow(Struct, frozen=True):
    """One point currency of an account on a date. Points in its smallest unit."""

    point_currency: str
    available_points: int
    """Can be spent on that date."""
    promised_points: int
    """Accrued, and not available yet."""
    lapsed_points: int
    """Past their expiry date."""
    balance_points: int
    """The sum of the three: what the open lots hold."""
    accrued_points: int
    redeemed_points: int
    reversed_points: int
    """Redeemed points given back by reversals."""
    next_expiry_on: date | None
    """The next date on which points lapse."""


class AccountRow(Struct, frozen=True):
    """A member's account in a program."""

    account_id: UUID
    member_id: UUID
    opened_on: date
    as_of: date
    """Program-local date the balances are about."""
    balances: list[BalanceRow]
    partition: int
    position: int
    """Everything up to this position of the partition is in the figures."""


def read_accounts(
    connection: Connection[Any],
    account_ids: Sequence[StreamId],
    on: date,
    partition_count: int,
) -> dict[StreamId, AccountRow]:
    """Return those of the accounts that the views know, as of ``on``, in one round trip."""
    rows = connection.execute(
        _SQL["account"],
        {
            "account_ids": joined([account_id.hex() for account_id in account_ids]),
            "partitions": joined([str(partition_of(account_id, partition_count)) for account_id in account_ids]),
            "on": on,
        },
        binary=True,
    )
    found: dict[StreamId, AccountRow] = {}
    for (
        account_id,
        member_id,
        opened_on,
        partition,
        position,
        code,
        balance,
        accrued,
        redeemed,
        reversed_,
        *lots,
    ) in rows:
        account = found.get(account_id.bytes)
        if account is None:
            account = AccountRow(account_id, member_id, opened_on, on, [], partition, position or 0)
            found[account_id.bytes] = account
        if code is not None:
            available, promised, lapsed, next_expiry_on = lots
            account.balances.append(
                BalanceRow(
                    code,
                    available,
                    promised,
                    lapsed,
                    balance,
                    accrued,
                    redeemed,
                    reversed_,
                    next_expiry_on,
                ),
            )
    return found
