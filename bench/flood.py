"""
A load generator that does not relent: requests are sent when they are due, however the server fares.

Each takes a free connection or opens another one, up to a limit; one that finds none within a second is given up.
What came of every request is kept: its status, or that the connection broke. Phases follow each other without a pause.
"""

import asyncio
import json
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any, cast

import uvloop

from bench.load import requests

_GIVE_UP_S = 30.0
_UNSENT_S = 1.0
_WINDOW_S = 0.5


class Connection(asyncio.Protocol):
    """One connection; one request under way at a time."""

    def __init__(self, flood: "Flood") -> None:
        self._flood = flood
        self._buffer = b""
        self.transport: asyncio.Transport | None = None
        self.asked: tuple[int, float] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _: Exception | None) -> None:
        """Count a request that was under way as broken."""
        self._flood.lost(self)

    def data_received(self, data: bytes) -> None:
        """Collect until the answer is whole."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) >= end + 4 + length:
            status = int(self._buffer[9:12])
            has_retry = b"retry-after:" in head
            self._buffer = b""
            self._flood.answered(self, status, has_retry=has_retry)


class Flood:
    """The requests of one phase after the other."""

    def __init__(self, host: str, port: int, connection_limit: int, bodies: Iterator[bytes], first: int) -> None:
        self._address = (host, port)
        self._limit = connection_limit
        self._requests = bodies
        self._number = first
        self._free: dict[Connection, None] = {}
        self._waiting: deque[tuple[int, float, bytes]] = deque()
        self._open = 0
        self._under_way = 0
        self.statuses: Counter[str] = Counter()
        self.latencies: dict[str, list[tuple[float, float]]] = {"accepted": [], "refused": []}
        self.acknowledged: list[int] = []
        self._opening: set[asyncio.Task[None]] = set()

    async def phase(self, rate: float, seconds: float) -> None:
        """Send at a rate for a while."""
        started, count = time.perf_counter(), int(rate * seconds)
        for index in range(count):
            due = started + index / rate
            if (delay := due - time.perf_counter()) > 0:
                await asyncio.sleep(delay)
            elif index % 50 == 0:
                await asyncio.sleep(0)
            self._number += 1
            self._begin(self._number, due, next(self._requests))

    async def finish(self) -> None:
        """Wait for the answers that are still to come."""
        deadline = time.perf_counter() + _GIVE_UP_S
        while (self._under_way or self._waiting) and time.perf_counter() < deadline:  # noqa: ASYNC110  # nothing is measured
            await asyncio.sleep(0.02)
        self.statuses["unanswered"] += self._under_way + len(self._waiting)

    def answered(self, connection: Connection, status: int, *, has_retry: bool) -> None:
        """Note what came, and use the connection for what waits."""
        assert connection.asked
        number, sent = connection.asked
        connection.asked = None
        self._under_way -= 1
        now = time.perf_counter()
        if status in {200, 201}:
            self.acknowledged.append(number)
            self.statuses["accepted"] += 1
            self.latencies["accepted"].append((now, now - sent))
        elif status == 503 and has_retry:
            self.statuses["refused"] += 1
            self.latencies["refused"].append((now, now - sent))
        else:
            self.statuses[str(status)] += 1
        self._use(connection)

    def lost(self, connection: Connection) -> None:
        """Note a connection that is gone."""
        self._open -= 1
        self._free.pop(connection, None)
        if connection.asked:
            connection.asked = None
            self._under_way -= 1
            self.statuses["broken"] += 1

    def _begin(self, number: int, due: float, request: bytes) -> None:
        self._waiting.append((number, due, request))
        if self._free:
            self._use(self._free.popitem()[0])
        elif self._open < self._limit:
            self._open += 1
            task = asyncio.get_running_loop().create_task(self._connect())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _connect(self) -> None:
        try:
            _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection(self), *self._address)
        except OSError:
            self._open -= 1
            self.statuses["not connected"] += 1
            return
        self._use(connection)

    def _use(self, connection: Connection) -> None:
        assert connection.transport
        if connection.transport.is_closing():
            return
        while self._waiting and time.perf_counter() - self._waiting[0][1] > _UNSENT_S:
            self._waiting.popleft()
            self.statuses["not sent"] += 1
        if not self._waiting:
            self._free[connection] = None
            return
        number, _, request = self._waiting.popleft()
        connection.asked = number, time.perf_counter()
        self._under_way += 1
        connection.transport.write(request)


def p99_ms(latencies: list[float]) -> float:
    """Return the 99th percentile in milliseconds."""
    return sorted(latencies)[int(len(latencies) * 0.99)] * 1000 if latencies else 0.0


def windows(latencies: list[tuple[float, float]], since: float) -> list[tuple[float, float]]:
    """Return, for each half second after a moment, its end and its p99 in milliseconds."""
    found: dict[int, list[float]] = {}
    for at, latency in latencies:
        # By when the request was sent: an answer that comes late belongs to the overload in which it was asked for.
        if (asked := at - latency) >= since:
            found.setdefault(int((asked - since) / _WINDOW_S), []).append(latency)
    return [((number + 1) * _WINDOW_S, p99_ms(found[number])) for number in sorted(found)]


async def run(order: dict[str, Any]) -> dict[str, Any]:
    """Carry out an order: its phases are pairs of rate and seconds."""
    flood = Flood(order["host"], order["port"], order["connections"], requests(order), order["first"])
    ends: list[float] = []
    for rate, seconds in order["phases"]:
        await flood.phase(rate, seconds)
        ends.append(time.perf_counter())
    await flood.finish()
    # Of the last phase but one, the flood; what came after it is told in windows.
    begun, ended = (ends[-3] if len(ends) > 2 else 0.0), ends[-2] if len(ends) > 1 else ends[-1]

    def within(kind: str) -> list[float]:
        return [latency for at, latency in flood.latencies[kind] if begun <= at - latency < ended]

    accepted, refused = within("accepted"), within("refused")
    return {
        "statuses": dict(flood.statuses),
        "acknowledged": flood.acknowledged,
        "accepted_count": len(accepted),
        "refused_count": len(refused),
        "seconds": ended - begun if begun else order["phases"][-2][1],
        "accepted_p99_ms": p99_ms(accepted),
        "refused_p99_ms": p99_ms(refused),
        "calm_p99_ms": p99_ms([latency for at, latency in flood.latencies["accepted"] if at - latency < begun]),
        "afterwards": windows(flood.latencies["accepted"] + flood.latencies["refused"], ended),
        "refused_afterwards": sum(at - latency >= ended for at, latency in flood.latencies["refused"]),
    }


def main() -> None:
    """Read an order from standard input, carry it out, print what came of it."""
    json.dump(uvloop.run(run(json.load(sys.stdin))), sys.stdout)


if __name__ == "__main__":
    main()
