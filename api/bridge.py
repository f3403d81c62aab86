"""From other threads into the event loop."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any


class Bridge:
    """
    Hands results to awaiting request handlers.

    Work is done in batches, so many results come at once. They are all laid down before the event loop is woken, once:
    woken by the first, it would fight with whoever hands over the others for the interpreter, result by result.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._delivered: deque[tuple[asyncio.Future[Any], Any]] = deque()
        self._is_waking = False

    def future(self) -> "asyncio.Future[Any]":
        """Return a future for a handler to await."""
        return self._loop.create_future()

    def deliver(self, future: "asyncio.Future[Any]", result: Any) -> Callable[[], None]:
        """
        Lay down a future's result, or the exception it is to raise. Called from any thread.

        Returns:
            What has to be called when everything that came together is laid down.
        """
        self._delivered.append((future, result))
        return self.wake

    def wake(self) -> None:
        """Let the event loop hand out what was laid down. Called from any thread."""
        if not self._is_waking:
            self._is_waking = True
            self._loop.call_soon_threadsafe(self._hand_out)

    def _hand_out(self) -> None:
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
