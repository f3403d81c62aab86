"""What members will lose soon if nothing happens."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import Connection

from ledger.sql import load_queries
from projections.due.accounts import Scope

_SQL = load_queries("projections.due")
_BEFORE_ALL = (UUID(int=0), "")


class LapsingPoints(Struct, frozen=True):
    """Points of one currency of an account that are about to lapse."""

    account_id: UUID
    member_id: UUID
    point_currency: str
    points: int
    """In the smallest unit of their currency; what the account owes is not taken off."""
    first_on: date
    """The first date on which some of them can no longer be spent."""


class EndingTier(Struct, frozen=True):
    """A tier that is about to end."""

    account_id: UUID
    member_id: UUID
    ladder: str
    tier: str
    valid_until: date
    """First date on which it is no longer held."""


def lapsing_points(
    connection: Connection[Any],
    scope: Scope,
    on: date,
    days: int,
    *,
    after: tuple[UUID, str] | None = None,
    limit: int = 1000,
) -> list[LapsingPoints]:
    """
    Return what lapses after a program-local date and within so many days, by account and point currency.

    Accounts that are closed are left out.

    Args:
        connection: To the database.
        scope: Which accounts.
        on: Today; what has lapsed by then is no longer warned about.
        days: How far to look.
        after: Account and point currency of the last row of the page before.
        limit: Rows at most.
    """
    rows = connection.execute(_SQL["lapsing"], _asked(scope, on, days, after, limit))
    return [LapsingPoints(*row) for row in rows]


def tiers_ending(
    connection: Connection[Any],
    scope: Scope,
    on: date,
    days: int,
    *,
    after: tuple[UUID, str] | None = None,
    limit: int = 1000,
) -> list[EndingTier]:
    """Return tiers that end after a date and within so many days, by account and ladder; arguments as above."""
    rows = connection.execute(_SQL["ending_tiers"], _asked(scope, on, days, after, limit))
    return [EndingTier(*row) for row in rows]


def _asked(scope: Scope, on: date, days: int, after: tuple[UUID, str] | None, limit: int) -> dict[str, Any]:
    account_id, name = after or _BEFORE_ALL
    return {
        "program_id": scope.program_id,
        "partition": scope.partition,
        "on": on,
        "until": on + timedelta(days=days),
        "after": account_id,
        "after_name": name,
        "limit": limit,
    }
