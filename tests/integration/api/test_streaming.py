"""Streams whose client, or whose poster, does not keep up."""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from api.bridge import Bridge
from api.line_reader import Line
from api.posting import AsyncPoster
from api.streaming import LineStream, Pace
from khaywe.wiring import Database
from ledger.errors import LedgerError
from ledger.posting.instruction import Instruction, Outcome, Posted
from ledger.posting.poster import Poster
from rules.activity import Purchase
from rules.instructions import post_purchase
from tests.integration.workers.members import NOW, PROGRAM_ID, prepare

MEMBER = str(UUID(int=1))


def read(lines: Sequence[Line]) -> list[Instruction | LedgerError]:
    """Take each line for the id of a purchase."""
    at = datetime(2026, 10, 1, tzinfo=UTC)
    return [
        post_purchase(PROGRAM_ID, Purchase("till", line.decode(), MEMBER, at, Decimal(250), "EUR"), NOW)
        for line in lines
        if isinstance(line, bytes)
    ]


def tell(first: int, outcomes: Sequence[Outcome]) -> bytes:
    """Say what each outcome is."""
    told = [(first + place, "posted" if isinstance(one, Posted) else one.slug) for place, one in enumerate(outcomes)]
    return b"".join(json.dumps(one).encode() + b"\n" for one in told)


class Wire:
    """The two ends of a connection; the client sends what it is told to, and then nothing."""

    def __init__(self, *pieces: bytes, ends: bool = False, reads: bool = True) -> None:
        self.sent: list[Any] = []
        self._pieces = list(pieces)
        self._ends = ends
        self._reads = reads

    async def receive(self) -> Any:
        """Give the next piece, or wait for ever."""
        if self._pieces:
            piece = self._pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self._pieces) or not self._ends}
        return await asyncio.Event().wait()

    async def send(self, message: Any) -> None:
        """Take a piece of the answer, or never."""
        if not self._reads:
            await asyncio.Event().wait()
        self.sent.append(message)

    @property
    def lines(self) -> list[Any]:
        """What came back."""
        body = b"".join(message.get("body", b"") for message in self.sent)
        return [tuple(json.loads(line)) for line in body.splitlines()]

    @property
    def is_whole(self) -> bool:
        """Whether the answer was ended."""
        return self.sent[-1].get("more_body", True) is False


def serve(database: Database, wire: Wire, pace: Pace, make: Callable[[], Poster] | None = None) -> None:
    """Serve one stream."""
    prepare(database, 1, datetime(2026, 9, 1, tzinfo=UTC))

    async def run(poster: Poster) -> None:
        stream = LineStream(AsyncPoster(poster, Bridge()), asyncio.Semaphore(2), read, tell, pace)
        async with asyncio.timeout(60):
            await stream({"type": "http"}, wire.receive, wire.send)

    with (make or database.poster)() as poster:
        asyncio.run(run(poster))


def test_a_body_that_stalls_is_given_up(database: Database) -> None:
    """What came is answered, then it is said why no more is, and the answer stays unfinished."""
    wire = Wire(b"A\nB\n", b"C\nunfinish")
    serve(database, wire, Pace(idle_s=0.3))
    assert wire.lines == [(0, "posted"), (1, "posted"), (2, "posted"), (3, "body-stalled")]
    assert not wire.is_whole


def test_a_client_that_does_not_read_is_given_up(database: Database) -> None:
    """It holds nothing for ever."""
    wire = Wire(b"A\n" * 10, reads=False)
    serve(database, wire, Pace(idle_s=0.3))
    assert wire.sent == []


def test_a_busy_poster_is_waited_for(database: Database) -> None:
    """No line is refused because others are waiting."""
    lines = b"".join(b"B%d\n" % number for number in range(300))
    wire = Wire(lines, ends=True)
    pace = Pace(group_size=5, group_count=4)
    serve(database, wire, pace, lambda: Poster(database.connect, 1, waiting_limit=1))
    assert wire.lines == [(number, "posted") for number in range(300)]
    assert wire.is_whole


def test_a_poster_that_stays_busy_is_not_waited_for_for_ever(database: Database) -> None:
    """The lines are told so, and can be sent again."""
    wire = Wire(b"A\nB\n", ends=True)

    def stopped() -> Poster:
        poster = database.poster()
        with poster:
            pass
        return _Left(poster)  # type: ignore[return-value]

    serve(database, wire, Pace(busy_s=0.1), stopped)
    assert wire.lines == [(0, "ledger-busy"), (1, "ledger-busy")]


class _Left:
    """A poster that has stopped already."""

    def __init__(self, poster: Poster) -> None:
        self._poster = poster

    def __enter__(self) -> Poster:
        return self._poster

    def __exit__(self, *_: object) -> None:
        return
