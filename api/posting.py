"""From the event loop to the poster's thread and back."""

import asyncio
from collections import deque
from collections.abc import Sequence

from ledger.errors import LedgerError
from ledger.posting.instruction import Instruction, Outcome, Posted
from ledger.posting.poster import Poster

_Delivery = tuple["asyncio.Future[list[Outcome]]", list[Outcome] | BaseException]


class AsyncPoster:
    """
    Lets request handlers await the poster.

    A batch finishes for many requests at once; they are all woken by one call into the event loop, because such a
    call costs more than carrying out an instruction.
    """

    def __init__(self, poster: Poster) -> None:
        """
        Args:
            poster: Running.
        """
        self._poster = poster
        self._loop = asyncio.get_running_loop()
        self._delivered: deque[_Delivery] = deque()
        self._is_waking = False

    async def post(self, instruction: Instruction) -> Posted:
        """
        Carry out one instruction.

        Raises:
            LedgerError: It was refused.
        """
        (outcome,) = await self.post_all([instruction])
        if isinstance(outcome, LedgerError):
            raise outcome
        return outcome

    async def post_all(self, instructions: Sequence[Instruction], *, together: bool = False) -> list[Outcome]:
        """Carry out several; see `Poster.submit`."""
        if not instructions:
            return []
        future: asyncio.Future[list[Outcome]] = self._loop.create_future()
        self._poster.submit(
            instructions,
            lambda outcomes: self._deliver((future, outcomes)),
            together=together,
        )
        return await future

    def _deliver(self, delivery: _Delivery) -> None:
        """Runs in the poster's thread."""
        self._delivered.append(delivery)
        if not self._is_waking:
            self._is_waking = True
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        # Cleared first: whatever is delivered from here on calls again.
        self._is_waking = False
        while self._delivered:
            future, outcomes = self._delivered.popleft()
            if future.cancelled():
                continue  # the caller hung up; what was posted stays posted
            if isinstance(outcomes, BaseException):
                future.set_exception(outcomes)
            else:
                future.set_result(outcomes)
