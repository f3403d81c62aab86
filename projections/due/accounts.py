"""
Accounts about which time has decided something that is not recorded yet.

Each function returns account ids in their order, a page at a time, within one partition and one program: programs have
time zones of their own, so that a date means something within one only. The views may be behind, so that an account may
have nothing to record when it is looked at, or be found a little later; neither does harm.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import Connection

from ledger.sql import load_queries
from ledger.streams import StreamId

_SQL = load_queries("projections.due")
_BEFORE_ALL = UUID(int=0)


class Scope(Struct, frozen=True):
    """Which accounts."""

    program_id: str
    partition: int


def accounts_with_lapsed_lots(
    connection: Connection[Any],
    scope: Scope,
    on: date,
    *,
    after: StreamId | None = None,
    limit: int = 1000,
) -> list[StreamId]:
    """
    Return accounts with open lots that age, inactivity or an event that did not come had ended by a date.

    Args:
        connection: To the database.
        scope: Which accounts.
        on: Program-local date; lots that lapse on it are among them.
        after: The last account of the page before.
        limit: Accounts at most.
    """
    return _accounts(connection, "lapsed", scope, {"on": on} | _page(after, limit))


def accounts_with_lots_to_release(
    connection: Connection[Any],
    scope: Scope,
    on: date,
    *,
    after: StreamId | None = None,
    limit: int = 1000,
) -> list[StreamId]:
    """Return accounts with promised lots whose day had come by a program-local date; other arguments as above."""
    return _accounts(connection, "to_release", scope, {"on": on} | _page(after, limit))


def accounts_with_ended_holds(
    connection: Connection[Any],
    scope: Scope,
    at: datetime,
    *,
    after: StreamId | None = None,
    limit: int = 1000,
) -> list[StreamId]:
    """Return accounts with open holds whose time was up at a moment; other arguments as above."""
    return _accounts(connection, "ended_holds", scope, {"at": at} | _page(after, limit))


def accounts_with_ended_tiers(
    connection: Connection[Any],
    scope: Scope,
    on: date,
    *,
    after: StreamId | None = None,
    limit: int = 1000,
) -> list[StreamId]:
    """Return accounts with a tier that is no longer held on a program-local date; other arguments as above."""
    return _accounts(connection, "ended_tiers", scope, {"on": on} | _page(after, limit))


def accounts_of_program(
    connection: Connection[Any],
    scope: Scope,
    *,
    after: StreamId | None = None,
    limit: int = 1000,
) -> list[StreamId]:
    """Return all accounts, closed ones too; arguments as above."""
    return _accounts(connection, "of_program", scope, _page(after, limit))


def _accounts(
    connection: Connection[Any],
    query: str,
    scope: Scope,
    asked: dict[str, Any],
) -> list[StreamId]:
    asked |= {"program_id": scope.program_id, "partition": scope.partition}
    return [account_id.bytes for (account_id,) in connection.execute(_SQL[query], asked)]


def _page(after: StreamId | None, limit: int) -> dict[str, Any]:
    return {"after": UUID(bytes=after) if after else _BEFORE_ALL, "limit": limit}
