"""Events to holds: one row each, changed once when it is resolved."""

from datetime import datetime
from struct import Struct as Layout
from typing import Any, LiteralString

from msgspec import Struct
from psycopg import Connection

from ledger.account.events import HoldCaptured, HoldExpired, HoldVoided, PointsHeld
from ledger.sql import load_queries
from ledger.store.chain import microseconds
from ledger.streams import StreamId
from projections.copying import NULL, copy_rows, text
from projections.page import Page

_SQL = load_queries("projections.holds")
_KEY = Layout(">hiii16s")
_NUMBER = Layout(">iq")

_COLUMNS = (
    "partition",
    "account_id",
    "hold_id",
    "point_currency",
    "points",
    "held_at",
    "expires_at",
    "version",
    "status",
    "captured_points",
    "resolved_at",
)
_RESOLVED_COLUMNS = ("partition", "account_id", "hold_id", "status", "captured_points", "resolved_at")

_Key = tuple[StreamId, str]
_STATUS: dict[type, str] = {HoldCaptured: "captured", HoldVoided: "voided", HoldExpired: "expired"}


class _Outcome(Struct):
    status: str = "open"
    captured_points: int = 0
    resolved_at: datetime | None = None


class _Changes(Struct):
    new: list[bytes]
    resolved: list[bytes]


class HoldsView:
    """Every hold, open or resolved."""

    name: LiteralString = "holds"
    tables: tuple[LiteralString, ...] = ("holds",)

    def project(self, page: Page) -> _Changes:
        """Return new holds as they stand at the end of the page, and what became of older ones."""
        new: dict[_Key, tuple[int, PointsHeld]] = {}
        resolved: dict[_Key, _Outcome] = {}
        for account_id, version, _, _, event in page.others:
            if isinstance(event, PointsHeld):
                new[account_id, event.hold_id] = version, event
            elif isinstance(event, HoldCaptured | HoldVoided | HoldExpired):
                points = event.points if isinstance(event, HoldCaptured) else 0
                resolved[account_id, event.hold_id] = _Outcome(_STATUS[type(event)], points, event.occurred_at)
        rows = [_row(page.partition, key, *made, resolved.pop(key, _Outcome())) for key, made in new.items()]
        return _Changes(rows, [_resolved_row(page.partition, key, outcome) for key, outcome in resolved.items()])

    def write(self, connection: Connection[Any], changes: _Changes) -> None:
        """Add the new holds, and resolve older ones."""
        if changes.new:
            copy_rows(connection, "holds", _COLUMNS, changes.new)
        if changes.resolved:
            connection.execute(_SQL["make_room"])
            copy_rows(connection, "holds_resolved", _RESOLVED_COLUMNS, changes.resolved)
            connection.execute(_SQL["resolve"])


HOLDS = HoldsView()


def _row(partition: int, key: _Key, version: int, event: PointsHeld, outcome: _Outcome) -> bytes:
    account_id, hold_id = key
    return b"".join(
        (
            _KEY.pack(len(_COLUMNS), 4, partition, 16, account_id),
            text(hold_id),
            text(event.point_currency),
            _NUMBER.pack(8, event.points),
            _NUMBER.pack(8, microseconds(event.occurred_at)),
            _NUMBER.pack(8, microseconds(event.expires_at)),
            _NUMBER.pack(8, version),
            _outcome(outcome),
        ),
    )


def _resolved_row(partition: int, key: _Key, outcome: _Outcome) -> bytes:
    account_id, hold_id = key
    front = _KEY.pack(len(_RESOLVED_COLUMNS), 4, partition, 16, account_id)
    return front + text(hold_id) + _outcome(outcome)


def _outcome(outcome: _Outcome) -> bytes:
    resolved_at = outcome.resolved_at
    return (
        text(outcome.status)
        + _NUMBER.pack(8, outcome.captured_points)
        + (NULL if resolved_at is None else _NUMBER.pack(8, microseconds(resolved_at)))
    )
