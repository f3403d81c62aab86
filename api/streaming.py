"""Answering lines with lines while reading: two coroutines, one that reads and posts, and one that tells and writes."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from api.line_reader import Line, LineReader
from api.posting import AsyncPoster
from api.problems import BodyStalled, InternalError
from api.purchase_lines import LINE_LIMIT, NDJSON
from ledger.errors import LedgerError
from ledger.posting.instruction import Instruction, LedgerBusy, Outcome

ReadLines = Callable[[Sequence[Line]], list[Instruction | LedgerError]]
"""Turns lines into instructions, or refusals. Called in a thread: it may take some milliseconds."""
TellOutcomes = Callable[[int, Sequence[Outcome]], bytes]
"""Renders the outcomes of consecutive lines, given the index of the first. Called in a thread as well."""


class Pace(Struct, frozen=True):
    """How much is under way at once, and how long anybody is waited for."""

    group_size: int = 500
    """Lines that travel together."""
    group_count: int = 8
    """Groups of one stream that are under way: enough to keep the poster busy, few enough to keep memory flat."""
    idle_s: float = 60.0
    """How long a client may send nothing, or read nothing, before it is given up."""
    busy_s: float = 30.0
    """How long room at the poster is waited for, before lines are told that the ledger is busy."""


class _Group(Struct):
    """Consecutive lines under way."""

    first: int
    asked: list[Instruction | LedgerError]
    posted: "asyncio.Future[list[Outcome]] | None"
    """``None`` where none of them could be asked."""


class LineStream(Response):
    """An answer that grows with its question."""

    media_type = NDJSON

    def __init__(
        self,
        poster: AsyncPoster,
        slots: asyncio.Semaphore,
        read: ReadLines,
        tell: TellOutcomes,
        pace: Pace,
    ) -> None:
        """
        Args:
            poster: Carries out what lines ask for.
            slots: One is taken for each group at the poster; shared by all streams.
            read: What a line asks for.
            tell: What became of it.
            pace: Of this stream.
        """
        super().__init__()
        del self.headers["content-length"]
        self._poster = poster
        self._slots = slots
        self._read = read
        self._tell = tell
        self._pace = pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # as ASGI calls it
        """Read, post, tell, write; all at once."""
        groups: asyncio.Queue[_Group | None] = asyncio.Queue(self._pace.group_count)
        reading = asyncio.create_task(self._read_to_the_end(receive, groups))
        try:
            # First the reader asks for the body: a client may be waiting to be told to go on.
            await asyncio.sleep(0)
            await self._write({"type": "http.response.start", "status": 200, "headers": self.raw_headers}, send)
            while (group := await groups.get()) is not None:
                body = await run_in_threadpool(self._tell, group.first, await _outcomes(group))
                await self._write({"type": "http.response.body", "body": body, "more_body": True}, send)
            if await reading:
                await self._write({"type": "http.response.body", "body": b"", "more_body": False}, send)
            # Otherwise the answer stays unfinished, which makes the server close the connection: the rest of the body
            # must not be taken for the next request.
        except TimeoutError:
            return  # nobody reads the answer; the same
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _write(self, message: Message, send: Send) -> None:
        async with asyncio.timeout(self._pace.idle_s):
            await send(message)

    async def _read_to_the_end(self, receive: Receive, groups: "asyncio.Queue[_Group | None]") -> bool:
        """Hand on group after group; ``None`` ends them, also where a bug does. Tell whether the body was whole."""
        try:
            is_whole = await self._post_lines(receive, groups)
        except Exception:
            await groups.put(None)
            raise
        await groups.put(None)
        return is_whole

    async def _post_lines(self, receive: Receive, groups: "asyncio.Queue[_Group | None]") -> bool:
        reader = LineReader(LINE_LIMIT)
        count, size = 0, self._pace.group_size
        is_last = False
        while not is_last:
            try:
                lines, is_last = await self._next_lines(reader, receive)
            except TimeoutError:
                message = f"Nothing came for {self._pace.idle_s:g} seconds; send what was not answered again."
                await groups.put(_Group(count, [BodyStalled(message)], None))
                return False
            for start in range(0, len(lines), size):
                group = await self._begin(count, lines[start : start + size])
                count += len(group.asked)
                await groups.put(group)
        return True

    async def _next_lines(self, reader: LineReader, receive: Receive) -> tuple[list[Line], bool]:
        """Return what has arrived, and whether it is the end."""
        async with asyncio.timeout(self._pace.idle_s):
            message = await receive()
        if message["type"] == "http.disconnect":
            return [], True  # the line that was cut off in the middle is nobody's wish
        lines = reader.feed(message.get("body", b""))
        if message.get("more_body", False):
            return lines, False
        return lines + reader.end(), True

    async def _begin(self, first: int, lines: list[Line]) -> _Group:
        """Post the lines of a group, in the order in which groups were read."""
        asked = await run_in_threadpool(self._read, lines)
        instructions = [one for one in asked if isinstance(one, Instruction)]
        if not instructions:
            return _Group(first, asked, None)
        await self._slots.acquire()
        try:
            posted = await self._begin_when_there_is_room(instructions)
        except BaseException as error:
            self._slots.release()
            if not isinstance(error, LedgerBusy):
                raise
            return _Group(first, [error if isinstance(one, Instruction) else one for one in asked], None)
        posted.add_done_callback(lambda _: self._slots.release())
        return _Group(first, asked, posted)

    async def _begin_when_there_is_room(self, instructions: list[Instruction]) -> "asyncio.Future[list[Outcome]]":
        give_up_at = asyncio.get_running_loop().time() + self._pace.busy_s
        while True:
            try:
                return self._poster.begin(instructions)
            except LedgerBusy:
                if asyncio.get_running_loop().time() > give_up_at:
                    raise
                await asyncio.sleep(0.05)


async def _outcomes(group: _Group) -> list[Outcome]:
    """Wait until a group is carried out, and return an outcome per line."""
    if group.posted is None:
        return [one for one in group.asked if isinstance(one, LedgerError)]
    try:
        posted: Any = iter(await group.posted)
    except Exception:  # noqa: BLE001  # a bug, which the poster has logged; it must not end the stream
        ours = InternalError("This line and its neighbours could not be carried out; send them again.")
        return [ours if isinstance(one, Instruction) else one for one in group.asked]
    return [next(posted) if isinstance(one, Instruction) else one for one in group.asked]
