"""Keys and sessions, checked on every request."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import Connection, OperationalError
from psycopg_pool import ConnectionPool, PoolTimeout

from api.access.caller import Caller
from api.access.issuing import secret_hash
from ledger.access.decide import actions_of
from ledger.access.events import Grant
from ledger.posting.instruction import LedgerUnavailable
from ledger.sql import load_queries

_SQL = load_queries("api.access")
_TRUST_S = 5.0
"""How long what was found good stays good without asking again; a revoked key works no longer than this."""

_TRUSTED_LIMIT = 10_000

COOKIE = "khaywe_session"
"""Carries a session."""

SESSION_IDLE = timedelta(hours=1)
"""A session that nobody used for so long is over."""


class KeyRing:
    """Checks keys and sessions, and remembers for a few seconds which ones were good."""

    def __init__(self, pool: ConnectionPool[Connection[Any]]) -> None:
        """
        Args:
            pool: To look keys up.
        """
        self._pool = pool
        self._trusted: dict[bytes, tuple[Caller, float]] = {}

    def trusted(self, secret: str) -> Caller | None:
        """Return whose key or session this is if it was found good a moment ago; never asks the database."""
        found = self._trusted.get(secret_hash(secret))
        if found is None or found[1] < time.monotonic():
            return None
        return found[0]

    def check_key(self, secret: str) -> Caller | None:
        """
        Return whose key this is, or ``None`` if it is not in force.

        Raises:
            LedgerUnavailable: The database cannot be asked.
        """
        row = self._look_up("use_key", {"hash": secret_hash(secret), "now": datetime.now(UTC)})
        if row is None:
            self._trusted.pop(secret_hash(secret), None)
            return None
        key_id, family, requests_per_s, expires_at, *grant = row
        return self._trust(secret, f"key:{key_id}", f"key:{family}", _grant(*grant), expires_at, requests_per_s)

    def check_session(self, secret: str) -> Caller | None:
        """
        Return whose session this is, or ``None`` if it is over.

        Raises:
            LedgerUnavailable: The database cannot be asked.
        """
        now = datetime.now(UTC)
        asked = {"hash": secret_hash(secret), "now": now, "idle_since": now - SESSION_IDLE}
        row = self._look_up("use_session", asked)
        if row is None:
            self._trusted.pop(secret_hash(secret), None)
            return None
        user_id, expires_at, *grant = row
        return self._trust(secret, f"user:{user_id}", f"user:{user_id}", _grant(*grant), expires_at, None)

    def forget(self) -> None:
        """Ask about everybody again: what somebody may do has just been changed in this process."""
        self._trusted.clear()

    def _look_up(self, query: str, asked: dict[str, Any]) -> tuple[Any, ...] | None:
        try:
            with self._pool.connection() as connection:
                return connection.execute(_SQL[query], asked).fetchone()
        except (PoolTimeout, OperationalError):
            raise LedgerUnavailable("The database cannot be reached; ask again in a moment.") from None

    def _trust(  # noqa: PLR0917  # what is known of them
        self,
        secret: str,
        principal: str,
        family: str,
        grant: Grant,
        expires_at: datetime | None,
        requests_per_s: int | None,
    ) -> Caller:
        caller = Caller(
            principal,
            family,
            actions_of(grant),
            grant.programs,
            grant.partners,
            grant.stores,
            grant.role,
            requests_per_s,
        )
        good_s = _TRUST_S
        if expires_at is not None:
            good_s = min(good_s, (expires_at - datetime.now(UTC)).total_seconds())
        if len(self._trusted) >= _TRUSTED_LIMIT:
            self._trusted.clear()
        self._trusted[secret_hash(secret)] = (caller, time.monotonic() + good_s)
        return caller


def _grant(role: str, actions: list[str], programs: list[str], partners: list[str], stores: list[str]) -> Grant:
    return Grant(role, tuple(actions), tuple(programs), tuple(partners), tuple(stores))
