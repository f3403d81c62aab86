"""
Connections whose clients take their time, and requests for which there is none.

Uvicorn waits for ever for a request's headers, takes any number of them, answers what is no HTTP in plain text, and
takes on every request. This is its protocol with an end to each of these. Bodies have theirs in `api.intake`.
"""

import asyncio
import random
import uuid
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.admission import Gate, Kind
from api.intake import LEAVE, SHED
from api.problems import (
    MEDIA_TYPE,
    RETRY_AFTER_S,
    HeadersTooLarge,
    MalformedRequest,
    RequestTimeout,
    problem_bytes,
)
from ledger.errors import LedgerError
from ledger.posting.instruction import LedgerBusy

HEADERS_S = 10.0
"""How long a connection may take until the headers of its first request are there, and those of a later one from its
first byte on. Between requests Uvicorn's own keep-alive ends it after 5 to 7 s."""

HEADERS_LIMIT = 64 * 1024
"""Bytes of a request's line and headers."""

READING_S = 30.0
"""How long a client may leave an answer unread that no buffer holds any more."""

_IDLE_MORE_S = 2.0
_READ_FIRST_S = 0.01

_BUSY = problem_bytes(LedgerBusy("More is waiting than can be taken on; send the request again in a moment."))


class Connections:
    """
    The connections of one server: what uvicorn is given as its HTTP protocol.

    Args:
        limit: Connections at once. Beyond it the one goes that has taken longest to say what it wants.
    """

    def __init__(self, limit: int = 10_000) -> None:
        self.limit = limit
        self.unspoken: dict[Connection, None] = {}
        """Those whose first request has not arrived, the oldest first."""
        self._gate: Gate | None = None

    def __call__(self, *arguments: Any, **more: Any) -> "Connection":
        """Return the protocol of a new connection; called in the server's event loop."""
        if self._gate is None:
            self._gate = Gate()
        return Connection(self, self._gate, *arguments, **more)


class Connection(HttpToolsProtocol):
    """One connection of a client."""

    def __init__(self, all_of_them: Connections, gate: Gate, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._all = all_of_them
        self._gate = gate
        self._until_headers: asyncio.TimerHandle | None = None
        self._until_read: asyncio.TimerHandle | None = None
        self._is_in_headers = False
        self._headers_size = 0
        self._kind: Kind | None = None
        self._is_shed = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as Uvicorn's
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._all.unspoken[self] = None
        self._until_headers = self.loop.call_later(HEADERS_S, self._late)
        if len(self.connections) > self._all.limit:
            next(iter(self._all.unspoken)).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting for anything."""
        self._arrived()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in bytes; headers that are not complete with them have to be soon."""
        super().data_received(data)
        if not (self._is_in_headers or self._is_shed) or self.transport.is_closing():
            return
        self._headers_size += len(data)
        if self._is_in_headers and self._headers_size > HEADERS_LIMIT:
            self._refuse(HeadersTooLarge(f"The request's headers are larger than {HEADERS_LIMIT} bytes."))
        elif self._until_headers is None:
            self._until_headers = self.loop.call_later(HEADERS_S, self._late)

    def on_message_begin(self) -> None:
        """See Uvicorn."""
        self._is_in_headers = True
        self._headers_size = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Let the request in, or not if there is no place for it."""
        self._is_in_headers = False
        self._arrived()
        self._kind = self._kind_of_request()
        if self._kind and self._gate.is_full(self._kind) and not self.expect_100_continue:
            self._is_shed = True
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """See Uvicorn."""
        if not self._is_shed:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Give the request its place: from now on it is worked on."""
        if self._is_shed:
            self._is_shed = False
            self._arrived()
            self._shed()
            return
        if self._kind and not self.cycle.response_complete:
            if self._gate.is_full(self._kind):
                self._gate.note_shed()
                self.scope[SHED] = True  # type: ignore[literal-required]  # between this and `api.intake`
            else:
                self._gate.enter(self._kind)
                self.scope[LEAVE] = partial(self._gate.leave, self._kind)  # type: ignore[literal-required]
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Wait for a client who does not read, for a while."""
        super().pause_writing()
        self._until_read = self.loop.call_later(READING_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on, it has read."""
        if self._until_read is not None:
            self._until_read.cancel()
            self._until_read = None
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """
        End an idle connection a moment later.

        The moment is drawn: after a rush thousands become idle together, and ending them all at once would be felt.
        """
        more_s = random.uniform(0, _IDLE_MORE_S)  # noqa: S311  # spreads load, guards nothing
        self.timeout_keep_alive_task = self.loop.call_later(more_s, self._hang_up)

    def _hang_up(self) -> None:
        # When the event loop is late, the next request may be here and not read yet. Timers come before reading, so
        # with one more of them it has been read, and has stopped it.
        self.timeout_keep_alive_task = self.loop.call_later(_READ_FIRST_S, super().timeout_keep_alive_handler)

    def send_400_response(self, msg: str) -> None:
        """Tell a client that does not speak HTTP, as everything is told here."""
        self._refuse(MalformedRequest(f"{msg} Send HTTP/1.1."))

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _kind_of_request(self) -> Kind | None:
        """Return which places it needs; none if it waits behind another one of its connection, or is about health."""
        if self._is_answering() or not self.url.startswith(b"/v1"):
            return None
        return Kind.READ if self.parser.get_method() == b"GET" else Kind.WRITE

    def _arrived(self) -> None:
        if self._until_headers is not None:
            self._until_headers.cancel()
            self._until_headers = None
        self._all.unspoken.pop(self, None)

    def _late(self) -> None:
        self._until_headers = None
        if self._is_in_headers:
            self._refuse(RequestTimeout(f"The request's headers did not arrive within {HEADERS_S:.0f} s."))
        else:
            # It has not said anything, or was about to be refused anyway.
            self.transport.close()

    def _shed(self) -> None:
        """Refuse a request for want of a place, at the least cost: there are too many of them."""
        self._gate.note_shed()
        is_kept = bool(self.parser.should_keep_alive())
        wait_s = random.randint(*RETRY_AFTER_S)  # noqa: S311  # spreads load, guards nothing
        self._answer(*_BUSY, f"retry-after: {wait_s}\r\nx-request-id: {uuid.uuid4().hex}\r\n", is_kept=is_kept)
        if is_kept:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive,
                self.timeout_keep_alive_handler,
            )

    def _refuse(self, refusal: LedgerError) -> None:
        """Answer instead of the application, which knows nothing of this request, and end the connection."""
        if self._is_answering():
            self.transport.close()  # else our answer would end up in the middle of that one
        elif not self.transport.is_closing():
            self._answer(*problem_bytes(refusal), is_kept=False)

    def _answer(self, status: int, body: bytes, headers: str = "", *, is_kept: bool) -> None:
        ending = "" if is_kept else "connection: close\r\n"
        head = f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n{headers}{ending}\r\n"
        self.transport.write(STATUS_LINE[status] + head.encode() + body)
        if not is_kept:
            self.transport.close()
