"""The edge of every request: who is asking, how much may come in, and one line in the log about it."""

import time
import uuid
from http import HTTPStatus
from typing import Any, NamedTuple

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.caller import Caller
from api.access.issuing import KEY_PREFIX
from api.access.keyring import COOKIE, KeyRing
from api.access.limits import REQUESTS_PER_S, STRANGER_PER_S, Limiter
from api.intake import LEAVE, Intake
from api.metrics import RequestMetrics
from api.noting import begin_notes
from api.problems import CrossSiteRequest, InternalError, Unauthorized, problem_response
from api.watching import needs_key
from ledger.errors import InvalidInput, LedgerError

_log = structlog.get_logger("api")

_REQUEST_ID_LIMIT = 100
_NONE: dict[str, Any] = {}

SIGN_IN = "/v1/session"
"""The only address below ``/v1`` that takes strangers, for POST."""

_HUNG_UP = 499
"""In the log only, as proxies write it: the client was gone before its request was there."""


class _Exchange(NamedTuple):
    started: float
    status: int
    sent_bytes: int
    caller: Caller | None


class Edge:
    """
    Plain ASGI around everything else, because every request passes here.

    Everything below ``/v1`` needs a key: an endpoint cannot forget to ask for one.
    """

    def __init__(
        self, app: ASGIApp, keys: KeyRing, metrics: RequestMetrics, *, guesses_per_s: int = STRANGER_PER_S
    ) -> None:
        """
        Args:
            app: What is behind.
            keys: Checks API keys.
            metrics: Counts what was answered.
            guesses_per_s: Wrong keys and passwords that an address may show.
        """
        self._metrics = metrics
        self._app = app
        self._keys = keys
        self._callers = Limiter("caller", REQUESTS_PER_S)
        self._strangers = Limiter("stranger", guesses_per_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        metrics = self._metrics
        metrics.in_flight_count += 1
        is_answered = False
        headers = dict(scope["headers"])
        request_id = _request_id(headers.get(b"x-request-id"))
        noted = begin_notes(request_id)
        status, sent_bytes = 500, 0
        limits: list[tuple[bytes, bytes]] = []

        async def send_with_id(message: Message) -> None:
            nonlocal status, is_answered, sent_bytes
            if message["type"] == "http.response.start":
                is_answered = True
                status = int(message["status"])
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode()), *limits]
            else:
                sent_bytes += len(message.get("body", b""))
            await send(message)

        scope["khaywe.request_id"] = request_id
        caller: Caller | None = None
        intake = Intake(scope, headers, receive)
        try:
            await intake.begin()
            caller = await self._caller(scope, headers)
            if caller is not None:
                limits = self._callers.take(caller.family, caller.requests_per_s)
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
            metrics.in_flight_count -= 1
            self._tell(scope, headers, _Exchange(started, status, sent_bytes, caller), noted)

    def _tell(self, scope: Scope, headers: dict[bytes, bytes], exchange: _Exchange, noted: dict[str, Any]) -> None:
        """Count a request, and write its line."""
        seconds = time.perf_counter() - exchange.started
        route, status = _route(scope), exchange.status
        self._metrics.answered(scope["method"], route, status, seconds)
        if "slug" in noted:
            self._metrics.refused(noted["slug"])
        if status < HTTPStatus.BAD_REQUEST or status == HTTPStatus.CONFLICT:
            # Known by now to be one of ours; before, it may be anything that somebody put into an address.
            noted["program_id"] = scope.get("path_params", _NONE).get("program_id")
        getattr(_log, _level(status))(
            "request_answered",
            method=scope["method"],
            route=route,
            status=status,
            caller=exchange.caller.principal if exchange.caller else None,
            received_bytes=_declared(headers),
            sent_bytes=exchange.sent_bytes,
            duration_ms=round(seconds * 1000, 2),
            **noted,
        )
        if leave := scope.get(LEAVE):
            leave()

    async def _caller(self, scope: Scope, headers: dict[bytes, bytes]) -> Caller | None:
        path = scope["path"]
        if not path.isprintable():
            raise InvalidInput("The address contains a character that cannot be printed; send it without.")
        if not (path.startswith("/v1") or needs_key(scope, headers)):
            return None
        stranger = scope["client"][0] if scope.get("client") else ""
        if path == SIGN_IN and scope["method"] == "POST":
            self._strangers.take(stranger)
            if b"origin" in headers or b"sec-fetch-site" in headers:
                check_same_site("POST", headers)  # a browser: no other site signs anybody in
            return None
        caller = await self._known(scope, headers)
        if caller is None:
            if b"authorization" in headers or b"cookie" in headers:
                self._strangers.take(stranger)  # a guess; who shows nothing costs nothing
            raise Unauthorized("Send your key as: Authorization: Bearer khaywe_…")
        scope["khaywe.caller"] = caller
        return caller

    async def _known(self, scope: Scope, headers: dict[bytes, bytes]) -> Caller | None:
        """Return whose key or session the request carries, if it is in force."""
        authorization = headers.get(b"authorization")
        if authorization:
            key = _bearer(authorization)
            if not key:
                return None
            return self._keys.trusted(key) or await run_in_threadpool(self._keys.check_key, key)
        session = _session(headers)
        if not session:
            return None
        # A cookie comes along with whatever a browser sends, also what another site makes it send.
        check_same_site(scope["method"], headers)
        return self._keys.trusted(session) or await run_in_threadpool(self._keys.check_session, session)


def _bearer(authorization: bytes) -> str:
    scheme, _, key = authorization.decode("latin-1").partition(" ")
    key = key.strip()
    return key if scheme.lower() == "bearer" and key.startswith(KEY_PREFIX) else ""


def _session(headers: dict[bytes, bytes]) -> str:
    """Return the value of our cookie, or nothing."""
    for part in headers.get(b"cookie", b"").decode("latin-1").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return "" if value.startswith(KEY_PREFIX) else value
    return ""


def check_same_site(method: str, headers: dict[bytes, bytes]) -> None:
    """
    Let a request with a cookie change something only if our own pages sent it.

    Raises:
        CrossSiteRequest: A browser says that another site did, or does not say who.
    """
    if method in ("GET", "HEAD", "OPTIONS"):
        return
    site = headers.get(b"sec-fetch-site")
    origin = headers.get(b"origin", b"").decode("latin-1").partition("://")[2]
    is_ours = site == b"same-origin" if site is not None else origin == headers.get(b"host", b"").decode("latin-1")
    if not is_ours:
        raise CrossSiteRequest("With a session, send an Origin header that names this host; or use a key.")


def _level(status: int) -> str:
    """Refusals are business as usual, what passes by itself is worth a look, and a bug of ours is an error."""
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return "info"
    return "warning" if status == HTTPStatus.SERVICE_UNAVAILABLE else "error"


def _declared(headers: dict[bytes, bytes]) -> int | None:
    """Return how long the body was said to be; ``None`` where that was not said."""
    declared = headers.get(b"content-length")
    return int(declared) if declared is not None else None


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
