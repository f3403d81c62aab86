"""Events to purchases, one row each, and what became of them."""

from struct import Struct as Layout
from typing import Any, LiteralString

from msgspec import Struct
from psycopg import Connection

from ledger.account.events import PurchasePosted, PurchaseRepriced, PurchaseReturned
from ledger.sql import load_queries
from ledger.store.chain import microseconds
from ledger.streams import StreamId
from projections.copying import copy_rows, day_number, layout, text
from projections.page import Page

_SQL = load_queries("projections.purchases")
_CHANGED = Layout(">hiii16s")
_NUMBER = Layout(">iq")
_ROW = ">hiii16siq i{}s i{}s iqiiiq i{}s iiiq"
_COLUMNS = (
    "partition",
    "account_id",
    "version",
    "source",
    "transaction_id",
    "occurred_at",
    "effective_on",
    "amount_minor",
    "currency",
    "program_version",
    "points",
)


_CHANGED_COLUMNS = ("partition", "account_id", "source", "transaction_id", "returned_minor", "points")

_Key = tuple[StreamId, str, str]
"""Account, source and transaction."""


class _Change(Struct):
    returned_minor: int = 0
    points: int = 0


class _Changes(Struct):
    new: list[bytes]
    returned: list[bytes]
    """New ones of which something was returned in the same page."""
    changed: list[bytes]


class PurchasesView:
    """Every purchase posted, with what it earns now."""

    name: LiteralString = "purchases"
    tables: tuple[LiteralString, ...] = ("purchases",)

    def project(self, page: Page) -> _Changes:
        """Return the rows of the page's purchases, and what returns and late activity changed in older ones."""
        changed = _changed(page)
        new, returned = [], []
        for account_id, version, _, _, event in page.events:
            if type(event) is PurchasePosted:
                points = sum([accrual.points for accrual in event.accruals])
                change = changed.pop((account_id, event.source, event.transaction_id), None) if changed else None
                count = len(_COLUMNS)
                if change is None:
                    new.append(_row(page.partition, account_id, version, event, column_count=count, points=points))
                else:
                    points += change.points
                    row = _row(page.partition, account_id, version, event, column_count=count + 1, points=points)
                    returned.append(row + _NUMBER.pack(8, change.returned_minor))
        return _Changes(new, returned, [_changed_row(page.partition, key, change) for key, change in changed.items()])

    def write(self, connection: Connection[Any], changes: _Changes) -> None:
        """Add the new rows, and change older ones."""
        if changes.new:
            copy_rows(connection, "purchases", _COLUMNS, changes.new)
        if changes.returned:
            copy_rows(connection, "purchases", (*_COLUMNS, "returned_minor"), changes.returned)
        if changes.changed:
            connection.execute(_SQL["make_room"])
            copy_rows(connection, "purchases_changed", _CHANGED_COLUMNS, changes.changed)
            connection.execute(_SQL["change"])


PURCHASES = PurchasesView()


def _changed(page: Page) -> dict[_Key, _Change]:
    changed: dict[_Key, _Change] = {}
    for account_id, _, _, _, event in page.others:
        if isinstance(event, PurchaseReturned | PurchaseRepriced):
            key = account_id, event.purchase_source, event.transaction_id
            change = changed.setdefault(key, _Change())
            change.points += sum(rule.after_points - rule.before_points for rule in event.changes)
            if isinstance(event, PurchaseReturned):
                change.returned_minor += event.amount_minor
    return changed


def _changed_row(partition: int, key: _Key, change: _Change) -> bytes:
    account_id, source, transaction_id = key
    return (
        _CHANGED.pack(len(_CHANGED_COLUMNS), 4, partition, 16, account_id)
        + text(source)
        + text(transaction_id)
        + _NUMBER.pack(8, change.returned_minor)
        + _NUMBER.pack(8, change.points)
    )


def _row(
    partition: int,
    account_id: StreamId,
    version: int,
    event: PurchasePosted,
    *,
    column_count: int,
    points: int,
) -> bytes:
    source, transaction_id = event.source.encode(), event.transaction_id.encode()
    currency = event.currency.encode()
    lengths = (len(source), len(transaction_id), len(currency))
    return layout(_ROW, *lengths).pack(
        column_count,
        4,
        partition,
        16,
        account_id,
        8,
        version,
        lengths[0],
        source,
        lengths[1],
        transaction_id,
        8,
        microseconds(event.occurred_at),
        4,
        day_number(event.effective_on),
        8,
        event.amount_minor,
        lengths[2],
        currency,
        4,
        event.program_version,
        8,
        points,
    )
