"""Endpoints: who wants to be told what. Read and changed by the API."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from msgspec import Struct
from psycopg import Connection
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from ledger.errors import LedgerError
from ledger.posting.instruction import KeyReused
from ledger.sql import load_queries

_SQL = load_queries("projections.webhooks")

ENDPOINT_LIMIT: Final = 50
"""Of one program."""

OVERLAP: Final = timedelta(hours=24)
"""How long a replaced secret still signs beside the new one."""


class UnknownWebhook(LedgerError):
    """The program has no webhook with this id."""

    slug = "unknown-webhook"


class TooManyWebhooks(LedgerError):
    """The program has as many webhooks as it can have."""

    slug = "too-many-webhooks"


class Endpoint(Struct, frozen=True):
    """A receiver, and how it does."""

    webhook_id: UUID
    url: str
    kinds: list[str]
    """What it is told; ``*`` for everything."""
    description: str
    status: str
    """``enabled``, ``disabled``, or ``paused`` after days in which nothing could be delivered."""
    status_detail: str
    """Why we took it out of service; empty where somebody else did."""
    created_at: datetime
    failing_since: datetime | None
    """When it last began to do nothing but fail; null while it does not."""
    last_success_at: datetime | None
    """To the minute."""
    waiting_count: int
    """Deliveries on their way."""
    dead_count: int
    """Deliveries that were given up."""


class Wanted(Struct, frozen=True):
    """A new endpoint."""

    url: str
    kinds: Sequence[str]
    description: str
    secret: bytes
    start: tuple[int, int] | None
    """Partition, and the position after which it begins there; ``None``: with what comes next."""


class Made(Struct, frozen=True):
    """An endpoint that was made, now or by the same request before."""

    endpoint_id: UUID
    secret: bytes | None
    """``None`` where the time to show it again is over."""
    replayed: bool


def make_endpoint(
    connection: Connection[Any],
    program_id: str,
    wanted: Wanted,
    request: tuple[str, bytes] | None,
    now: datetime,
) -> Made:
    """
    Make an endpoint, or find the one that the same request made.

    Args:
        connection: In autocommit mode.
        program_id: That exists.
        wanted: What to make.
        request: Caller and idempotency key as one text, and a hash of what was asked.
        now: When.

    Raises:
        KeyReused: The key was used for something else.
        TooManyWebhooks: The program has enough.
    """
    if request and (made := _made_before(connection, program_id, request, now)):
        return made
    row = connection.execute(_SQL["count_endpoints"], {"program_id": program_id}).fetchone()
    if row and row[0] >= ENDPOINT_LIMIT:
        raise TooManyWebhooks(f"A program has at most {ENDPOINT_LIMIT} webhooks; delete one that is no longer needed.")
    try:
        return _make(connection, program_id, wanted, request, now)
    except UniqueViolation:
        made_meanwhile = request and _made_before(connection, program_id, request, now)
        if not made_meanwhile:
            raise
        return made_meanwhile


def _made_before(
    connection: Connection[Any], program_id: str, request: tuple[str, bytes], now: datetime
) -> Made | None:
    asked = {"program_id": program_id, "request": request[0], "shown_after": now - OVERLAP}
    row = connection.execute(_SQL["requested"], asked).fetchone()
    if row is None:
        return None
    endpoint_id, request_hash, secret = row
    if bytes(request_hash) != request[1]:
        raise KeyReused("This Idempotency-Key was used for another webhook.", pointer="/Idempotency-Key")
    return Made(endpoint_id, None if secret is None else bytes(secret), replayed=True)


def _make(
    connection: Connection[Any],
    program_id: str,
    wanted: Wanted,
    request: tuple[str, bytes] | None,
    now: datetime,
) -> Made:
    endpoint_id = uuid4()
    partition, position = wanted.start or (None, None)
    key, request_hash = request or (None, None)
    asked = {
        "endpoint_id": endpoint_id,
        "program_id": program_id,
        "url": wanted.url,
        "kinds": list(wanted.kinds),
        "description": wanted.description,
        "secret": wanted.secret,
        "partition": partition,
        "position": position,
        "request": key,
        "request_hash": request_hash,
        "now": now,
    }
    with connection.transaction():
        for statement in ("add_endpoint", "begin_tracking", "add_secret"):
            connection.execute(_SQL[statement], asked)
    return Made(endpoint_id, wanted.secret, replayed=False)


def read_endpoints(connection: Connection[Any], program_id: str) -> list[Endpoint]:
    """Return the endpoints of a program, oldest first."""
    return _read(connection, program_id, None)


def read_endpoint(connection: Connection[Any], program_id: str, endpoint_id: UUID) -> Endpoint:
    """
    Return an endpoint.

    Raises:
        UnknownWebhook: The program does not have it.
    """
    for found in _read(connection, program_id, endpoint_id):
        return found
    raise _unknown(program_id, endpoint_id)


def _read(connection: Connection[Any], program_id: str, endpoint_id: UUID | None) -> list[Endpoint]:
    with connection.cursor(row_factory=class_row(Endpoint)) as cursor:
        asked = {"program_id": program_id, "endpoint_id": endpoint_id}
        return cursor.execute(_SQL["endpoints"], asked).fetchall()


def change_endpoint(
    connection: Connection[Any],
    program_id: str,
    endpoint_id: UUID,
    *,
    url: str | None = None,
    kinds: Sequence[str] | None = None,
    description: str | None = None,
    is_enabled: bool | None = None,
) -> None:
    """
    Change what is not ``None``. One that is enabled again goes on where it stopped.

    Raises:
        UnknownWebhook: The program does not have it.
    """
    asked = {
        "program_id": program_id,
        "endpoint_id": endpoint_id,
        "url": url,
        "kinds": None if kinds is None else list(kinds),
        "description": description,
        "status": None if is_enabled is None else ("enabled" if is_enabled else "disabled"),
    }
    if connection.execute(_SQL["change_endpoint"], asked).rowcount == 0:
        raise _unknown(program_id, endpoint_id)


def delete_endpoint(connection: Connection[Any], program_id: str, endpoint_id: UUID) -> None:
    """
    Delete an endpoint, with its secrets and its log.

    Raises:
        UnknownWebhook: The program does not have it.
    """
    asked = {"program_id": program_id, "endpoint_id": endpoint_id}
    if connection.execute(_SQL["delete_endpoint"], asked).rowcount == 0:
        raise _unknown(program_id, endpoint_id)


def rotate_secret(connection: Connection[Any], endpoint_id: UUID, secret: bytes, now: datetime) -> datetime:
    """Let a new secret sign, and return until when the one before signs as well."""
    asked = {"endpoint_id": endpoint_id, "secret": secret, "now": now, "expires_at": now + OVERLAP}
    with connection.transaction():
        connection.execute(_SQL["retire_secrets"], asked)
        connection.execute(_SQL["add_secret"], asked)
    return now + OVERLAP


def _unknown(program_id: str, endpoint_id: UUID) -> UnknownWebhook:
    return UnknownWebhook(f"{program_id!r} has no webhook {endpoint_id}.")
