"""The edge of every request: who is asking, how much may come in, and one line in the log about it."""

import time
import uuid
from typing import Any

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.caller import Caller
from api.keys import KeyRing
from api.problems import BodyTooLarge, InternalError, Unauthorized, problem_response
from ledger.errors import InvalidInput, LedgerError

_log = structlog.get_logger("api")

_REQUEST_ID_LIMIT = 100

BODY_LIMIT = 256 * 1024
"""Bytes of an ordinary request."""

_DRAIN_LIMIT = 64 * 1024 * 1024

BATCH_BODY_LIMIT = 8 * 1024 * 1024
"""Bytes of a batch that is answered at once."""

QUEUED_BODY_LIMIT = 64 * 1024 * 1024
"""Bytes of a batch that is carried out later."""


class Edge:
    """
    Plain ASGI around everything else, because every request passes here.

    Everything below ``/v1`` needs a key: an endpoint cannot forget to ask for one.
    """

    def __init__(self, app: ASGIApp, keys: KeyRing) -> None:
        """
        Args:
            app: What is behind.
            keys: Checks API keys.
        """
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        is_answered = False
        headers = dict(scope["headers"])
        request_id = _request_id(headers.get(b"x-request-id"))
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status, is_answered
            if message["type"] == "http.response.start":
                is_answered = True
                status = int(message["status"])
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        caller: Caller | None = None
        try:
            caller = await self._caller(scope, headers)
            await self._app(scope, _limited(scope, headers, receive), send_with_id)
        except LedgerError as refusal:
            await _drain(receive)
            await problem_response(refusal, scope["path"])(scope, receive, send_with_id)
        except Exception:  # noqa: BLE001  # the edge of the process: the caller gets an answer, we get the traceback
            _log.exception("request_failed", request_id=request_id)
            if not is_answered:
                ours = InternalError(f"Please report request {request_id}.")
                await problem_response(ours, scope["path"])(scope, receive, send_with_id)
        finally:
            _log.info(
                "request_answered",
                request_id=request_id,
                method=scope["method"],
                route=_route(scope),
                status=status,
                caller=caller.principal if caller else None,
                duration_ms=round((time.perf_counter() - started) * 1000, 2),
            )

    async def _caller(self, scope: Scope, headers: dict[bytes, bytes]) -> Caller | None:
        if not scope["path"].isprintable():
            raise InvalidInput("The address contains a character that cannot be printed; send it without.")
        if not scope["path"].startswith("/v1"):
            return None
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        caller = self._keys.trusted(authorization)
        if caller is None and authorization:
            caller = await run_in_threadpool(self._keys.check, authorization)
        if caller is None:
            raise Unauthorized("Send your key as: Authorization: Bearer khaywe_…")
        scope["khaywe.caller"] = caller
        return caller


def _limited(scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Receive:
    limit = _limit_of(scope["path"])
    if limit is None:
        return receive
    declared = headers.get(b"content-length")
    if declared is not None:
        if int(declared) > limit:
            raise _too_large(limit)
        return receive  # the server holds the client to what it declared
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise _too_large(limit)
        return message

    return counted


def _limit_of(path: str) -> int | None:
    """Return how many bytes the body of a request may have; ``None`` where each of its lines is limited instead."""
    if path.endswith("/purchases/stream"):
        return None
    if path.endswith("/batches"):
        return QUEUED_BODY_LIMIT
    return BATCH_BODY_LIMIT if path.endswith("/batch") else BODY_LIMIT


async def _drain(receive: Receive) -> None:
    """
    Read what is left of a body that is refused unread.

    A caller who is still sending when the connection closes sees a broken connection instead of the answer.
    """
    left = _DRAIN_LIMIT
    while left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return


def _too_large(limit: int) -> BodyTooLarge:
    message = f"This operation takes bodies up to {limit} bytes; send more in several requests."
    return BodyTooLarge(message, limit_bytes=limit)


def _request_id(given: bytes | None) -> str:
    """Return the caller's request id if it is one we can repeat, otherwise a new one."""
    text = given.decode("latin-1") if given else ""
    if 0 < len(text) <= _REQUEST_ID_LIMIT and text.isascii() and text.isprintable():
        return text
    return uuid.uuid4().hex


def _route(scope: Scope) -> Any:
    """Return the route's template: a path may name a card, and cards are not for logs."""
    if "khaywe.route" in scope:
        return scope["khaywe.route"]
    route = scope.get("route")
    return getattr(route, "path_format", None) or getattr(route, "path", None)
