"""What the resources about members share: who is meant, and how identifiers are spelled."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Request
from msgspec import Meta, Struct
from psycopg import Connection

from api.access.caller import caller_of
from ledger.errors import LedgerError
from ledger.members.directory import UnknownMember, find_member, unknown_member
from ledger.members.errors import MemberErased, MemberMerged
from ledger.members.people import Member, Named, read_member
from ledger.posting.instruction import LedgerUnavailable
from ledger.program.decide import UnknownProgram
from rules.activity import member_address

READING: list[type[LedgerError]] = [UnknownProgram, UnknownMember, LedgerUnavailable]
"""What everything about a member can refuse, in the order of the checks."""

CHANGING: list[type[LedgerError]] = [UnknownProgram, UnknownMember, MemberErased, MemberMerged, LedgerUnavailable]
"""What everything that changes what is known about a member can refuse, in the order of the checks."""


class IdentifierBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What the outside calls a member."""

    kind: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,31}$", examples=["card"])]
    value: Annotated[str, Meta(min_length=1, max_length=150, examples=["6000123456789"])]

    def named(self) -> Named:
        """Return it as the directory knows it."""
        return self.kind, self.value


def named_member(connection: Connection[Any], request: Request) -> Member:
    """
    Return the member whom the path names, if the caller sees that one.

    Raises:
        InvalidInput: It is neither a member id nor ``kind:value``.
        UnknownMember: Nobody is called that, or a partner asks for a member that none of theirs enrolled.
    """
    program_id, name = request.path_params["program_id"], request.path_params["member"]
    address = member_address(program_id, name)
    member_id = find_member(connection, address) if isinstance(address, tuple) else UUID(name)
    member = read_member(connection, program_id, member_id)
    partners = caller_of(request).partners
    if partners and member.partner not in partners:
        raise unknown_member((program_id, name.partition(":")[0] if ":" in name else "member id", ""))
    return member
