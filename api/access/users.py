"""Users: people with a password of their own, for the console."""

import uuid
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request
from psycopg import Connection, errors
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.access.caller import caller_of
from api.access.issuing import access_instruction
from api.access.keys import check_covered
from api.access.passwords import hashed_password
from api.access.views import PasswordRequest, UserChange, UserPage, UserRequest, UserView
from api.bodies import body_of
from api.openapi import CURSOR, LIMIT, operation, path_parameter
from api.paging import as_json, cursor_of, limit_of, token
from api.resources import Resources, resources
from ledger.access.decide import AddUser, ChangeUser, Note, check_grant
from ledger.access.errors import GrantExceeded, InvalidGrant, InvalidPassword, UnknownUser, UserExists
from ledger.access.events import Grant, PasswordSet
from ledger.access.roles import Action
from ledger.errors import InvalidInput
from ledger.posting.instruction import LedgerBusy, LedgerUnavailable
from ledger.sql import load_queries
from rules.instructions.asking import hashed

router = APIRouter(prefix="/v1/access/users", tags=["access"])

_SQL = load_queries("api.access")
_USER = path_parameter("user_id", "The user.", "0195f3d2-8c4e-7cc1-9a52-6f1d2b7a4e10")
_request = msgspec.json.Decoder(UserRequest).decode
_change = msgspec.json.Decoder(UserChange).decode
_password = msgspec.json.Decoder(PasswordRequest).decode

_Cursor = tuple[datetime, UUID]


@router.post(
    "",
    summary="Add a user",
    **operation(
        Action.WRITE_ACCESS,
        body=UserRequest,
        answer=UserView,
        status=201,
        refusals=[InvalidGrant, GrantExceeded, InvalidPassword, UserExists, LedgerBusy, LedgerUnavailable],
        example={"email": "ada@example.com", "password": "correct horse battery", "role": "finance"},
    ),
)
async def add_user(request: Request) -> Response:
    """
    Give somebody a user, with no more than what the caller may do.

    The e-mail address is the key: for one that is known already the request is refused, also if it is the same.
    """
    found, now = resources(request), datetime.now(UTC)
    asked = await body_of(request, _request)
    grant, email = asked.grant(), asked.email.casefold()
    check_grant(grant)
    check_covered(request, grant)
    user_id = uuid.uuid4()
    row = _columns(grant) | {"user_id": user_id, "email": email, "now": now}
    row["password_hash"] = await run_in_threadpool(_hashed, found, asked.password, email)
    # Recorded first: a user whom nobody heard of must not open anything. If this process ends in between, the record
    # tells of a user who never came to be.
    command = AddUser(f"user:{user_id}", grant, caller_of(request).principal, now)
    await found.poster.post(access_instruction(command.principal, command, hashed("add-user", str(user_id))))
    await run_in_threadpool(_add, found, row)
    view = await run_in_threadpool(_user, request, user_id)
    return Response(msgspec.json.encode(view), 201, None, "application/json")


@router.get(
    "",
    summary="List users",
    **operation(
        Action.READ_ACCESS, answer=UserPage, parameters=[LIMIT, CURSOR], refusals=[InvalidInput, LedgerUnavailable]
    ),
)
def list_users(request: Request) -> Response:
    """Return all users, newest first, and what they may do."""
    limit, after = limit_of(request), cursor_of(request, _Cursor)
    with resources(request).connection() as connection:
        rows = _read(connection, limit=limit, before=after)
    last = rows[-1] if len(rows) == limit else None
    seen = [user for user in rows if caller_of(request).sees(_grant(user))]
    return as_json(UserPage(seen, token([last.created_at, last.user_id]) if last else None))


@router.get(
    "/{user_id}",
    summary="Read a user",
    **operation(Action.READ_ACCESS, answer=UserView, parameters=[_USER], refusals=[UnknownUser, LedgerUnavailable]),
)
def read_user(request: Request) -> Response:
    """Return what a user may do."""
    return as_json(_user(request, _user_id(request)))


