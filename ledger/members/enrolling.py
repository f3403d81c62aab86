"""One member who joins, as a request asks for it: under an idempotency key, with a profile, through a partner."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from msgspec import Struct
from psycopg import Connection

from ledger.members import directory
from ledger.members.errors import MemberErased
from ledger.members.people import Named, write_profile
from ledger.members.profile import Profile
from ledger.posting.instruction import KeyReused, Reference
from ledger.sql import load_queries

_SQL = load_queries("ledger.members", "enrolling.sql")


class Newcomer(Struct, frozen=True):
    """Somebody who joins."""

    identifiers: Sequence[Named]
    profile: Profile | None
    """Checked."""
    partner: str | None
    enrolled_at: datetime


def enrol_one(
    connection: Connection[Any], program_id: str, newcomer: Newcomer, request_hash: bytes, reference: Reference | None
) -> UUID:
    """
    Make sure that somebody is a member, and return the id.

    Who is a member already keeps profile and partner: enrolling overwrites nothing.

    Args:
        connection: In autocommit mode.
        program_id: Of the program they join.
        newcomer: Who.
        request_hash: Over what was asked, so that a key used for something else is noticed.
        reference: The caller's idempotency key; the identifiers are a key as well.

    Raises:
        KeyReused: The key was used for another enrolment.
        MemberErased: The key was used for this one, and the member was erased since.
        IdentifierTaken: See `directory.enrol`.
    """
    with connection.transaction():
        if reference is not None:
            known = _known(connection, program_id, newcomer, request_hash, reference)
            if known is not None:
                return known
        proposed = uuid4()
        owners = directory.enrol(connection, program_id, {proposed: newcomer.identifiers}, newcomer.enrolled_at)
        member_id = owners[newcomer.identifiers[0]]
        if member_id == proposed:
            if newcomer.partner is not None:
                by = {"program_id": program_id, "member_id": member_id, "partner": newcomer.partner}
                connection.execute(_SQL["enrolled_by"], by)
            if newcomer.profile is not None:
                write_profile(connection, program_id, member_id, newcomer.profile, newcomer.enrolled_at)
        if reference is not None:
            source, key = reference
            connection.execute(_SQL["keep_key"], {"source": source, "key": key, "member_id": member_id})
    return member_id


def _known(
    connection: Connection[Any], program_id: str, newcomer: Newcomer, request_hash: bytes, reference: Reference
) -> UUID | None:
    """Take a key, and return ``None``; or return whom it enrolled before."""
    source, key = reference
    values = {
        "source": source,
        "key": key,
        "request_hash": request_hash,
        "program_id": program_id,
        "enrolled_at": newcomer.enrolled_at,
    }
    if connection.execute(_SQL["take_key"], values).rowcount:
        return None
    row = connection.execute(_SQL["key"], values).fetchone()
    assert row is not None
    before, member_id = row
    if before is None:
        raise MemberErased("The member whom this key enrolled was erased since.", pointer="/Idempotency-Key")
    if bytes(before) != request_hash:
        message = f"{key!r} was used before for a different request; a new effect needs a new key."
        raise KeyReused(message, source=source, key=key)
    known: UUID = member_id
    return known
