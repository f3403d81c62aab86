"""Keys: issue, look at, rotate, revoke."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from msgspec.structs import replace
from psycopg import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.access.caller import caller_of
from api.access.issuing import (
    NewKey,
    end_key,
    end_key_instruction,
    keep_key,
    new_key,
    revoke_instruction,
    revoke_key,
)
from api.access.views import IssuedKeyView, KeyPage, KeyRequest, KeyView, RotationRequest
from api.bodies import body_of
from api.openapi import CURSOR, LIMIT, operation, path_parameter
from api.paging import as_json, cursor_of, limit_of, token
from api.resources import Resources, idempotency_references, resources
from ledger.access.decide import actions_of, check_grant
from ledger.access.errors import GrantExceeded, InvalidGrant, KeyNotInForce, UnknownKey
from ledger.access.events import Grant
from ledger.access.roles import Action
from ledger.dates import as_utc
from ledger.errors import InvalidInput
from ledger.posting.instruction import KeyReused, LedgerBusy, LedgerUnavailable
from ledger.sql import load_queries
from rules.instructions.asking import hashed

router = APIRouter(prefix="/v1/access/keys", tags=["access"])

_SQL = load_queries("api.access")
_KEY = path_parameter("key_id", "The first characters of the key, as lists show them.", "khaywe_v5TObnQ1")
_request = msgspec.json.Decoder(KeyRequest).decode
_rotation = msgspec.json.Decoder(RotationRequest).decode

_Cursor = tuple[datetime, str]


@router.post(
    "",
    summary="Issue a key",
    **operation(
        Action.WRITE_ACCESS,
        body=KeyRequest,
        answer=IssuedKeyView,
        status=201,
        refusals=[InvalidGrant, GrantExceeded, KeyReused, LedgerBusy, LedgerUnavailable],
        example={"role": "pos", "label": "tills of store 330", "programs": ["coffee"], "stores": ["store-330"]},
    ),
)
async def issue_key(request: Request) -> Response:
    """
    Make a key for a till, a service or a partner, with no more than what the caller may do.

    The key is in the answer and nowhere else; only a hash of it is stored. Sent again with the same
    Idempotency-Key, the request is answered without the key: if the first answer was lost, revoke that key, and issue
    another.
    """
    asked = await body_of(request, _request)
    caller, now = caller_of(request), datetime.now(UTC)
    expires_at = _end(asked.expires_at, now)
    grant = asked.grant()
    check_grant(grant)
    check_covered(request, grant)
    key = new_key(grant, caller.principal, now, expires_at, asked.label, asked.requests_per_s)
    _, answer = await _issued(request, key, hashed("issue-key", asked))
    return answer


@router.get(
    "",
    summary="List keys",
    **operation(
        Action.READ_ACCESS, answer=KeyPage, parameters=[LIMIT, CURSOR], refusals=[InvalidInput, LedgerUnavailable]
    ),
)
def list_keys(request: Request) -> Response:
    """Return all keys, newest first: what they may do, who issued them, when they were used last. Never what opens."""
    limit, after = limit_of(request), cursor_of(request, _Cursor)
    with resources(request).connection() as connection:
        rows = _read(connection, limit=limit, before=after)
    last = rows[-1] if len(rows) == limit else None
    seen = [key for key in rows if caller_of(request).sees(_grant(key))]
    return as_json(KeyPage(seen, token([last.created_at, last.key_id]) if last else None))


@router.get(
    "/{key_id}",
    summary="Read a key",
    **operation(Action.READ_ACCESS, answer=KeyView, parameters=[_KEY], refusals=[UnknownKey, LedgerUnavailable]),
)
def read_key(request: Request) -> Response:
    """Return what a key may do, and when it was used last."""
    return as_json(_key(request))


@router.post(
    "/{key_id}/rotate",
    summary="Rotate a key",
    **operation(
        Action.WRITE_ACCESS,
        body=RotationRequest,
        answer=IssuedKeyView,
        status=201,
        parameters=[_KEY],
        refusals=[UnknownKey, GrantExceeded, KeyNotInForce, KeyReused, LedgerBusy, LedgerUnavailable],
        example={"overlap_hours": 24},
    ),
)
async def rotate_key(request: Request) -> Response:
    """
    Make a key that may do the same, and let the old one end after an overlap, in which both work.

    What was written with the old key is recognised under the new one: idempotency keys belong to the family.
    """
    asked = await body_of(request, _rotation)
    caller, now = caller_of(request), datetime.now(UTC)
    old = await run_in_threadpool(_key, request)
    is_over = old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now)
    if is_over:
        raise KeyNotInForce("The key is not in force any more; issue a new one.")
    grant = _grant(old)
    check_covered(request, grant)
    expires_at = _end(asked.expires_at, now)
    key = replace(
        new_key(grant, caller.principal, now, expires_at, old.label, old.requests_per_s),
        family=old.family,
        replaces=old.key_id,
    )
    issued, answer = await _issued(request, key, hashed("rotate-key", old.key_id, asked))
    # Where it was sent again, too: the first time may have broken off before the old one had its end.
    ends_at = issued.created_at + timedelta(hours=asked.overlap_hours)
    found = resources(request)
    await found.poster.post(end_key_instruction(old.key_id, ends_at, caller.principal, now))
    await run_in_threadpool(_with, found, lambda connection: end_key(connection, old.key_id, ends_at))
    return answer


@router.post(
    "/{key_id}/revoke",
    summary="Revoke a key",
    **operation(
        Action.WRITE_ACCESS,
        answer=KeyView,
        parameters=[_KEY],
        refusals=[UnknownKey, GrantExceeded, LedgerBusy, LedgerUnavailable],
    ),
)
async def revoke(request: Request) -> Response:
    """
    Take a key out of force; for ever. It opens nothing any more after five seconds at most.

    The same request sent again changes nothing.
    """
    found, now = resources(request), datetime.now(UTC)
    key = await run_in_threadpool(_key, request)
    check_covered(request, _grant(key))
    await run_in_threadpool(_with, found, lambda connection: revoke_key(connection, key.key_id, now))
    found.keyring.forget()
    await found.poster.post(revoke_instruction(key.key_id, caller_of(request).principal, now))
    return as_json(await run_in_threadpool(_key, request))


def check_covered(request: Request, grant: Grant) -> None:
    """
    Let somebody give, change or take away only what they have themselves.

    Raises:
        GrantExceeded: It is more.
    """
    caller, actions = caller_of(request), actions_of(grant)
    if not caller.covers(grant, actions):
        missing = sorted(actions - caller.actions)
        what = (
            f"You may not: {', '.join(missing)}."
            if missing
            else "You are limited to fewer programs, members or stores."
        )
        raise GrantExceeded(what)


async def _issued(request: Request, key: NewKey, asked: bytes) -> tuple[KeyView, Response]:
    found = resources(request)
    posted = await found.poster.post(key.instruction(asked, idempotency_references(request)))
    key_id = posted.event.principal.removeprefix("key:")
    if not posted.replayed:
        await run_in_threadpool(_with, found, lambda connection: keep_key(connection, key))
    rows = await run_in_threadpool(_with, found, lambda connection: _read(connection, key_id=key_id))
    if not rows:
        # The process ended between recording the key and putting it in force, so it opens nothing.
        raise UnknownKey(f"{key_id} was recorded and never came into force; issue a key with another Idempotency-Key.")
    view = IssuedKeyView(None if posted.replayed else key.secret, rows[0], posted.replayed)
    headers = {"Cache-Control": "no-store"} | ({"Idempotency-Replayed": "true"} if posted.replayed else {})
    status = 200 if posted.replayed else 201
    return rows[0], Response(msgspec.json.encode(view), status, headers, "application/json")


def _key(request: Request) -> KeyView:
    key_id = request.path_params["key_id"]
    with resources(request).connection() as connection:
        rows = _read(connection, key_id=key_id)
    if not rows or not caller_of(request).sees(_grant(rows[0])):
        raise UnknownKey(f"There is no key {key_id!r}.", pointer="/key_id")
    return rows[0]


def _grant(key: KeyView) -> Grant:
    return Grant(key.role, tuple(key.actions), tuple(key.programs), tuple(key.partners), tuple(key.stores))


def _read(
    connection: Connection[Any], *, key_id: str | None = None, limit: int = 1, before: _Cursor | None = None
) -> list[KeyView]:
    before_at, before_id = before or (None, None)
    asked = {"key_id": key_id, "limit": limit, "before_at": before_at, "before_id": before_id}
    return [KeyView(*row) for row in connection.execute(_SQL["keys"], asked)]


def _with(found: Resources, use: Any) -> Any:
    with found.connection() as connection:
        return use(connection)


def _end(expires_at: datetime | None, now: datetime) -> datetime | None:
    if expires_at is None:
        return None
    if as_utc(expires_at) <= now:
        raise InvalidInput("This moment is over.", pointer="/expires_at")
    return as_utc(expires_at)
