"""Members and their identifiers: enrolment, and finding the account behind a card."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from ledger.errors import LedgerError
from ledger.sql import joined, load_queries
from ledger.streams import StreamId, account_stream_id

_SQL = load_queries("ledger.members")


class UnknownMember(LedgerError):
    """No member is known by this identifier in the program."""

    slug = "unknown-member"


class IdentifierTaken(LedgerError):
    """The identifier belongs to another member of the program."""

    slug = "identifier-taken"


Identifier = tuple[str, str, str]
"""Program id, kind, value: what the outside calls a member, for example by card, customer number or phone."""

_NOBODY = bytes(16)


def resolve(connection: Connection[Any], identifiers: Sequence[Identifier]) -> dict[Identifier, StreamId]:
    """Return the account's stream id behind each identifier that is known; one round trip per kind."""
    by_kind: dict[tuple[str, str], list[Identifier]] = defaultdict(list)
    for identifier in identifiers:
        by_kind[identifier[0], identifier[1]].append(identifier)
    found: dict[Identifier, StreamId] = {}
    for (program_id, kind), asked in by_kind.items():
        values = joined([value for _, _, value in asked])
        lookup = {"program_id": program_id, "kind": kind, "values": values}
        row = connection.execute(_SQL["resolve"], lookup, binary=True).fetchone()
        assert row is not None
        accounts: bytes = row[0]
        for index, identifier in enumerate(asked):
            account = accounts[index * 16 : index * 16 + 16]
            if account != _NOBODY:
                found[identifier] = account
    return found


class IdentifierCache:
    """
    Remembers whom identifiers name, for as long as the directory's revision stands still.

    Adding identifiers does not move the revision: nobody is remembered as unknown.
    """

    def __init__(self, capacity: int = 200_000) -> None:
        """
        Args:
            capacity: Identifiers remembered; beyond, the memory starts afresh.
        """
        self._capacity = capacity
        self._revision: int | None = None
        self._found: dict[Identifier, StreamId] = {}

    def resolve(self, connection: Connection[Any], identifiers: Sequence[Identifier]) -> Mapping[Identifier, StreamId]:
        """Return the account's stream id behind each identifier that is known; see the function `resolve`."""
        if not identifiers:
            return {}
        row = connection.execute(_SQL["revision"]).fetchone()
        assert row is not None
        self.holds_at(row[0])
        return self.recall(connection, identifiers)

    def recall(self, connection: Connection[Any], identifiers: Sequence[Identifier]) -> Mapping[Identifier, StreamId]:
        """
        Like `resolve`, but ask only for those that are not remembered.

        What this returns is true only if `holds_at` says so of a revision read afterwards.
        """
        found = self._found
        if len(found) > self._capacity:
            found.clear()
        unknown = [identifier for identifier in identifiers if identifier not in found]
        if unknown:
            found.update(resolve(connection, unknown))
        return found

    def holds_at(self, revision: int) -> bool:
        """Tell whether what was remembered is true at this revision of the directory; if not, it is forgotten."""
        if revision == self._revision:
            return True
        self._revision, self._found = revision, {}
        return False


def find_member(connection: Connection[Any], identifier: Identifier) -> UUID:
    """
    Return the id of the member known by ``identifier``.

    Raises:
        UnknownMember: Nobody is.
    """
    program_id, kind, value = identifier
    row = connection.execute(_SQL["find"], {"program_id": program_id, "kind": kind, "value": value}).fetchone()
    if row is None:
        raise unknown_member(identifier)
    found: UUID = row[0]
    return found


def unknown_member(identifier: Identifier, pointer: str = "/member") -> UnknownMember:
    """Return the refusal for an identifier nobody has. The value itself may be personal, so it is not repeated."""
    program_id, kind, _ = identifier
    message = f"No member of {program_id!r} has this {kind!r}; enrol the member first."
    return UnknownMember(message, pointer=pointer, kind=kind)


def is_member(connection: Connection[Any], program_id: str, member_id: UUID) -> bool:
    """Tell whether ``member_id`` is enrolled in the program."""
    row = connection.execute(_SQL["is_member"], {"program_id": program_id, "member_id": member_id}).fetchone()
    return row is not None


def identifiers_of(connection: Connection[Any], program_id: str, member_id: UUID) -> list[Identifier]:
    """Return everything the outside calls this member."""
    rows = connection.execute(_SQL["identifiers_of"], {"program_id": program_id, "member_id": member_id})
    return [(program_id, kind, value) for kind, value in rows]


def enrol(
    connection: Connection[Any],
    program_id: str,
    newcomers: Mapping[UUID, Sequence[tuple[str, str]]],
    enrolled_at: datetime,
) -> dict[tuple[str, str], UUID]:
    """
    Make sure every identifier belongs to a member.

    Running it again changes nothing, and two at the same time agree: whoever writes an identifier first owns it.

    Args:
        connection: In autocommit mode.
        program_id: Of the program they join.
        newcomers: For each proposed member id the ``(kind, value)`` pairs that name that member.
        enrolled_at: When they joined.

    Returns:
        Which member owns each identifier now: the proposed one, or whoever had it before.

    Raises:
        IdentifierTaken: The identifiers of one newcomer belong to different members, or some are new and some taken.
    """
    pairs = [(kind, value, member) for member, named in newcomers.items() for kind, value in named]
    kinds, values = [kind for kind, _, _ in pairs], [value for _, value, _ in pairs]
    lookup = {"program_id": program_id, "kinds": kinds, "values": values}
    with connection.transaction():
        owned = {(kind, value) for kind, value, _ in connection.execute(_SQL["owners"], lookup)}
        fresh = [pair for pair in pairs if (pair[0], pair[1]) not in owned]
        members = list(dict.fromkeys(member for _, _, member in fresh))
        accounts = {member: UUID(bytes=account_stream_id(program_id, member)) for member in members}
        connection.execute(
            _SQL["add_members"],
            {
                "program_id": program_id,
                "member_ids": members,
                "account_ids": list(accounts.values()),
                "enrolled_at": enrolled_at,
            },
        )
        connection.execute(
            _SQL["add_identifiers"],
            {
                "program_id": program_id,
                "kinds": [kind for kind, _, _ in fresh],
                "values": [value for _, value, _ in fresh],
                "member_ids": [member for _, _, member in fresh],
                "account_ids": [accounts[member] for _, _, member in fresh],
            },
        )
        owners = {(kind, value): member for kind, value, member in connection.execute(_SQL["owners"], lookup)}
        for named in newcomers.values():
            if len({owners[kind, value] for kind, value in named}) > 1:
                message = "These identifiers belong to different members already; enrol with those of one person."
                raise IdentifierTaken(message, pointer="/identifiers")
    return owners
