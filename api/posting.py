"""Awaiting the poster."""

import asyncio
from collections.abc import Sequence
from functools import partial

from api.bridge import Bridge
from api.noting import note_posted
from ledger.errors import LedgerError
from ledger.posting.instruction import Instruction, Outcome, Posted
from ledger.posting.poster import Poster


class AsyncPoster:
    """Lets request handlers await the poster."""

    def __init__(self, poster: Poster, bridge: Bridge) -> None:
        """
        Args:
            poster: Running.
            bridge: Into the event loop of the handlers.
        """
        self._poster = poster
        self._bridge = bridge

    @property
    def poster(self) -> Poster:
        """The poster, for whoever watches it."""
        return self._poster

    async def post(self, instruction: Instruction) -> Posted:
        """
        Carry out one instruction.

        Raises:
            LedgerError: It was refused.
        """
        (outcome,) = await self.post_all([instruction])
        if isinstance(outcome, LedgerError):
            raise outcome
        note_posted(outcome)
        return outcome

    async def post_all(self, instructions: Sequence[Instruction], *, together: bool = False) -> list[Outcome]:
        """Carry out several; see `Poster.submit`."""
        if not instructions:
            return []
        outcomes: list[Outcome] = await self.begin(instructions, together=together)
        return outcomes

    def begin(self, instructions: Sequence[Instruction], *, together: bool = False) -> "asyncio.Future[list[Outcome]]":
        """
        Like `post_all`, for a handler that does something else meanwhile; the instructions are at least one.

        Raises:
            LedgerBusy: See `Poster.submit`.
        """
        future = self._bridge.future()
        self._poster.submit(instructions, partial(self._bridge.deliver, future), together=together)
        return future

    def post_and_wait(self, instruction: Instruction) -> Posted:
        """
        Carry out one instruction, from a thread that may wait.

        Raises:
            LedgerError: It was refused.
        """
        (outcome,) = self._poster.post([instruction])
        if isinstance(outcome, LedgerError):
            raise outcome
        return outcome
