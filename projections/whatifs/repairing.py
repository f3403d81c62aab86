"""Repairs that were made of what-ifs, and what became of each account."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct
from psycopg import Connection
from psycopg.rows import class_row

from ledger.posting.instruction import KeyReused
from ledger.sql import load_queries
from projections.whatifs.rows import Found, encode

_SQL = load_queries("projections.whatifs")

Chosen = Literal["all", "losers", "winners"]


class NewRepair(Struct, frozen=True):
    """A repair as it is asked for."""

    repair_id: UUID
    what_if_id: UUID
    program_id: str
    principal: str
    request_sha256: bytes
    reason: str
    chosen: Chosen
    may_overdraw: bool
    account_count: int
    points: dict[str, int]


class Repair(Struct, frozen=True):
    """A repair, and how far it is."""

    repair_id: UUID
    what_if_id: UUID
    program_id: str
    principal: str
    request_sha256: bytes
    reason: str
    chosen: Chosen
    may_overdraw: bool
    """What losers do not have any more, they owe."""
    status: str
    """``waiting`` for a second person, ``running``, ``done`` or ``rejected``."""
    account_count: int
    points: bytes
    """By point currency, what it would give, or take if below zero, as JSON."""
    done_count: int
    posted_count: int
    replayed_count: int
    skipped_count: int
    """Accounts in which something happened since the what-if."""
    refused_count: int
    after_account: UUID
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class Repaired(Struct, frozen=True):
    """What became of one point currency of an account."""

    account_id: UUID
    member_id: UUID
    result: str
    """``posted``, ``replayed`` (an earlier repair of the same what-if did it), ``skipped`` or ``refused``."""
    point_currency: str
    points: int
    """Given, or taken if below zero."""
    position: str
    slug: str
    detail: str


RepairedCursor = tuple[UUID, str]
"""The last account seen, and its point currency."""


def chosen_points(found: Found, chosen: Chosen) -> dict[str, int]:
    """Return per point currency what a repair of this choice gives an account, or takes if below zero."""
    wanted = {"all": (True, True), "winners": (True, False), "losers": (False, True)}[chosen]
    return {code: points for code, points in found.repair().items() if wanted[points < 0]}


def store_repair(connection: Connection[Any], new: NewRepair) -> Repair:
    """
    Keep a repair that waits for a second person.

    Raises:
        KeyReused: Something else was asked for under its key.
    """
    asked = {name: getattr(new, name) for name in new.__struct_fields__} | {"points": encode(new.points)}
    connection.execute(_SQL["insert_repair"], asked)
    repair = read_repair(connection, new.repair_id)
    assert repair is not None
    if repair.request_sha256 != new.request_sha256:
        message = f"This key was used for the repair {repair.repair_id}, which asks for something else."
        raise KeyReused(message, pointer="/Idempotency-Key", repair_id=str(repair.repair_id))
    return repair


def read_repair(connection: Connection[Any], repair_id: UUID) -> Repair | None:
    """Return a repair, if there is one."""
    with connection.cursor(row_factory=class_row(Repair)) as cursor:
        return cursor.execute(_SQL["repair"], {"repair_id": repair_id}).fetchone()


def read_repairs(connection: Connection[Any], what_if_id: UUID) -> list[Repair]:
    """Return the repairs of a what-if, oldest first; the first hundred of them."""
    with connection.cursor(row_factory=class_row(Repair)) as cursor:
        return cursor.execute(_SQL["repairs"], {"what_if_id": what_if_id}).fetchall()


def open_repairs(connection: Connection[Any]) -> list[UUID]:
    """Return repairs that wait or are under way, oldest first."""
    return [repair_id for (repair_id,) in connection.execute(_SQL["open_repairs"])]


def start_repair(connection: Connection[Any], repair_id: UUID) -> None:
    """Note that a repair begins; one that has begun or ended stays as it is."""
    connection.execute(_SQL["start_repair"], {"repair_id": repair_id})


def end_repair(connection: Connection[Any], repair_id: UUID, status: str) -> None:
    """Note how a repair ended: ``done`` or ``rejected``."""
    connection.execute(_SQL["end_repair"], {"repair_id": repair_id, "status": status})


def record_repaired(connection: Connection[Any], before: Repair, after: UUID, repaired: Sequence[Repaired]) -> bool:
    """
    Note what became of accounts, and that the repair is as far.

    Args:
        connection: As the application.
        before: As it was before them.
        after: The last account that was looked at.
        repaired: Those of them that were to be repaired.

    Returns:
        Whether it was noted; not if somebody else has.
    """
    results = [one.result for one in repaired]
    counts = {f"{name}_count": results.count(name) for name in ("posted", "replayed", "skipped", "refused")}
    asked = {
        "repair_id": before.repair_id,
        "count": len(repaired),
        "before_account": before.after_account,
        "after_account": after,
    }
    with connection.transaction():
        if connection.execute(_SQL["advance_repair"], asked | counts).fetchone() is None:
            return False
        with connection.cursor() as cursor:
            cursor.executemany(
                _SQL["insert_repaired"],
                [
                    {"repair_id": before.repair_id} | {name: getattr(one, name) for name in one.__struct_fields__}
                    for one in repaired
                ],
            )
    return True


def read_repaired(
    connection: Connection[Any],
    repair_id: UUID,
    result: str | None = None,
    after: RepairedCursor | None = None,
    limit: int = 100,
) -> list[Repaired]:
    """Return what became of accounts, in the order of their ids, after one of them; all or those with a result."""
    account_id, point_currency = after or (UUID(int=0), "")
    asked = {
        "repair_id": repair_id,
        "result": result,
        "account_id": account_id,
        "point_currency": point_currency,
        "limit": limit,
    }
    with connection.cursor(row_factory=class_row(Repaired)) as cursor:
        return cursor.execute(_SQL["repaired"], asked).fetchall()
