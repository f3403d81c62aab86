"""Checkpoints that were taken."""

from collections.abc import Iterator, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg import Connection

from ledger.audit.checkpoint import Sealed, read
from ledger.audit.errors import LedgerNotWhole, UnknownCheckpoint
from ledger.signing import Keyring, NotSigned, public_of
from ledger.sql import load_queries

_SQL = load_queries("ledger.audit")

BLOCK_LEVEL = 10
BLOCK_SIZE = 1 << BLOCK_LEVEL
"""Events under one stored root."""

_NEWEST = 2**62


def keys_of(keyring: Keyring) -> list[Ed25519PublicKey]:
    """Return the public keys of everything we ever signed with."""
    return [public_of(one.public_pem.encode()) for one in keyring.published]


def last_checkpoint(connection: Connection[Any], keys: Sequence[Ed25519PublicKey]) -> Sealed | None:
    """
    Return the newest checkpoint.

    Raises:
        LedgerNotWhole: It is none of ours.
    """
    row = connection.execute(_SQL["last"]).fetchone()
    return _sealed(row[0], keys) if row else None


def checkpoint_of(connection: Connection[Any], number: int | None, keys: Sequence[Ed25519PublicKey]) -> Sealed:
    """
    Return a checkpoint by its number; ``None`` is the newest.

    Raises:
        UnknownCheckpoint: There is none.
        LedgerNotWhole: It is none of ours.
    """
    if number is None:
        found = last_checkpoint(connection, keys)
        if found is None:
            raise UnknownCheckpoint("No checkpoint was taken yet; take one.", pointer="/checkpoint")
        return found
    row = connection.execute(_SQL["checkpoint"], {"number": number}).fetchone()
    if row is None:
        raise UnknownCheckpoint(f"There is no checkpoint {number}.", pointer="/checkpoint")
    return _sealed(row[0], keys)


def checkpoints(
    connection: Connection[Any], keys: Sequence[Ed25519PublicKey], *, before: int = _NEWEST, limit: int = 100
) -> list[Sealed]:
    """
    Return checkpoints, newest first.

    Raises:
        LedgerNotWhole: One is none of ours.
    """
    rows = connection.execute(_SQL["checkpoints"], {"before": before, "limit": limit})
    return [_sealed(envelope, keys) for (envelope,) in rows]


def envelopes(connection: Connection[Any]) -> Iterator[bytes]:
    """Give every checkpoint as it is stored, oldest first."""
    for (envelope,) in connection.execute(_SQL["all_checkpoints"]):
        yield envelope


def _sealed(envelope: bytes, keys: Sequence[Ed25519PublicKey]) -> Sealed:
    try:
        return Sealed(read(envelope, keys), envelope)
    except NotSigned as error:
        raise LedgerNotWhole(f"A stored checkpoint is signed by no key that is known here: {error}") from None