@router.put(
    "/{user_id}",
    summary="Change what a user may do",
    **operation(
        Action.WRITE_ACCESS,
        body=UserChange,
        answer=UserView,
        parameters=[_USER],
        refusals=[UnknownUser, InvalidGrant, GrantExceeded, LedgerBusy, LedgerUnavailable],
        example={"role": "marketer", "programs": ["coffee"], "is_enabled": True},
    ),
)
async def change_user(request: Request) -> Response:
    """Give a user another role or other limits, or disable it. Its sessions end: it signs in anew."""
    found, now = resources(request), datetime.now(UTC)
    asked = await body_of(request, _change)
    grant = asked.grant()
    check_grant(grant)
    user = await run_in_threadpool(_user, request, _user_id(request))
    check_covered(request, grant)
    check_covered(request, _grant(user))
    row = _columns(grant) | {"user_id": user.user_id, "is_enabled": asked.is_enabled}
    command = ChangeUser(grant, asked.is_enabled, caller_of(request).principal, now)
    asked_hash = hashed("change-user", str(user.user_id), asked)
    recording = access_instruction(f"user:{user.user_id}", command, asked_hash)
    # Nobody may do more before it is on record; whoever is disabled is kept out at once, whether or not it can be.
    if asked.is_enabled:
        await found.poster.post(recording)
    await run_in_threadpool(_execute, found, "change_user", row)
    found.keyring.forget()
    if not asked.is_enabled:
        await found.poster.post(recording)
    return as_json(await run_in_threadpool(_user, request, user.user_id))


@router.put(
    "/{user_id}/password",
    summary="Set a user's password",
    **operation(
        Action.WRITE_ACCESS,
        body=PasswordRequest,
        parameters=[_USER],
        status=204,
        refusals=[UnknownUser, GrantExceeded, InvalidPassword, LedgerBusy, LedgerUnavailable],
        example={"password": "correct horse battery"},
    ),
)
async def set_password(request: Request) -> Response:
    """Give a user another password, because the old one is lost. Its sessions end, and it is no longer locked out."""
    asked = await body_of(request, _password)
    user = await run_in_threadpool(_user, request, _user_id(request))
    check_covered(request, _grant(user))
    await store_password(request, user.user_id, user.email, asked.password)
    return Response(status_code=204)


async def store_password(request: Request, user_id: UUID, email: str, password: str) -> None:
    """
    Change a password, and record that it was changed.

    Raises:
        InvalidPassword: See `hashed_password`.
    """
    found, now = resources(request), datetime.now(UTC)
    password_hash = await run_in_threadpool(hashed_password, password, email)
    row = {"user_id": user_id, "password_hash": password_hash}
    # On record first: a password that nobody heard of must not open anything.
    event = PasswordSet(f"user:{user_id}", caller_of(request).principal, now)
    await found.poster.post(access_instruction(event.principal, Note(event), hashed("password", str(user_id), now)))
    await run_in_threadpool(_execute, found, "set_password", row)
    found.keyring.forget()


def _hashed(found: Resources, password: str, email: str) -> str:
    with found.connection() as connection:
        if connection.execute(_SQL["user_by_email"], {"email": email}).fetchone():
            raise _taken()
    return hashed_password(password, email)


def _add(found: Resources, row: dict[str, Any]) -> None:
    try:
        _execute(found, "add_user", row)
    except errors.UniqueViolation:
        raise _taken() from None


def _taken() -> UserExists:
    return UserExists("There is a user with this address; change that one.", pointer="/email")


def _execute(found: Resources, query: str, row: dict[str, Any]) -> None:
    with found.connection() as connection:
        connection.execute(_SQL[query], row)


def _columns(grant: Grant) -> dict[str, Any]:
    return {
        "role": grant.role,
        "actions": list(grant.actions),
        "programs": list(grant.programs),
        "partners": list(grant.partners),
        "stores": list(grant.stores),
    }


def _grant(user: UserView) -> Grant:
    return Grant(user.role, tuple(user.actions), tuple(user.programs), tuple(user.partners), tuple(user.stores))


def _user_id(request: Request) -> UUID:
    text = request.path_params["user_id"]
    try:
        return UUID(text)
    except ValueError:
        raise UnknownUser(f"There is no user {text!r}.", pointer="/user_id") from None


def _user(request: Request, user_id: UUID) -> UserView:
    with resources(request).connection() as connection:
        rows = _read(connection, user_id=user_id)
    if not rows or not caller_of(request).sees(_grant(rows[0])):
        raise UnknownUser(f"There is no user {str(user_id)!r}.", pointer="/user_id")
    return rows[0]


def _read(
    connection: Connection[Any], *, user_id: UUID | None = None, limit: int = 1, before: _Cursor | None = None
) -> list[UserView]:
    before_at, before_id = before or (None, None)
    asked = {"user_id": user_id, "limit": limit, "before_at": before_at, "before_id": before_id}
    return [UserView(*row) for row in connection.execute(_SQL["users"], asked)]
