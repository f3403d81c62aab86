"""Events to promises: a row for each point currency of a purchase that a till promised something for."""

from collections.abc import Iterator
from struct import Struct as Layout
from typing import Any, LiteralString

from msgspec import Struct
from psycopg import Connection

from ledger.account.events import Promised, PurchasePosted, PurchaseRepriced, PurchaseReturned
from ledger.sql import load_queries
from ledger.store.chain import microseconds
from ledger.streams import StreamId
from projections.copying import copy_rows, day_number, text
from projections.page import Page, Recorded

_SQL = load_queries("projections.promises")
_KEY = Layout(">hiii16s")
_NUMBER = Layout(">iq")
_INTEGER = Layout(">ii")

_COLUMNS = (
    "partition",
    "account_id",
    "version",
    "point_currency",
    "source",
    "transaction_id",
    "occurred_at",
    "effective_on",
    "bundle_version",
    "program_version",
    "reason",
    "promised_points",
    "booked_points",
)
_CHANGED_COLUMNS = (
    "partition",
    "account_id",
    "source",
    "transaction_id",
    "point_currency",
    "repriced_points",
    "returned_points",
)

_Key = tuple[StreamId, str, str, str]
"""Account, source, transaction and point currency."""


class _Change(Struct):
    repriced_points: int = 0
    returned_points: int = 0


class _Changes(Struct):
    new: list[bytes]
    changed: list[bytes]


class PromisesView:
    """What tills promised, what was booked for it, and what became of that."""

    name: LiteralString = "promises"
    tables: tuple[LiteralString, ...] = ("promises",)

    def project(self, page: Page) -> _Changes:
        """Return the rows of new promises, and what returns and late activity changed in any."""
        new = [
            row
            for one in page.events
            if type(one.event) is PurchasePosted and one.event.promised is not None
            for row in _rows(page.partition, one, one.event, one.event.promised)
        ]
        return _Changes(new, [_changed_row(page.partition, *one) for one in _changed(page).items()])

    def write(self, connection: Connection[Any], changes: _Changes) -> None:
        """Add the new rows, then change those that the page changed, new ones too."""
        if changes.new:
            copy_rows(connection, "promises", _COLUMNS, changes.new)
        if changes.changed:
            connection.execute(_SQL["make_room"])
            copy_rows(connection, "promises_changed", _CHANGED_COLUMNS, changes.changed)
            connection.execute(_SQL["complete"])
            connection.execute(_SQL["change"])


PROMISES = PromisesView()


def _changed(page: Page) -> dict[_Key, _Change]:
    changed: dict[_Key, _Change] = {}
    for account_id, _, _, _, event in page.others:
        if not isinstance(event, PurchaseReturned | PurchaseRepriced):
            continue
        for rule in event.changes:
            key = account_id, event.purchase_source, event.transaction_id, rule.point_currency
            change = changed.setdefault(key, _Change())
            if isinstance(event, PurchaseReturned):
                change.returned_points += rule.before_points - rule.after_points
            else:
                change.repriced_points += rule.after_points - rule.before_points
    return changed


def _changed_row(partition: int, key: _Key, change: _Change) -> bytes:
    account_id, *texts = key
    return b"".join(
        (
            _KEY.pack(len(_CHANGED_COLUMNS), 4, partition, 16, account_id),
            *map(text, texts),
            _NUMBER.pack(8, change.repriced_points),
            _NUMBER.pack(8, change.returned_points),
        )
    )


def _rows(partition: int, place: Recorded, event: PurchasePosted, promised: Promised) -> Iterator[bytes]:
    booked: dict[str, int] = {}
    for accrual in event.accruals:
        booked[accrual.point_currency] = booked.get(accrual.point_currency, 0) + accrual.points
    for code in sorted(promised.points.keys() | booked.keys()):
        yield b"".join(
            (
                _KEY.pack(len(_COLUMNS), 4, partition, 16, place.account_id),
                _NUMBER.pack(8, place.version),
                text(code),
                text(event.source),
                text(event.transaction_id),
                _NUMBER.pack(8, microseconds(event.occurred_at)),
                _INTEGER.pack(4, day_number(event.effective_on)),
                _INTEGER.pack(4, promised.program_version),
                _INTEGER.pack(4, event.program_version),
                text(promised.reason),
                _NUMBER.pack(8, promised.points.get(code, 0)),
                _NUMBER.pack(8, booked.get(code, 0)),
            )
        )
