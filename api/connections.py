"""
Connections whose clients take their time.

Uvicorn waits for ever for a request's headers, takes any number of them, and answers what is no HTTP in plain text.
This is its protocol with an end to each of these. Bodies have theirs in `api.intake`.
"""

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.problems import MEDIA_TYPE, HeadersTooLarge, MalformedRequest, RequestTimeout, problem_bytes
from ledger.errors import LedgerError

HEADERS_S = 10.0
"""How long a connection may take until the headers of its first request are there, and those of a later one from its
first byte on. Between requests Uvicorn's own keep-alive ends it after 5 s."""

HEADERS_LIMIT = 64 * 1024
"""Bytes of a request's line and headers."""

READING_S = 30.0
"""How long a client may leave an answer unread that no buffer holds any more."""


class Connection(HttpToolsProtocol):
    """One connection of a client."""

    limit: ClassVar[int] = 100_000
    """Connections at once. Beyond it the one goes that has taken longest to say what it wants."""

    _unspoken: ClassVar[dict["Connection", None]] = {}
    """Those whose first request has not arrived, the oldest first."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._until_headers: asyncio.TimerHandle | None = None
        self._until_read: asyncio.TimerHandle | None = None
        self._is_in_headers = False
        self._headers_size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as Uvicorn's
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._unspoken[self] = None
        self._until_headers = self.loop.call_later(HEADERS_S, self._headers_late)
        if len(self.connections) > self.limit:
            next(iter(self._unspoken)).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting for anything."""
        self._headers_are_there()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in bytes; headers that are not complete with them have to be soon."""
        super().data_received(data)
        if not self._is_in_headers or self.transport.is_closing():
            return
        self._headers_size += len(data)
        if self._headers_size > HEADERS_LIMIT:
            self._refuse(HeadersTooLarge(f"The request's headers are larger than {HEADERS_LIMIT} bytes."))
        elif self._until_headers is None:
            self._until_headers = self.loop.call_later(HEADERS_S, self._headers_late)

    def on_message_begin(self) -> None:
        """See Uvicorn."""
        self._is_in_headers = True
        self._headers_size = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """See Uvicorn."""
        self._is_in_headers = False
        self._headers_are_there()
        super().on_headers_complete()

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

    def send_400_response(self, msg: str) -> None:
        """Tell a client that does not speak HTTP, as everything is told here."""
        self._refuse(MalformedRequest(f"{msg} Send HTTP/1.1."))

    def _headers_are_there(self) -> None:
        if self._until_headers is not None:
            self._until_headers.cancel()
            self._until_headers = None
        self._unspoken.pop(self, None)

    def _headers_late(self) -> None:
        self._until_headers = None
        if self._is_in_headers:
            self._refuse(RequestTimeout(f"The request's headers did not arrive within {HEADERS_S:.0f} s."))
        else:
            # It has not said anything, so there is nothing to answer.
            self.transport.close()

    def _refuse(self, refusal: LedgerError) -> None:
        """Answer instead of the application, which knows nothing of this request, and end the connection."""
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            status, body = problem_bytes(refusal)
            lines = f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
            self.transport.write(STATUS_LINE[status] + lines.encode() + body)
        # Otherwise an answer to an earlier request is under way, and ours would end up in it.
        self.transport.close()
