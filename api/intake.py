"""How a request's body comes in: so many bytes, within so much time."""

import asyncio
import math

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

from api.problems import BodyTooLarge, RequestTimeout
from ledger.errors import LedgerError
from ledger.posting.instruction import LedgerBusy

BODY_LIMIT = 256 * 1024
"""Bytes of an ordinary request."""

BATCH_BODY_LIMIT = 8 * 1024 * 1024
"""Bytes of a batch that is answered at once, or of the document of a program with all its versions."""

QUEUED_BODY_LIMIT = 64 * 1024 * 1024
"""Bytes of a batch that is carried out later."""

_STREAM = "/purchases/stream"
_QUEUED = "/batches"

STALL_S = 10.0
"""How long the next bytes of a body may take."""

BODY_S = 120.0
"""How long a whole body may take: 8 MiB over half a megabit a second, or a byte now and then."""

SHED = "khaywe.shed"
"""Stands in the scope of a request for which there was no place when the last of its body came."""

LEAVE = "khaywe.leave"
"""Stands in the scope of a request that holds a place, with what gives it back."""

_DRAIN_LIMIT = 64 * 1024 * 1024


class Intake:
    """What the application calls to receive one request."""

    def __init__(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> None:
        """
        Args:
            scope: Of the request.
            headers: The same as in the scope.
            receive: The server's.
        """
        self._scope = scope
        self._receive = receive
        self._limit = _limit_of(scope["path"])
        self._is_long = scope["path"].endswith((_STREAM, _QUEUED))
        """Who takes long bodies watches over their coming in, once they have begun."""
        self._declared = headers.get(b"content-length")
        self._is_expected = self._declared not in {None, b"0"} or b"transfer-encoding" in headers
        self._asks_first = b"expect" in headers
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + BODY_S
        self._kept: Message | None = None
        self._count = 0
        self._is_whole = False

    async def begin(self) -> None:
        """
        Receive what has arrived with the headers, usually all there is.

        Raises:
            LedgerBusy: All is here, and there is no place for it any more.
            BodyTooLarge: More came than this operation takes.
            RequestTimeout: Nothing comes.
            ClientDisconnect: Nothing will come.
        """
        if not self._is_expected:
            self._is_whole = True
        elif not (self._asks_first or self._declares_too_much()):
            self._kept = await self._next()

    def check_declared(self) -> None:
        """
        Raises:
            BodyTooLarge: More is announced than this operation takes.
        """
        if self._declares_too_much():
            raise self._too_large()

    async def __call__(self) -> Message:
        """Receive the next message; raises what `begin` raises."""
        if self._kept is not None:
            message, self._kept = self._kept, None
            return message
        if self._is_whole:
            return await self._receive()
        return await (self._next_of_many() if self._is_long else self._next())

    async def drain(self) -> None:
        """
        Read what is left of a body that is refused unread.

        A caller who is still sending when the connection closes sees a broken connection instead of the answer.
        """
        while not self._is_whole and self._is_expected and self._count < _DRAIN_LIMIT:
            self._limit = _DRAIN_LIMIT
            try:
                await self._next()
            except (LedgerError, ClientDisconnect):
                return

    def _declares_too_much(self) -> bool:
        return self._declared is not None and int(self._declared) > self._limit

    async def _next(self) -> Message:
        due = min(self._loop.time() + STALL_S, self._deadline)
        try:
            async with asyncio.timeout_at(due):
                message = await self._receive()
        except TimeoutError:
            wait = f"{STALL_S:.0f} s" if due < self._deadline else f"{BODY_S:.0f} s in all"
            raise RequestTimeout(f"The body did not arrive: {self._count} bytes came within {wait}.") from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        self._count += len(message.get("body", b""))
        if self._count > self._limit:
            raise self._too_large()
        if not message.get("more_body", False):
            self._is_whole = True
            if SHED in self._scope and not self._is_long:
                raise LedgerBusy("More is waiting than can be taken on; send the request again in a moment.")
        return message

    async def _next_of_many(self) -> Message:
        message = await self._receive()
        self._count += len(message.get("body", b""))
        if self._count > self._limit:
            raise self._too_large()
        self._is_whole = not message.get("more_body", False)
        return message

    def _too_large(self) -> BodyTooLarge:
        message = f"This operation takes bodies up to {self._limit} bytes; send more in several requests."
        return BodyTooLarge(message, limit_bytes=self._limit)


def _limit_of(path: str) -> float:
    """Return how many bytes the body of a request may have; without end where each of its lines is limited instead."""
    if path.endswith(_STREAM):
        return math.inf
    if path.endswith(_QUEUED):
        return QUEUED_BODY_LIMIT
    return BATCH_BODY_LIMIT if path.endswith(("/batch", "/programs/import")) else BODY_LIMIT
