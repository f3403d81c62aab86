"""
Accounts about which time has decided something that is not recorded yet.

Each function gives account ids in their order, a page at a time, within one partition and one program. The views may be
behind, so that an account may have nothing to record when it is looked at, or be found a little later; neither does
harm.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from psycopg import Connection

from ledger.streams import StreamId
from projections.due.paging import PAGE_SIZE, Scope, pages

Pages = Iterator[list[StreamId]]


def accounts_with_lapsed_lots(connection: Connection[Any], scope: Scope, on: date, size: int = PAGE_SIZE) -> Pages:
    """
    Give accounts with open lots that age, inactivity or an event that did not come had ended by a date.

    Args:
        connection: To the database, not in a transaction.
        scope: Which accounts.
        on: Program-local date; lots that lapse on it are among them.
        size: Accounts at most on a page.
    """
    return _accounts(connection, "lapsed", scope, size, on=on)


def accounts_with_lots_to_release(connection: Connection[Any], scope: Scope, on: date, size: int = PAGE_SIZE) -> Pages:
    """Give accounts with promised lots whose day had come by a program-local date; other arguments as above."""
    return _accounts(connection, "to_release", scope, size, on=on)


def accounts_with_ended_holds(connection: Connection[Any], scope: Scope, at: datetime, size: int = PAGE_SIZE) -> Pages:
    """Give accounts with open holds whose time was up at a moment; other arguments as above."""
    return _accounts(connection, "ended_holds", scope, size, at=at)


def accounts_with_ended_tiers(connection: Connection[Any], scope: Scope, on: date, size: int = PAGE_SIZE) -> Pages:
    """Give accounts with a tier that is no longer held on a program-local date; other arguments as above."""
    return _accounts(connection, "ended_tiers", scope, size, on=on)


def accounts_of_program(connection: Connection[Any], scope: Scope, size: int = PAGE_SIZE) -> Pages:
    """Give all accounts, closed ones too; arguments as above."""
    return _accounts(connection, "of_program", scope, size)


def _accounts(connection: Connection[Any], query: str, scope: Scope, size: int, **asked: Any) -> Pages:
    for page in pages(connection, query, scope, asked, size):
        yield [account_id.bytes for (account_id,) in page]
