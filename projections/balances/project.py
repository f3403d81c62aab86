"""Events to balances: what each page adds to each account's books."""

from struct import Struct as Layout
from typing import Any, LiteralString
from uuid import UUID

from msgspec import Struct
from psycopg import Connection

from ledger.account.events import AccountOpened, PointsAccrued, PointsRedeemed, PurchasePosted, RedemptionReversed
from ledger.sql import load_queries
from ledger.streams import StreamId
from projections.copying import copy_rows, day_number, text
from projections.page import Page

_SQL = load_queries("projections.balances")
_ACCOUNT_FRONT = Layout(">hiii16s")
_ACCOUNT_BACK = Layout(">i16sii")
_FRONT = Layout(">hiii16s")
_BACK = Layout(">iqiqiqiq")

_ACCOUNT_COLUMNS = ("partition", "account_id", "program_id", "member_id", "opened_on")
_MOVED_COLUMNS = ("partition", "account_id", "point_currency", "accrued", "redeemed", "reversed", "version")

_Key = tuple[StreamId, str]


class _Moved(Struct, gc=False):
    accrued_points: int = 0
    redeemed_points: int = 0
    reversed_points: int = 0
    version: int = 0


class _Changes(Struct):
    accounts: list[bytes]
    balances: list[bytes]


class BalancesView:
    """Accounts, and per point currency the totals of everything that ever moved."""

    name: LiteralString = "balances"
    tables: tuple[LiteralString, ...] = ("accounts", "balances")

    def project(self, page: Page) -> _Changes:
        """Sum the page per account and point currency."""
        opened: list[bytes] = []
        moved: dict[_Key, _Moved] = {}
        for account_id, version, _, _, event in page.events:
            match event:
                case PurchasePosted() | PointsAccrued():
                    for accrual in event.accruals:
                        book = _book(moved, (account_id, accrual.point_currency), version)
                        book.accrued_points += accrual.points
                case PointsRedeemed():
                    book = _book(moved, (account_id, event.point_currency), version)
                    book.redeemed_points += event.points
                case RedemptionReversed():
                    book = _book(moved, (account_id, event.point_currency), version)
                    book.reversed_points += event.points
                case AccountOpened():
                    opened.append(_account_row(page.partition, account_id, event))
        return _Changes(opened, [_balance_row(page.partition, key, book) for key, book in moved.items()])

    def write(self, connection: Connection[Any], changes: _Changes) -> None:
        """Add new accounts, and add what moved to the balances."""
        if changes.accounts:
            copy_rows(connection, "accounts", _ACCOUNT_COLUMNS, changes.accounts)
        if changes.balances:
            connection.execute(_SQL["make_room"])
            copy_rows(connection, "balances_moved", _MOVED_COLUMNS, changes.balances)
            connection.execute(_SQL["add_moved"])


BALANCES = BalancesView()


def _book(moved: dict[_Key, _Moved], key: _Key, version: int) -> _Moved:
    book = moved.get(key)
    if book is None:
        book = moved[key] = _Moved()
    book.version = version
    return book


def _account_row(partition: int, account_id: StreamId, event: AccountOpened) -> bytes:
    return (
        _ACCOUNT_FRONT.pack(5, 4, partition, 16, account_id)
        + text(event.program_id)
        + _ACCOUNT_BACK.pack(16, UUID(event.member_id).bytes, 4, day_number(event.effective_on))
    )


def _balance_row(partition: int, key: _Key, book: _Moved) -> bytes:
    account_id, point_currency = key
    return (
        _FRONT.pack(7, 4, partition, 16, account_id)
        + text(point_currency)
        + _BACK.pack(8, book.accrued_points, 8, book.redeemed_points, 8, book.reversed_points, 8, book.version)
    )
