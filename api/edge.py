"""The edge of every request: who is asking, how much may come in, and one line in the log about it."""

import time
import uuid
from typing import Any

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.caller import Caller
from api.intake import LEAVE, Intake
from api.keys import KeyRing
from api.problems import InternalError, Unauthorized, problem_response
from ledger.errors import InvalidInput, LedgerError

_log = structlog.get_logger("api")

_REQUEST_ID_LIMIT = 100

_HUNG_UP = 499
"""In the log only, as proxies write it: the client was gone before its request was there."""


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
        intake = Intake(scope, headers, receive)
        try:
            await intake.begin()
            caller = await self._caller(scope, headers)
            intake.check_declared()
            await self._app(scope, intake, send_with_id)
        except ClientDisconnect:
            status = _HUNG_UP
        except LedgerError as refusal:
            await intake.drain()
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
            if leave := scope.get(LEAVE):
                leave()

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
