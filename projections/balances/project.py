"""Events to balances: what each page adds to each account's books, and how it stands with the account."""

from datetime import date
from typing import Any, LiteralString

from msgspec import Struct
from psycopg import Connection

from ledger.account.events import (
    AccountClosed,
    AccountEvent,
    AccountOpened,
    AccountSuspended,
    PurchasePosted,
    SuspensionLifted,
)
from ledger.account.movements import ACTIVITY, Moved, movement_of
from ledger.sql import load_queries
from ledger.streams import StreamId
from projections.balances import spelling
from projections.copying import copy_rows
from projections.page import Page

_SQL = load_queries("projections.balances")

_STANDING = AccountSuspended | SuspensionLifted | AccountClosed


class _Changes(Struct):
    opened: list[bytes]
    accounts: list[bytes]
    earned: list[bytes]
    moved: list[bytes]


class BalancesView:
    """
    Accounts, and per point currency the totals of everything that ever moved.

    Nearly all events are purchases that earn, so that books which did nothing else in a page go a way of their own,
    with few columns. The date of the last purchase stands in the books that purchases change anyway; in the account
    stands that of purchases which earned nothing.
    """

    name: LiteralString = "balances"
    tables: tuple[LiteralString, ...] = ("accounts", "balances")

    def project(self, page: Page) -> _Changes:
        """Sum the page per account and point currency."""
        opened: list[bytes] = []
        accounts: dict[StreamId, spelling.AccountChange] = {}
        books: dict[tuple[StreamId, str], spelling.BookChange] = {}
        for account_id, version, _, _, event in page.events:
            if type(event) is PurchasePosted and not event.repaid:
                on = event.effective_on
                for accrual in event.accruals:
                    key = account_id, accrual.point_currency
                    book = books.get(key)
                    if book is None:
                        book = books[key] = spelling.BookChange()
                    book.accrued_points += accrual.points
                    book.version = version
                    if book.last_purchase_on is None or book.last_purchase_on < on:
                        book.last_purchase_on = on
                if not event.accruals:
                    _account(accounts, account_id).was_active("purchase", on)
            elif isinstance(event, AccountOpened):
                opened.append(spelling.opened_row(page.partition, account_id, event))
            elif isinstance(event, _STANDING):
                _stand(_account(accounts, account_id), event)
            else:
                _move(books, accounts, account_id, version, event)
        return _Changes(
            opened,
            [spelling.account_row(page.partition, account_id, change) for account_id, change in accounts.items()],
            [spelling.earned_row(page.partition, key, book) for key, book in books.items() if book.others is None],
            [spelling.moved_row(page.partition, key, book) for key, book in books.items() if book.others is not None],
        )

    def write(self, connection: Connection[Any], changes: _Changes) -> None:
        """Add new accounts, change others, and add what moved to the balances."""
        if changes.opened:
            copy_rows(connection, "accounts", spelling.OPENED_COLUMNS, changes.opened)
        if changes.accounts:
            connection.execute(_SQL["make_room_for_accounts"])
            copy_rows(connection, "accounts_changed", spelling.ACCOUNT_COLUMNS, changes.accounts)
            connection.execute(_SQL["change_accounts"])
        if changes.earned:
            connection.execute(_SQL["make_room_for_earned"])
            copy_rows(connection, "balances_earned", spelling.EARNED_COLUMNS, changes.earned)
            connection.execute(_SQL["add_earned"])
        if changes.moved:
            connection.execute(_SQL["make_room_for_moved"])
            copy_rows(connection, "balances_moved", spelling.MOVED_COLUMNS, changes.moved)
            connection.execute(_SQL["add_moved"])


BALANCES = BalancesView()


def _account(accounts: dict[StreamId, spelling.AccountChange], account_id: StreamId) -> spelling.AccountChange:
    change = accounts.get(account_id)
    if change is None:
        change = accounts[account_id] = spelling.AccountChange()
    return change


def _stand(change: spelling.AccountChange, event: _STANDING) -> None:
    match event:
        case AccountSuspended():
            change.status = "earn_only" if event.may_earn else "suspended"
        case SuspensionLifted():
            change.status = "open"
        case AccountClosed():
            change.status, change.merged_into = "closed", event.merged_into


def _move(
    books: dict[tuple[StreamId, str], spelling.BookChange],
    accounts: dict[StreamId, spelling.AccountChange],
    account_id: StreamId,
    version: int,
    event: AccountEvent,
) -> None:
    purchase_on: date | None = None
    if kind := ACTIVITY.get(type(event)):
        if kind == "purchase":
            purchase_on = event.effective_on
        else:
            _account(accounts, account_id).was_active(kind, event.effective_on)
    for code, moved in movement_of(event).totals.items():
        book = books.get((account_id, code))
        if book is None:
            book = books[account_id, code] = spelling.BookChange()
        book.version = version
        book.others = _sum(book.others, moved) if book.others else moved
        if purchase_on and (book.last_purchase_on is None or book.last_purchase_on < purchase_on):
            book.last_purchase_on = purchase_on


def _sum(one: Moved, other: Moved) -> Moved:
    return Moved(*[getattr(one, name) + getattr(other, name) for name in Moved.__struct_fields__])
