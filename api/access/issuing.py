"""Keys: made once, shown once, stored hashed."""

import secrets
from collections.abc import Callable
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any

from msgspec import Struct
from psycopg import Connection

from ledger.access.decide import Command, IssueKey, RevokeKey, SetKeyExpiry, decide
from ledger.access.events import Grant
from ledger.posting.instruction import Instruction, Outcome, Posted, Reference
from ledger.streams import ACCESS, access_stream_id
from rules.instructions.asking import hashed

KEY_PREFIX = "khaywe_"
"""Every key begins with it, and no session does."""
_VISIBLE = len(KEY_PREFIX) + 8

Post = Callable[[list[Instruction]], list[Outcome]]
"""Carries instructions out, and waits: `Poster.post`."""


class NewKey(Struct, frozen=True):
    """A key on its way to being in force."""

    secret: str
    """The key itself. It has 256 random bits, so there is nothing for a slow hash to protect."""
    key_id: str
    """What may be seen of it."""
    family: str
    """The id of the first key, if this one takes over from another."""
    grant: Grant
    label: str
    requests_per_s: int | None
    by: str
    issued_at: datetime
    expires_at: datetime | None
    replaces: str = ""

    def instruction(self, asked: bytes, keys: tuple[Reference, ...] = ()) -> Instruction:
        """
        Return the instruction that records it.

        Args:
            asked: A hash of what was asked for.
            keys: Idempotency keys.
        """
        command = IssueKey(f"key:{self.key_id}", self.grant, self.by, self.issued_at, self.expires_at, self.replaces)
        return access_instruction(f"key:{self.key_id}", command, asked, (("access-key", self.key_id), *keys))


def new_key(  # noqa: PLR0917  # what a key is
    grant: Grant,
    by: str,
    issued_at: datetime,
    expires_at: datetime | None = None,
    label: str = "",
    requests_per_s: int | None = None,
) -> NewKey:
    """Make a key that is not in force yet."""
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    key_id = secret[:_VISIBLE]
    return NewKey(secret, key_id, key_id, grant, label, requests_per_s, by, issued_at, expires_at)


def secret_hash(secret: str) -> bytes:
    """Return what is stored of a key or a session."""
    return sha256(secret.encode()).digest()


def access_instruction(
    principal: str, command: Command, asked: bytes, references: tuple[Reference, ...] = ()
) -> Instruction:
    """Return the instruction that a command to a key's or a user's stream is."""
    # A reference has to be there; where nothing can be asked twice, it is one that nobody else will use.
    own = references or (("access", secrets.token_hex(16)),)
    return Instruction(ACCESS, access_stream_id(principal), own, asked, partial(_decide, command))


def _decide(command: Command, principal: Any) -> Any:
    return decide(principal, command)


def keep_key(connection: Connection[Any], key: NewKey) -> None:
    """Put a key in force. Its event is recorded before: a key that nobody heard of must not open anything."""
    connection.execute(
        "INSERT INTO access.api_keys (key_id, family, role, key_hash, label, actions, programs, partners, stores,"
        " requests_per_s, issued_by, created_at, expires_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            key.key_id,
            key.family,
            key.grant.role,
            secret_hash(key.secret),
            key.label,
            list(key.grant.actions),
            list(key.grant.programs),
            list(key.grant.partners),
            list(key.grant.stores),
            key.requests_per_s,
            key.by,
            key.issued_at,
            key.expires_at,
        ),
    )


def end_key(connection: Connection[Any], key_id: str, ends_at: datetime) -> None:
    """Let a key end at a moment, unless it ends earlier already."""
    connection.execute(
        "UPDATE access.api_keys SET expires_at = least(coalesce(expires_at, 'infinity'), %s) WHERE key_id = %s",
        (ends_at, key_id),
    )


def end_key_instruction(key_id: str, ends_at: datetime, by: str, at: datetime) -> Instruction:
    """Return the instruction that records that a key ends."""
    return access_instruction(f"key:{key_id}", SetKeyExpiry(ends_at, by, at), hashed("end-key", key_id, ends_at))


def revoke_key(connection: Connection[Any], key_id: str, revoked_at: datetime) -> None:
    """Take a key out of force. Its event is recorded afterwards: what was revoked must open nothing meanwhile."""
    connection.execute(
        "UPDATE access.api_keys SET revoked_at = %s WHERE key_id = %s AND revoked_at IS NULL", (revoked_at, key_id)
    )


def revoke_instruction(key_id: str, by: str, at: datetime) -> Instruction:
    """Return the instruction that records that a key was revoked."""
    return access_instruction(f"key:{key_id}", RevokeKey(by, at), hashed("revoke-key", key_id))


def admin_key_ids(connection: Connection[Any]) -> list[str]:
    """Return the ids of the unlimited admin keys in force."""
    query = (
        "SELECT key_id FROM access.api_keys WHERE role = 'admin' AND revoked_at IS NULL"
        " AND (expires_at IS NULL OR expires_at > now()) AND programs = '{}' AND actions = '{}' ORDER BY key_id"
    )
    return [key_id for (key_id,) in connection.execute(query)]


def issue(post: Post, connection: Connection[Any], key: NewKey) -> None:
    """
    Record a key, and put it in force.

    Raises:
        LedgerError: It was refused.
    """
    carried_out(post([key.instruction(hashed("issue-key", key.key_id))]))
    keep_key(connection, key)


def revoke(post: Post, connection: Connection[Any], key_id: str, by: str, at: datetime) -> None:
    """Take a key out of force, and record it."""
    revoke_key(connection, key_id, at)
    carried_out(post([revoke_instruction(key_id, by, at)]))


def carried_out(outcomes: list[Outcome]) -> Posted:
    """
    Return what the only instruction came to.

    Raises:
        LedgerError: It was refused.
    """
    (outcome,) = outcomes
    if not isinstance(outcome, Posted):
        raise outcome
    return outcome
