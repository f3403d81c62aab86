"""What was delivered, what was not and why; and delivering it again."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Raw, Struct
from psycopg import Connection
from psycopg.rows import dict_row

from ledger.errors import LedgerError
from ledger.sql import load_queries
from projections.webhooks.feeding import fill_lanes

_SQL = load_queries("projections.webhooks")

_RESEND_PAGE: Final = 5_000
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END_OF_TIME: Final = datetime(9999, 12, 31, tzinfo=UTC)

Cursor = tuple[datetime, UUID]
"""When the event of the last delivery seen was recorded, and the delivery."""


class UnknownDelivery(LedgerError):
    """The webhook has no delivery with this id."""

    slug = "unknown-delivery"


class LoggedAttempt(Struct, frozen=True):
    """An attempt to deliver."""

    number: int
    started_at: datetime
    duration_ms: int
    status_code: int | None
    """Of the receiver's answer; null if there was none."""
    error: str
    """Why there was none."""
    response: str
    """The first KiB of the answer."""


class Delivery(Struct, frozen=True, kw_only=True):
    """An event on its way to a receiver, newest attempt last."""

    delivery_id: UUID
    kind: str
    account_id: UUID
    sequence: int
    """Of the event within the account."""
    position: str
    status: str
    """``waiting``, ``delivered`` or ``dead``."""
    attempt_count: int
    recorded_at: datetime
    """When the event was recorded."""
    ended_at: datetime | None
    next_attempt_at: datetime | None
    """Not before then; one that waits behind another of the same account may take longer."""
    attempts: list[LoggedAttempt]
    payload: Raw | None = None
    """The body as it is sent; only where one delivery is asked for."""


def read_deliveries(
    connection: Connection[Any],
    endpoint_id: UUID,
    *,
    status: str | None = None,
    after: Cursor | None = None,
    limit: int = 100,
) -> list[Delivery]:
    """Return deliveries, those of the newest events first, after one of them."""
    recorded_at, last = after or (_END_OF_TIME, UUID(int=0))
    asked = {
        "endpoint_id": endpoint_id,
        "delivery_id": None,
        "status": status,
        "recorded_at": recorded_at,
        "after": last,
        "limit": limit,
    }
    return _read(connection, asked, with_payload=False)


def read_delivery(connection: Connection[Any], endpoint_id: UUID, delivery_id: UUID) -> Delivery:
    """
    Return a delivery with its payload.

    Raises:
        UnknownDelivery: The endpoint does not have it.
    """
    asked = {
        "endpoint_id": endpoint_id,
        "delivery_id": delivery_id,
        "status": None,
        "recorded_at": _END_OF_TIME,
        "after": UUID(int=0),
        "limit": 1,
    }
    for found in _read(connection, asked, with_payload=True):
        return found
    raise UnknownDelivery(f"The webhook has no delivery {delivery_id}; they are forgotten after a while.")


def _read(connection: Connection[Any], asked: dict[str, Any], *, with_payload: bool) -> list[Delivery]:
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_SQL["deliveries"], asked).fetchall()
    attempts = _attempts(connection, [row["delivery_id"] for row in rows])
    return [
        Delivery(
            payload=Raw(body.encode()) if with_payload else None, attempts=attempts.get(row["delivery_id"], []), **row
        )
        for row in rows
        for body in [row.pop("body")]
    ]


def _attempts(connection: Connection[Any], delivery_ids: Sequence[UUID]) -> dict[UUID, list[LoggedAttempt]]:
    found: dict[UUID, list[LoggedAttempt]] = {}
    for delivery_id, *attempt in connection.execute(_SQL["attempts"], {"delivery_ids": list(delivery_ids)}):
        found.setdefault(delivery_id, []).append(LoggedAttempt(*attempt))
    return found


def resend(
    connection: Connection[Any],
    endpoint_id: UUID,
    now: datetime,
    *,
    delivery_id: UUID | None = None,
    since: datetime | None = None,
) -> int:
    """
    Let deliveries that have ended wait again, at once and with a new schedule of retries.

    Args:
        connection: In autocommit mode.
        endpoint_id: Whose.
        now: When.
        delivery_id: Only this one, however it ended.
        since: All whose events were recorded from then on; without it, and without an id, all dead letters.

    Returns:
        How many wait again. Those that wait already are not counted.
    """
    asked = {"endpoint_id": endpoint_id, "delivery_id": delivery_id, "since": since, "limit": _RESEND_PAGE}
    recorded_at, last = _BEGINNING, UUID(int=0)
    count = 0
    while True:
        with connection.transaction():
            again = connection.execute(_SQL["resend"], asked | {"recorded_at": recorded_at, "last": last}).fetchall()
            if not again:
                return count
            fill_lanes(connection, [(row[0], row[1]) for row in again], now)
            accounts = list({account_id for _, account_id, *_ in again})
            hurried = {"endpoint_id": endpoint_id, "account_ids": accounts, "now": now}
            connection.execute(_SQL["hurry"], hurried)
        recorded_at, last = max((row[2], row[3]) for row in again)
        count += len(again)
