"""Sessions: signing in with a password, for the console."""

import asyncio
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.access.caller import Caller, caller_of
from api.access.issuing import access_instruction, secret_hash
from api.access.keyring import COOKIE, SESSION_IDLE
from api.access.passwords import is_password
from api.access.users import store_password
from api.access.views import CallerView, PasswordChange, RolesView, SignInRequest
from api.bodies import body_of
from api.openapi import operation
from api.paging import as_json
from api.problems import CrossSiteRequest, RateLimited, SignInFailed
from api.resources import Resources, resources
from ledger.access.decide import Note
from ledger.access.errors import InvalidPassword
from ledger.access.events import SignedIn, SignedOut, SignInRefused
from ledger.access.roles import ALLOWED
from ledger.posting.instruction import LedgerBusy, LedgerUnavailable
from ledger.sql import load_queries
from rules.instructions.asking import hashed

router = APIRouter(prefix="/v1", tags=["access"])

_LASTS = timedelta(hours=12)
_PATIENCE = 5
"""Wrong passwords before a user is locked for a while, twice as long for each further one."""
_LONGEST_LOCK = timedelta(minutes=15)
_REFUSED_AFTER_S = 0.25
"""Longer than recording that a password was wrong takes: where there is no user, nothing is recorded."""

_SQL = load_queries("api.access")
_sign_in = msgspec.json.Decoder(SignInRequest).decode
_password = msgspec.json.Decoder(PasswordChange).decode


class _User(Struct, frozen=True):
    user_id: UUID
    password_hash: str
    is_enabled: bool
    locked_until: datetime | None


