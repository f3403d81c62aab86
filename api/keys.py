"""API keys: made once, stored hashed, checked on every request."""

import secrets
import time
from datetime import datetime
from hashlib import sha256
from typing import Any

from psycopg import Connection, OperationalError
from psycopg_pool import ConnectionPool, PoolTimeout

from api.caller import Caller
from ledger.access.roles import ALLOWED, Role
from ledger.posting.instruction import LedgerUnavailable

_PREFIX = "khaywe_"
_TRUST_S = 5.0
"""How long a key found good stays good without asking again; a revoked key works no longer than this."""

_TRUSTED_LIMIT = 10_000


def issue_key(connection: Connection[Any], role: str, created_at: datetime) -> str:
    """
    Make a key.

    Returns:
        The key itself, for the only time: the database keeps its SHA-256. It has 256 random bits, so there is
        nothing for a slow hash to protect.
    """
    key = _PREFIX + secrets.token_urlsafe(32)
    connection.execute(
        "INSERT INTO access.api_keys (key_id, role, key_hash, created_at) VALUES (%s, %s, %s, %s)",
        (key[: len(_PREFIX) + 6], role, _hash(key), created_at),
    )
    return key


def has_key(connection: Connection[Any], role: str) -> bool:
    """Tell whether a key of this role is in force."""
    query = "SELECT FROM access.api_keys WHERE role = %s AND revoked_at IS NULL LIMIT 1"
    return connection.execute(query, (role,)).fetchone() is not None


def revoke_keys(connection: Connection[Any], role: str, revoked_at: datetime) -> int:
    """Take all keys of a role out of force, and return how many there were."""
    query = "UPDATE access.api_keys SET revoked_at = %s WHERE role = %s AND revoked_at IS NULL"
    return connection.execute(query, (revoked_at, role)).rowcount


class KeyRing:
    """Checks keys, and remembers for a few seconds which ones were good."""

    def __init__(self, pool: ConnectionPool[Connection[Any]]) -> None:
        """
        Args:
            pool: To look keys up.
        """
        self._pool = pool
        self._trusted: dict[bytes, tuple[Caller, float]] = {}

    def trusted(self, authorization: str) -> Caller | None:
        """Return the caller if the header carries a key found good a moment ago; never asks the database."""
        found = self._trusted.get(_hash(_key_of(authorization)))
        if found is None or found[1] < time.monotonic():
            return None
        return found[0]

    def check(self, authorization: str) -> Caller | None:
        """
        Return whose key is in an ``Authorization`` header, or ``None`` if it is not in force.

        Raises:
            LedgerUnavailable: The database cannot be asked.
        """
        key_hash = _hash(_key_of(authorization))
        query = "SELECT key_id, role FROM access.api_keys WHERE key_hash = %s AND revoked_at IS NULL"
        try:
            with self._pool.connection() as connection:
                row = connection.execute(query, (key_hash,)).fetchone()
        except (PoolTimeout, OperationalError):
            raise LedgerUnavailable("The database cannot be reached; ask again in a moment.") from None
        if row is None:
            self._trusted.pop(key_hash, None)
            return None
        if len(self._trusted) >= _TRUSTED_LIMIT:
            self._trusted.clear()
        key_id, role = row
        caller = Caller(f"key:{key_id}", f"key:{key_id}", ALLOWED[Role(role)])
        self._trusted[key_hash] = (caller, time.monotonic() + _TRUST_S)
        return caller


def _key_of(authorization: str) -> str:
    scheme, _, key = authorization.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _hash(key: str) -> bytes:
    return sha256(key.encode()).digest()
