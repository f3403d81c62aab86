"""What members will lose soon if nothing happens."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import Connection

from projections.due.paging import PAGE_SIZE, Scope, pages


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
    connection: Connection[Any], scope: Scope, on: date, days: int, size: int = PAGE_SIZE
) -> Iterator[list[LapsingPoints]]:
    """
    Give what lapses after a program-local date and within so many days, by account and point currency.

    Accounts that are closed are left out.

    Args:
        connection: To the database, not in a transaction.
        scope: Which accounts.
        on: Today; what has lapsed by then is no longer warned about.
        days: How far to look.
        size: Rows at most on a page.
    """
    for page in pages(connection, "lapsing", scope, _between(on, days), size):
        yield [LapsingPoints(*row) for row in page]


def tiers_ending(
    connection: Connection[Any], scope: Scope, on: date, days: int, size: int = PAGE_SIZE
) -> Iterator[list[EndingTier]]:
    """Give tiers that end after a date and within so many days, by account and ladder; arguments as above."""
    for page in pages(connection, "ending_tiers", scope, _between(on, days), size):
        yield [EndingTier(*row) for row in page]


def _between(on: date, days: int) -> dict[str, date]:
    return {"on": on, "until": on + timedelta(days=days)}
