"""
The right to be forgotten: who a member is goes, the account and every total stay, and that is proved.

Three steps, each of which may be repeated: what is asked is written down; the account's stream gets its tombstone; one
transaction deletes everything personal and writes the proof. Whoever is interrupted is finished by asking again, or by
the job ``finish-erasures``.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg import Connection
from psycopg.errors import SerializationFailure
from psycopg.types.json import Jsonb

from ledger.posting.instruction import Posted
from ledger.sql import load_queries
from ledger.store.partitions import partition_of
from ledger.streams import account_stream_id

_SQL = load_queries("ledger.members", "leaving.sql")


_TRIES = 10
"""Somebody else may change the same rows meanwhile; then everything is looked at afresh."""


class Total(Struct, frozen=True):
    """Of all accounts of the program together, in one point currency."""

    point_currency: str
    booked_points: int
    accrued_points: int


class Link(Struct, frozen=True):
    """An event of the chain."""

    partition: int
    position: int
    hash: str
    """SHA-256, in hex."""


class Proof(Struct, frozen=True):
    """What was erased, and that nothing else changed. Holds no personal data."""

    program_id: str
    member_id: UUID
    reason: str
    points: str
    erased_at: datetime
    erased_by: str
    rows: dict[str, int]
    """Deleted, or, of ``enrolment_keys``, blanked, by table."""
    merged_members: list[UUID]
    """Who had been merged into the member, and was erased too."""
    totals_before: list[Total]
    totals_after: list[Total]
    """As the views showed them, in the very transaction that deleted."""
    shown_positions: dict[str, int]
    """Up to which position of each partition the totals go."""
    tombstone: Link
    """The event that tells of the erasure."""
    head: Link
    """Where the chain of that partition ended afterwards."""


class Asked(Struct, frozen=True):
    """An erasure that was asked for."""

    program_id: str
    member_id: UUID
    request: str
    """As JSON."""
    principal: str
    asked_at: datetime
    proof: Proof | None


_decode = msgspec.json.Decoder(Proof).decode


def asked_before(connection: Connection[Any], program_id: str, member_id: UUID) -> Asked | None:
    """Return the erasure of a member, if one was ever asked for."""
    return _asked(connection, "asked", {"program_id": program_id, "member_id": member_id})


def asked_with_key(connection: Connection[Any], source: str, key: str) -> Asked | None:
    """Return the erasure that was asked for with an idempotency key."""
    return _asked(connection, "asked_by_key", {"source": source, "key": key})


def ask(connection: Connection[Any], asked: Asked, reference: tuple[str, str] | None) -> None:
    """Write down what is asked, unless there is an erasure of the member already."""
    source, key = reference or (None, None)
    values = _values(asked) | {"source": source, "key": key}
    connection.execute(_SQL["ask"], values)


def withdraw(connection: Connection[Any], program_id: str, member_id: UUID) -> None:
    """Take back what was asked and refused."""
    connection.execute(_SQL["withdraw"], {"program_id": program_id, "member_id": member_id})


def unfinished_erasures(connection: Connection[Any], before: datetime) -> list[Asked]:
    """Return erasures that were asked for before a moment, and are not proved yet."""
    return [_of(row) for row in connection.execute(_SQL["unfinished_erasures"], {"before": before})]


def forget(
    connection: Connection[Any], asked: Asked, tombstone: Posted, partition_count: int, erased_at: datetime
) -> Proof:
    """
    Delete everything personal about a member, and prove it.

    Args:
        connection: In autocommit mode.
        asked: What was asked.
        tombstone: The event is durable.
        partition_count: Of the ledger.
        erased_at: Now.

    Returns:
        The proof; the first one, if somebody else was faster.
    """
    for left in range(_TRIES, 0, -1):
        try:
            _forget(connection, asked, tombstone, partition_count, erased_at)
            break
        except SerializationFailure:
            if left == 1:
                raise
    stored = asked_before(connection, asked.program_id, asked.member_id)
    assert stored is not None
    assert stored.proof is not None
    return stored.proof


def _forget(
    connection: Connection[Any], asked: Asked, tombstone: Posted, partition_count: int, erased_at: datetime
) -> None:
    key = {"program_id": asked.program_id, "member_id": asked.member_id}
    with connection.transaction():
        # One view of everything from here on: what others post meanwhile is in neither of the totals.
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        before = _totals(connection, asked.program_id)
        ids: list[UUID] = sorted(row[0] for row in connection.execute(_SQL["predecessors"], key))
        rows = _delete(connection, asked.program_id, ids, erased_at)
        partition = partition_of(tombstone.stream_id, partition_count)
        place = {
            "partition": partition,
            "stream_id": UUID(bytes=tombstone.stream_id),
            "version": tombstone.version,
        }
        event = tombstone.event
        proof = Proof(
            asked.program_id,
            asked.member_id,
            event.reason,
            event.points,
            erased_at,
            event.principal,
            rows,
            [one for one in ids if one != asked.member_id],
            before,
            _totals(connection, asked.program_id),
            dict(connection.execute(_SQL["shown"]).fetchall()),
            _link(connection, "link", partition, place),
            _link(connection, "head", partition, place),
        )
        connection.execute(_SQL["prove"], _values(asked) | {"proof": Jsonb(msgspec.to_builtins(proof))})


def _delete(
    connection: Connection[Any], program_id: str, member_ids: list[UUID], erased_at: datetime
) -> dict[str, int]:
    accounts = [UUID(bytes=account_stream_id(program_id, member_id)) for member_id in member_ids]
    values = {
        "program_id": program_id,
        "member_ids": member_ids,
        "account_ids": accounts,
        "erased_at": erased_at,
    }
    connection.execute(_SQL["lock_members"], values)
    connection.execute(_SQL["mark_erased"], values)
    return {
        table: connection.execute(_SQL[f"erase_{table}"], values).rowcount
        for table in ("identifiers", "profiles", "enrolment_keys", "warnings")
    }


def _totals(connection: Connection[Any], program_id: str) -> list[Total]:
    return [Total(*row) for row in connection.execute(_SQL["totals"], {"program_id": program_id})]


def _link(connection: Connection[Any], query: str, partition: int, place: dict[str, Any]) -> Link:
    row = connection.execute(_SQL[query], place).fetchone()
    assert row is not None
    return Link(partition, *row)


def _asked(connection: Connection[Any], query: str, values: dict[str, Any]) -> Asked | None:
    row = connection.execute(_SQL[query], values).fetchone()
    return _of(row) if row else None


def _of(row: Any) -> Asked:
    program_id, member_id, request, principal, asked_at, proof = row
    return Asked(program_id, member_id, request, principal, asked_at, _decode(proof) if proof else None)


def _values(asked: Asked) -> dict[str, Any]:
    return {
        "program_id": asked.program_id,
        "member_id": asked.member_id,
        "request": asked.request,
        "principal": asked.principal,
        "asked_at": asked.asked_at,
    }
