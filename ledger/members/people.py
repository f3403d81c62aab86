"""What is known about members: reading, writing, searching. Whoever calls this sees personal data, and records that."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg import Connection
from psycopg.rows import class_row

from ledger.errors import InvalidInput
from ledger.members.directory import IdentifierTaken, UnknownMember, find_member
from ledger.members.errors import MemberErased, MemberMerged, ProfileChanged, UnknownIdentifier
from ledger.members.profile import Profile, folded, search_keys
from ledger.sql import load_queries
from ledger.store.codec import decode
from ledger.store.partitions import partition_of
from ledger.streams import StreamId, account_stream_id

_SQL = load_queries("ledger.members", "people.sql")

IDENTIFIER_LIMIT = 20
"""Identifiers of one member."""

Named = tuple[str, str]
"""Kind and value of an identifier, within a program."""


class Member(Struct, frozen=True):
    """A member, without anything personal."""

    member_id: UUID
    account_id: UUID
    enrolled_at: datetime
    partner: str | None
    """Who enrolled the member; ``None`` for the program itself."""
    merged_into: UUID | None
    erased_at: datetime | None
    identifier_kinds: list[str]


class StoredProfile(Struct, frozen=True):
    """A profile and its version; version 0 where nothing was ever written."""

    version: int
    profile: Profile
    changed_at: datetime | None


class Found(Struct, frozen=True):
    """A member who was searched for."""

    member_id: UUID
    account_id: UUID
    enrolled_at: datetime
    partner: str | None
    profile: Profile
    identifiers: list[Named]


class Criteria(Struct, frozen=True):
    """What to search for; all that is given has to hold. Texts are compared folded, names by how they begin."""

    identifier: Named | None = None
    member_id: UUID | None = None
    email: str | None = None
    phone: str | None = None
    name: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    enrolled_from: datetime | None = None
    enrolled_before: datetime | None = None
    partners: tuple[str, ...] = ()
    """Only members whom one of these enrolled; empty for all."""


def read_member(connection: Connection[Any], program_id: str, member_id: UUID) -> Member:
    """
    Return a member.

    Raises:
        UnknownMember: There is none of this id.
    """
    with connection.cursor(row_factory=class_row(Member)) as cursor:
        member = cursor.execute(_SQL["member"], _key(program_id, member_id)).fetchone()
    if member is None:
        raise UnknownMember(f"{program_id!r} has no member {member_id}; enrol the member first.", pointer="/member")
    return member


def member_of_account(connection: Connection[Any], account_id: StreamId, partition_count: int) -> UUID:
    """Return whose account this is; it has to exist."""
    asked = {"partition": partition_of(account_id, partition_count), "stream_id": UUID(bytes=account_id)}
    row = connection.execute(_SQL["opening"], asked, binary=True).fetchone()
    assert row is not None
    return UUID(decode(*row).member_id)


@contextmanager
def changing(connection: Connection[Any], program_id: str, member_id: UUID) -> Iterator[None]:
    """
    Change what is known about a member, in one transaction, alone.

    Raises:
        UnknownMember: There is no such member.
        MemberErased: Nothing is to be known about them.
        MemberMerged: What is known is another's now.
    """
    with connection.transaction():
        row = connection.execute(_SQL["lock_member"], _key(program_id, member_id)).fetchone()
        if row is None:
            raise UnknownMember(f"{program_id!r} has no member {member_id}; enrol the member first.", pointer="/member")
        check_standing(row[0], row[1])
        yield


def check_standing(merged_into: UUID | None, erased_at: datetime | None) -> None:
    """
    Raises:
        MemberErased: The member was erased.
        MemberMerged: The member was merged into another.
    """
    if erased_at is not None:
        message = "The member was erased, and nothing about the person is kept or taken in any more."
        raise MemberErased(message, pointer="/member", erased_at=erased_at)
    if merged_into is not None:
        message = f"The member was merged into {merged_into}; ask for that one."
        raise MemberMerged(message, pointer="/member", merged_into=merged_into)


def read_profile(connection: Connection[Any], program_id: str, member_id: UUID) -> StoredProfile:
    """Return what is known about a member."""
    row = connection.execute(_SQL["profile"], _key(program_id, member_id)).fetchone()
    if row is None:
        return StoredProfile(0, Profile(), None)
    version, spelled, changed_at = row
    return StoredProfile(version, _decode(spelled), changed_at)


def write_profile(
    connection: Connection[Any],
    program_id: str,
    member_id: UUID,
    profile: Profile,
    changed_at: datetime,
    *,
    expected: int | None = None,
) -> StoredProfile:
    """
    Replace what is known about a member; writing the same again changes nothing.

    Args:
        connection: Within `changing`.
        program_id: Of the member.
        member_id: Whose.
        profile: Checked.
        changed_at: Now.
        expected: The version that the caller saw; ``None``: whatever it is.

    Raises:
        ProfileChanged: It is another version by now, and says something else than what is to be written.
    """
    before = read_profile(connection, program_id, member_id)
    if before.version and before.profile == profile:
        return before
    if expected is not None and before.version != expected:
        message = f"The profile is at version {before.version}; read it again, and decide anew."
        raise ProfileChanged(message, pointer="/If-Match", version=before.version)
    keys = search_keys(profile)
    values = _key(program_id, member_id) | msgspec.structs.asdict(keys)
    values |= {"profile": msgspec.json.encode(profile).decode(), "changed_at": changed_at}
    row = connection.execute(_SQL["add_profile"], values).fetchone()
    assert row is not None
    return StoredProfile(row[0], profile, changed_at)


def add_identifier(connection: Connection[Any], program_id: str, member_id: UUID, named: Named) -> bool:
    """
    Give a member another identifier, and tell whether it is new; within `changing`.

    Raises:
        IdentifierTaken: It is somebody else's.
        InvalidInput: The member has too many.
    """
    count = connection.execute(_SQL["identifier_count"], _key(program_id, member_id)).fetchone()
    assert count is not None
    kind, value = named
    account_id = UUID(bytes=account_stream_id(program_id, member_id))
    row = _key(program_id, member_id) | {"kind": kind, "value": value, "account_id": account_id}
    is_new = connection.execute(_SQL["add_identifier"], row).rowcount > 0
    if not is_new and find_member(connection, (program_id, kind, value)) != member_id:
        raise IdentifierTaken("The identifier belongs to another member of the program.", pointer="/value")
    if is_new and count[0] >= IDENTIFIER_LIMIT:
        raise InvalidInput(f"A member has at most {IDENTIFIER_LIMIT} identifiers; remove one first.")
    return is_new


def remove_identifier(connection: Connection[Any], program_id: str, member_id: UUID, named: Named) -> bool:
    """Take an identifier from a member, and tell whether it was theirs; within `changing`."""
    kind, value = named
    asked = _key(program_id, member_id) | {"kind": kind, "value": value}
    return connection.execute(_SQL["remove_identifier"], asked).rowcount > 0


def replace_identifier(connection: Connection[Any], program_id: str, member_id: UUID, old: Named, new: Named) -> bool:
    """
    Let a member have one identifier instead of another, at once, and tell whether anything changed; within `changing`.

    Raises:
        UnknownIdentifier: The old one is not theirs, nor is the new one already.
        IdentifierTaken: The new one is somebody else's.
    """
    if remove_identifier(connection, program_id, member_id, old):
        add_identifier(connection, program_id, member_id, new)
        return True
    if add_identifier(connection, program_id, member_id, new):
        # Raised within the transaction, so that the new one is not added either.
        raise UnknownIdentifier("The member does not have the identifier that is to be replaced.", pointer="/old")
    return False


def search_members(
    connection: Connection[Any], program_id: str, criteria: Criteria, *, after: UUID | None, limit: int
) -> list[Found]:
    """Return members of a program, ordered by id; neither those who were merged into others nor those erased."""
    kind, value = criteria.identifier or (None, None)
    asked = msgspec.structs.asdict(criteria) | {
        "program_id": program_id,
        "kind": kind,
        "value": value,
        "email": folded(criteria.email),
        "name": folded(criteria.name),
        "given_name": folded(criteria.given_name),
        "family_name": folded(criteria.family_name),
        "partners": list(criteria.partners) or None,
        "after": after,
        "limit": limit,
    }
    # Never prepared: a plan for all searches alike would read every member for each.
    rows = connection.execute(_SQL["search"], asked, prepare=False).fetchall()
    return [
        Found(
            member_id,
            account_id,
            enrolled_at,
            partner,
            _decode(profile) if profile else Profile(),
            [(one["kind"], one["value"]) for one in msgspec.json.decode(identifiers)],
        )
        for member_id, account_id, enrolled_at, partner, profile, identifiers in rows
    ]


_decode = msgspec.json.Decoder(Profile).decode


def _key(program_id: str, member_id: UUID) -> dict[str, Any]:
    return {"program_id": program_id, "member_id": member_id}
