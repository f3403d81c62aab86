"""What a worker reads and writes while it answers a what-if."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import Connection

from ledger.archive.cold import whole
from ledger.sql import joined, load_queries
from ledger.store.partitions import partition_of
from projections.whatifs.rows import Found, WhatIf, encode
from projections.whatifs.totals import Totals

_SQL = load_queries("projections.whatifs")

Stored = list[tuple[str, bytes]]
"""Events of an account as they are stored: topic and state, oldest first."""


def open_what_ifs(connection: Connection[Any]) -> list[UUID]:
    """Return what-ifs that are to be answered, oldest first."""
    return [what_if_id for (what_if_id,) in connection.execute(_SQL["open_what_ifs"])]


def start_what_if(connection: Connection[Any], what_if_id: UUID) -> None:
    """Note that one begins; one that has begun or ended stays as it is."""
    connection.execute(_SQL["start_what_if"], {"what_if_id": what_if_id})


def read_accounts(connection: Connection[Any], asked: WhatIf, after: UUID, limit: int) -> list[tuple[UUID, UUID]]:
    """Return a page of accounts, each after its member, in the order of the members."""
    wanted = {
        "program_id": asked.program_id,
        "after_member": after,
        "last_account": asked.last_account,
        "limit": limit,
    }
    return connection.execute(_SQL["accounts_after"], wanted).fetchall()


def read_stored(connection: Connection[Any], accounts: Sequence[tuple[UUID, UUID]], asked: WhatIf) -> list[Stored]:
    """Return the events of accounts as far as they are looked at, in one round trip."""
    count = len(asked.positions)
    rows = connection.execute(
        _SQL["histories_until"],
        {
            "partitions": joined([str(partition_of(account.bytes, count)) for _, account in accounts]),
            "stream_ids": joined([str(account) for _, account in accounts]),
            "positions": asked.positions,
        },
        binary=True,
    )
    found: list[Stored] = [[] for _ in accounts]
    for ordinal, topic, state in whole(connection, rows, 2):
        found[ordinal - 1].append((topic, state))
    return found


def record_page(
    connection: Connection[Any],
    before: WhatIf,
    accounts: Sequence[tuple[UUID, UUID]],
    found: Sequence[Found],
    so_far: tuple[Totals, bytes],
) -> bool:
    """
    Note what was found on a page, and that the what-if is as far.

    Args:
        connection: As the application.
        before: As it was before this page.
        accounts: Of the page.
        found: Those of them for which something would be different.
        so_far: Totals of everything, and the hash over it.

    Returns:
        Whether it was noted; not if somebody else has, or it has ended.
    """
    totals, result_sha256 = so_far
    asked = {
        "what_if_id": before.what_if_id,
        "done_count": before.done_count,
        "count": len(accounts),
        "after_member": accounts[-1][0],
        "totals": encode(totals),
        "result_sha256": result_sha256,
    }
    with connection.transaction():
        if connection.execute(_SQL["advance_what_if"], asked).fetchone() is None:
            return False
        if found:
            _copy(connection, before.what_if_id, found)
    return True


def _copy(connection: Connection[Any], what_if_id: UUID, found: Sequence[Found]) -> None:
    statement = (
        "COPY what_ifs.members (what_if_id, account_id, member_id, version, absolute_points, change_points, outcome)"
        " FROM STDIN (FORMAT BINARY)"
    )
    with connection.cursor().copy(statement) as copy:
        copy.set_types(["uuid", "uuid", "uuid", "int8", "int8", "int8", "bytea"])
        for one in found:
            copy.write_row(
                (
                    what_if_id,
                    one.account_id,
                    one.member_id,
                    one.version,
                    one.absolute_points,
                    one.change_points,
                    one.outcome,
                )
            )


def end_what_if(connection: Connection[Any], what_if_id: UUID, status: str, failure: str = "") -> None:
    """Note how a what-if ended: ``done``, ``cancelled`` or ``failed``."""
    connection.execute(_SQL["end_what_if"], {"what_if_id": what_if_id, "status": status, "failure": failure})