@router.post(
    "/session",
    summary="Sign in",
    **operation(
        None,
        sees_members=True,
        is_open=True,
        body=SignInRequest,
        status=204,
        refusals=[CrossSiteRequest, SignInFailed, RateLimited, LedgerBusy, LedgerUnavailable],
        example={"email": "ada@example.com", "password": "correct horse battery"},
    ),
)
async def sign_in(request: Request) -> Response:
    """
    Open a session: the answer sets a cookie that scripts cannot read and other sites cannot send.

    It ends after twelve hours, or when nobody used it for one. Five wrong passwords in a row lock the user for a while.
    """
    asked = await body_of(request, _sign_in)
    found, now = resources(request), datetime.now(UTC)
    # Nobody learns from the answer, nor from when it comes, whether there is such a user, nor, while it is locked,
    # whether the guess was right.
    async with found.password_slots:
        user = await run_in_threadpool(_find, found, asked.email.casefold())
        is_right = await run_in_threadpool(is_password, user.password_hash if user else None, asked.password)
        answered_at = time.monotonic() + _REFUSED_AFTER_S
        is_refused = user is None or await _is_refused(found, user, now, is_right=is_right)
    if user is None or is_refused:
        await asyncio.sleep(answered_at - time.monotonic())
        raise SignInFailed(_FAILED)
    secret = secrets.token_urlsafe(32)
    row = {"hash": secret_hash(secret), "user_id": user.user_id, "now": now, "idle_since": now - SESSION_IDLE}
    await _note(found, SignedIn(f"user:{user.user_id}", now))
    await run_in_threadpool(_execute, found, "open_session", row | {"expires_at": now + _LASTS})
    answer = Response(status_code=204, headers={"Cache-Control": "no-store"})
    answer.set_cookie(
        COOKIE,
        secret,
        max_age=int(_LASTS.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


_FAILED = "The address or the password is wrong, or the user is locked for a while or disabled."


@router.get("/session", summary="Tell who is asking", **operation(None, sees_members=True, answer=CallerView))
async def who_am_i(request: Request) -> Response:
    """Return whom the key or session belongs to, and what they may do."""
    caller = caller_of(request)
    return as_json(
        CallerView(
            caller.principal,
            caller.role,
            sorted(caller.actions),
            list(caller.programs),
            list(caller.partners),
            list(caller.stores),
        )
    )


@router.delete(
    "/session",
    summary="Sign out",
    **operation(None, sees_members=True, status=204, refusals=[LedgerBusy, LedgerUnavailable]),
)
async def sign_out(request: Request) -> Response:
    """Close the session; does nothing for a caller with a key."""
    found, caller, now = resources(request), caller_of(request), datetime.now(UTC)
    if _is_user(caller):
        secret = request.cookies[COOKIE]
        await run_in_threadpool(_execute, found, "close_session", {"hash": secret_hash(secret)})
        found.keyring.forget()
        await _note(found, SignedOut(caller.principal, now))
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


@router.put(
    "/session/password",
    summary="Change one's own password",
    **operation(
        None,
        sees_members=True,
        body=PasswordChange,
        status=204,
        refusals=[InvalidPassword, LedgerBusy, LedgerUnavailable],
        example={"present_password": "correct horse battery", "password": "staple of another kind"},
    ),
)
async def change_password(request: Request) -> Response:
    """
    Change one's own password. All sessions end, this one too: sign in again.

    A wrong present password counts like one at signing in: after five nobody is let in for a while, and this is
    refused also with the right one.
    """
    asked = await body_of(request, _password)
    found, caller, now = resources(request), caller_of(request), datetime.now(UTC)
    if not _is_user(caller):
        raise InvalidPassword("A key has no password; sign in as a user.")
    user_id = UUID(caller.principal.removeprefix("user:"))
    email = await run_in_threadpool(_own_email, found, user_id)
    async with found.password_slots:
        user = await run_in_threadpool(_find, found, email)
        assert user is not None  # users are never deleted
        is_right = await run_in_threadpool(is_password, user.password_hash, asked.present_password)
        is_refused = await _is_refused(found, user, now, is_right=is_right)
    if is_refused:
        raise InvalidPassword("This is not the present password.", pointer="/present_password")
    await store_password(request, user_id, email, asked.password)
    return Response(status_code=204)


@router.get("/access/roles", summary="List the roles", **operation(None, sees_members=True, answer=RolesView))
async def roles(_: Request) -> Response:
    """Return every role with the actions it allows; a key may be narrowed to fewer."""
    return as_json(RolesView({role.value: sorted(actions) for role, actions in ALLOWED.items()}))


async def _is_refused(found: Resources, user: _User, now: datetime, *, is_right: bool) -> bool:
    """Tell whether a user is not to be let in; counts and records it."""
    reason = _refusal(user, now, is_right=is_right)
    if reason:
        row = {"user_id": user.user_id, "now": now, "patience": _PATIENCE, "longest": _LONGEST_LOCK}
        await run_in_threadpool(_execute, found, "failed", row)
        await _note(found, SignInRefused(f"user:{user.user_id}", now, reason))
    return bool(reason)


def _refusal(user: _User, now: datetime, *, is_right: bool) -> str:
    if user.locked_until is not None and user.locked_until > now:
        return "locked"
    if not is_right:
        return "wrong-password"
    return "" if user.is_enabled else "disabled"


def _is_user(caller: Caller) -> bool:
    return caller.principal.startswith("user:")


async def _note(found: Resources, event: SignedIn | SignInRefused | SignedOut) -> None:
    asked = hashed("note", event.TOPIC, event.principal, event.occurred_at)
    await found.poster.post(access_instruction(event.principal, Note(event), asked))


def _find(found: Resources, email: str) -> _User | None:
    with found.connection() as connection:
        row = connection.execute(_SQL["user_by_email"], {"email": email}).fetchone()
    return None if row is None else _User(*row)


def _own_email(found: Resources, user_id: UUID) -> str:
    with found.connection() as connection:
        row = connection.execute("SELECT email FROM access.users WHERE user_id = %s", (user_id,)).fetchone()
    assert row is not None  # users are never deleted
    (email,) = row
    return str(email)


def _execute(found: Resources, query: str, row: dict[str, Any]) -> None:
    with found.connection() as connection:
        connection.execute(_SQL[query], row)
