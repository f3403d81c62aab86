"""Object-level access: a caller limited to partners reaches only members whom these enrolled; others are not there."""

from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID

from fastapi import Request
from msgspec import Struct
from psycopg import Connection
from starlette.concurrency import run_in_threadpool

from api.access.caller import Caller, authorize, caller_of
from api.resources import Resources, resources
from ledger.access.roles import Action
from ledger.errors import LedgerError
from ledger.members.directory import UnknownMember, find_member, unknown_member
from ledger.members.people import member_of_account, read_member
from ledger.streams import StreamId
from rules.activity import member_address

_FIELDS = ("member", "to_member", "into_member")


async def check_asked(request: Request, asked: object) -> None:
    """
    Let a body be about members whom the caller reaches.

    Raises:
        UnknownMember: Another partner enrolled one of them, or nobody did.
    """
    caller = caller_of(request)
    program_id = request.path_params.get("program_id")
    if caller.partners and program_id is not None and isinstance(asked, Struct):
        names = [name for field in _FIELDS if isinstance(name := getattr(asked, field, None), str)]
        names += getattr(asked, "members", ())
        await run_in_threadpool(_check, resources(request), program_id, caller, names)


async def check_named(request: Request, name: str) -> None:
    """
    Let the path be about a member whom the caller reaches.

    Raises:
        UnknownMember: Another partner enrolled them, or nobody did.
    """
    caller = caller_of(request)
    if caller.partners:
        await run_in_threadpool(_check, resources(request), request.path_params["program_id"], caller, [name])


def allow(action: Action | None, *, sees_members: bool) -> Callable[[Request], Awaitable[None]]:
    """
    Return the dependency that lets only callers pass who may do this.

    Args:
        action: What they must be allowed to do; ``None`` for everybody with a key.
        sees_members: The operation itself sees to it that callers limited to partners reach only their members; where
            the path names a member, that is looked at here.
    """

    async def check(request: Request) -> None:
        authorize(request, action)
        name = request.path_params.get("member")
        caller_of(request).require_reach(sees_members=sees_members or name is not None)
        if name is not None:
            await check_named(request, name)

    return check


def check_account(request: Request, connection: Connection[object], account_id: StreamId, missing: LedgerError) -> None:
    """
    Let something be done about what is booked on an account, if the caller reaches its member.

    Args:
        request: Says who asks.
        connection: To look up whose account it is.
        account_id: Where it is booked.
        missing: Raised if they do not: for them it is not there.
    """
    caller = caller_of(request)
    if caller.partners:
        found, program_id = resources(request), request.path_params["program_id"]
        member_id = member_of_account(connection, account_id, found.partition_count)
        if member_id is None or read_member(connection, program_id, member_id).partner not in caller.partners:
            raise missing


def unreached(found: Resources, program_id: str, caller: Caller, names: Iterable[str]) -> dict[str, LedgerError]:
    """Return those of the names whom the caller does not reach, each with its refusal."""
    refusals: dict[str, LedgerError] = {}
    if caller.partners:
        with found.connection() as connection:
            for name in set(names):
                try:
                    _check_one(connection, program_id, caller, name)
                except LedgerError as refusal:
                    refusals[name] = refusal
    return refusals


def _check(found: Resources, program_id: str, caller: Caller, names: Iterable[str]) -> None:
    for refusal in unreached(found, program_id, caller, names).values():
        raise refusal


def _check_one(connection: Connection[object], program_id: str, caller: Caller, name: str) -> None:
    address = member_address(program_id, name)
    is_named = isinstance(address, tuple)
    member_id = find_member(connection, address) if is_named else UUID(name)  # type: ignore[arg-type]  # told apart
    if read_member(connection, program_id, member_id).partner not in caller.partners:
        if isinstance(address, tuple):
            raise unknown_member(address)
        raise UnknownMember(f"{program_id!r} has no member {member_id}; enrol the member first.", pointer="/member")
