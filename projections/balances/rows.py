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
    """
    One point currency of an account on a date. Points in its smallest unit.

    Always ``balance = spendable + promised + lapsed + held - owed``, where ``spendable`` is what lots hold that can be
    used on that date. What is owed comes off it first: ``available = max(0, spendable - owed)``. So, for an account
    that owes nothing, ``balance = available + promised + lapsed + held``; and for every account ``balance = available +
    promised + lapsed + held`` less what is owed beyond what could be spent.
    """

    point_currency: str
    available_points: int
    """Can be spent on that date: what is owed is taken off, and it is never below zero."""
    promised_points: int
    """Accrued, and not available yet."""
    held_points: int
    """Reserved by holds."""
    lapsed_points: int
    """Past their expiry date, lost by inactivity, or their awaited event did not come in time."""
    owed_points: int
    """Taken back when they were spent already; later points pay it."""
    balance_points: int
    """Booked: what the open lots hold and what is held, less what is owed; below zero where more is owed."""
    accrued_points: int
    redeemed_points: int
    reversed_points: int
    """Redeemed points given back by reversals."""
    expired_points: int
    """Lapsed and booked as such, for whatever reason."""
    reinstated_points: int
    """Lapsed points that were given back."""
    clawed_back_points: int
    """Taken back by returns of purchases, or by pricing them again."""
    credited_points: int
    """Given by operators."""
    debited_points: int
    """Taken by operators."""
    transferred_in_points: int
    transferred_out_points: int
    next_expiry_on: date | None
    """The next date on which points lapse if nothing happens."""


class AccountRow(Struct, frozen=True):
    """A member's account in a program."""

    account_id: UUID
    member_id: UUID
    opened_on: date
    status: str
    """``open``, ``earn_only``, ``suspended`` or ``closed``."""
    merged_into: str
    """The member whose account took over a closed one; empty if none did."""
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
    for account_id, member_id, opened_on, status, merged_into, partition, position, *balance in rows:
        account = found.get(account_id.bytes)
        if account is None:
            account = AccountRow(
                account_id, member_id, opened_on, status, merged_into, on, [], partition, position or 0
            )
            found[account_id.bytes] = account
        if balance[0] is not None:
            account.balances.append(BalanceRow(*balance))
    return found
