"""From other threads into the event loop."""

import asyncio
from collections import deque
from typing import Any


class Bridge:
    """
    Hands results to awaiting request handlers.

    Work is done in batches, so many results come at once; the handlers are all woken by one call into the event
    loop, because such a call costs more than most of the work.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._delivered: deque[tuple[asyncio.Future[Any], Any]] = deque()
        self._is_waking = False

    def future(self) -> "asyncio.Future[Any]":
        """Return a future for a handler to await."""
        return self._loop.create_future()

    def deliver(self, future: "asyncio.Future[Any]", result: Any) -> None:
        """Give a future its result, or the exception it is to raise. Called from any thread."""
        self._delivered.append((future, result))
        if not self._is_waking:
            self._is_waking = True
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        # Cleared first: whatever is delivered from here on calls again.
        self._is_waking = False
        while self._delivered:
            future, result = self._delivered.popleft()
            if future.done():
                continue  # the caller hung up; what was done stays done
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)
