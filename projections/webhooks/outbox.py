"""The outbox, as couriers see it: lanes to claim, deliveries to attempt, and what came of them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from msgspec import Struct
from psycopg import Connection

from ledger.sql import load_queries
from projections.webhooks.backoff import rest_after
from projections.webhooks.sending import Attempt, Message

_SQL = load_queries("projections.webhooks")

CLAIM: Final = timedelta(seconds=90)
"""How long a courier that died keeps a lane from the others; several times what an attempt may take."""

LANE_LIMIT: Final = 10
"""Deliveries of a lane that are claimed together: what a courier that is killed may send once more."""

PAUSE_AFTER: Final = timedelta(days=5)
"""An endpoint that has done nothing but fail for this long is paused."""

Status = Literal["waiting", "delivered", "dead"]


class Waiting(NamedTuple):
    """A delivery to attempt."""

    message: Message
    attempt_count: int
    retry_count: int


class Lane(Struct, frozen=True):
    """One account on its way to one endpoint, claimed."""

    endpoint_id: UUID
    account_id: UUID
    claim: UUID
    deliveries: list[Waiting]


class Tried(NamedTuple):
    """An attempt, and what it makes of the delivery."""

    delivery_id: UUID
    number: int
    status: Status
    attempt: Attempt


class Worked(NamedTuple):
    """What was done in a lane."""

    lane: Lane
    tried: list[Tried]
    due_at: datetime
    """When the next delivery of the lane is."""


def claim_lanes(
    connection: Connection[Any], now: datetime, *, limit: int, per_endpoint: int, busy: Iterable[UUID] = ()
) -> list[Lane]:
    """
    Claim lanes that are due, with their next deliveries.

    Args:
        connection: In autocommit mode.
        now: What is due by then.
        limit: Lanes at most.
        per_endpoint: Of one endpoint at most.
        busy: Endpoints that get none.
    """
    asked = {"now": now, "until": now + CLAIM, "limit": limit, "per_endpoint": per_endpoint, "busy": list(busy)}
    claimed = connection.execute(_SQL["claim"], asked).fetchall()
    if not claimed:
        return []
    secrets = secrets_of(connection, {endpoint_id for endpoint_id, *_ in claimed}, now)
    lanes = {
        (endpoint_id, account_id): (Lane(endpoint_id, account_id, claim, []), url)
        for endpoint_id, account_id, claim, url in claimed
    }
    keys = {
        "endpoint_ids": [endpoint_id for endpoint_id, _ in lanes],
        "account_ids": [account_id for _, account_id in lanes],
        "limit": LANE_LIMIT,
    }
    for endpoint_id, account_id, delivery_id, body, attempt_count, retry_count in connection.execute(
        _SQL["waiting"], keys
    ):
        lane, url = lanes[endpoint_id, account_id]
        message = Message(delivery_id, url, body, secrets.get(endpoint_id, ()))
        lane.deliveries.append(Waiting(message, attempt_count, retry_count))
    return [lane for lane, _ in lanes.values()]


def secrets_of(
    connection: Connection[Any], endpoint_ids: Iterable[UUID], now: datetime
) -> dict[UUID, tuple[bytes, ...]]:
    """Return the secrets that sign for some endpoints, newest first."""
    found: dict[UUID, tuple[bytes, ...]] = {}
    for endpoint_id, secret in connection.execute(_SQL["secrets"], {"endpoint_ids": list(endpoint_ids), "now": now}):
        found[endpoint_id] = (*found.get(endpoint_id, ()), bytes(secret))
    return found


def record(connection: Connection[Any], worked: Sequence[Worked], now: datetime) -> list[UUID]:
    """
    Record what was done in lanes, and let go of them.

    Returns:
        Endpoints that were taken out of service by it.
    """
    lanes = {
        "endpoint_ids": [one.lane.endpoint_id for one in worked],
        "account_ids": [one.lane.account_id for one in worked],
    }
    claims = {"claims": [one.lane.claim for one in worked], "due_at": [one.due_at for one in worked]}
    with connection.transaction():
        connection.execute(_SQL["lock_lanes"], lanes)
        _record_attempts(connection, [tried for one in worked for tried in one.tried], now)
        connection.execute(_SQL["leave_lanes"], lanes | claims)
        connection.execute(_SQL["close_lanes"], lanes)
        return [
            endpoint_id
            for endpoint_id, attempts in sorted(_by_endpoint(worked).items())
            if _note(connection, endpoint_id, attempts, now)
        ]


def _record_attempts(connection: Connection[Any], tried: Sequence[Tried], now: datetime) -> None:
    if not tried:
        return
    attempts = [one.attempt for one in tried]
    asked = {
        "delivery_ids": [one.delivery_id for one in tried],
        "numbers": [one.number for one in tried],
        "statuses": [one.status for one in tried],
        "started_at": [one.started_at for one in attempts],
        "durations_ms": [one.duration_ms for one in attempts],
        "status_codes": [one.status_code for one in attempts],
        "errors": [one.error for one in attempts],
        "responses": [one.response for one in attempts],
        "now": now,
    }
    connection.execute(_SQL["add_attempts"], asked)
    connection.execute(_SQL["end_attempts"], asked)


def _by_endpoint(worked: Sequence[Worked]) -> dict[UUID, list[Attempt]]:
    found: dict[UUID, list[Attempt]] = {}
    for one in worked:
        if one.tried:
            found.setdefault(one.lane.endpoint_id, []).extend(tried.attempt for tried in one.tried)
    return found


def _note(connection: Connection[Any], endpoint_id: UUID, attempts: Sequence[Attempt], now: datetime) -> bool:
    """Note how an endpoint does; tell whether that ended its service."""
    if any(one.is_gone for one in attempts):
        detail = f"The receiver answered 410 Gone on {now:%Y-%m-%d}."
        return connection.execute(_SQL["disable"], {"endpoint_id": endpoint_id, "detail": detail}).rowcount > 0
    if any(one.is_success for one in attempts):
        connection.execute(_SQL["note_success"], {"endpoint_id": endpoint_id, "now": now})
        return False
    asked = {
        "endpoint_id": endpoint_id,
        "now": now,
        "pause_before": now - PAUSE_AFTER,
        "resting_until": max(
            (now + rest for one in attempts if (rest := rest_after(one.status_code, one.asked_for))), default=None
        ),
        "detail": f"Nothing was delivered for {PAUSE_AFTER.days} days; paused on {now:%Y-%m-%d}.",
    }
    row = connection.execute(_SQL["note_failure"], asked).fetchone()
    return row is not None and row[0] == "paused"


def forget(connection: Connection[Any], now: datetime, *, keep: timedelta, keep_dead: timedelta, limit: int) -> int:
    """Forget some of the deliveries that ended long ago, and return how many."""
    asked = {"before": now - keep, "dead_before": now - keep_dead, "limit": limit}
    return connection.execute(_SQL["forget"], asked).rowcount


def forget_secrets(connection: Connection[Any], now: datetime) -> None:
    """Forget secrets that no longer sign."""
    connection.execute(_SQL["forget_secrets"], {"now": now})
