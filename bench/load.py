"""
A load generator: one process, raw HTTP/1.1 over asyncio, so that it costs the machine as little as it can.

``closed``: every connection sends its next request as soon as it has its answer. ``steady``: requests are sent at a
constant rate, whatever the answers do, and waiting for a free connection counts as latency.
"""

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import cast

import uvloop

Request = Callable[[], bytes]


class Client(asyncio.Protocol):
    """One connection; one request under way at a time."""

    def __init__(self, on_answer: Callable[["Client", float, int], None]) -> None:
        self._on_answer = on_answer
        self._buffer = b""
        self._started = 0.0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def send(self, request: bytes, started: float) -> None:
        """Send a request whose waiting began at ``started``."""
        self._started = started
        assert self.transport is not None
        self.transport.write(request)

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
            self._buffer = b""
            self._on_answer(self, time.perf_counter() - self._started, status)


async def closed(host: str, port: int, requests: Iterator[bytes], connections: int, seconds: float) -> dict[str, float]:
    """Keep every connection busy for a while."""
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    failed = 0
    deadline = time.perf_counter() + seconds
    idle = 0
    done = loop.create_future()

    def answered(client: Client, latency: float, status: int) -> None:
        nonlocal failed, idle
        latencies.append(latency)
        failed += status >= 300
        now = time.perf_counter()
        if now < deadline:
            client.send(next(requests), now)
        else:
            idle += 1
            if idle == connections:
                done.set_result(None)

    clients = [(await loop.create_connection(lambda: Client(answered), host, port))[1] for _ in range(connections)]
    started = time.perf_counter()
    for client in clients:
        client.send(next(requests), time.perf_counter())
    await done
    return summary(latencies, failed, time.perf_counter() - started)


async def steady(  # noqa: PLR0917  # an order has as many parts
    host: str,
    port: int,
    requests: Iterator[bytes],
    connections: int,
    seconds: float,
    rate: float,
) -> dict[str, float]:
    """Send at a constant rate for a while."""
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    failed = 0
    free: deque[Client] = deque()
    waiting: deque[float] = deque()

    def answered(client: Client, latency: float, status: int) -> None:
        nonlocal failed
        latencies.append(latency)
        failed += status >= 300
        if waiting:
            client.send(next(requests), waiting.popleft())
        else:
            free.append(client)

    for _ in range(connections):
        free.append((await loop.create_connection(lambda: Client(answered), host, port))[1])
    started = time.perf_counter()
    count = int(rate * seconds)
    for index in range(count):
        due = started + index / rate
        delay = due - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        if free:
            free.popleft().send(next(requests), due)
        else:
            waiting.append(due)
    while len(latencies) < count:  # noqa: ASYNC110  # nothing is measured any more
        await asyncio.sleep(0.01)
    return summary(latencies, failed, time.perf_counter() - started)


def summary(latencies: list[float], failed: int, seconds: float) -> dict[str, float]:
    """Return rate and percentiles in milliseconds."""
    ordered = sorted(latencies)
    return {
        "per_s": len(ordered) / seconds,
        "p50_ms": ordered[len(ordered) // 2] * 1000,
        "p99_ms": ordered[int(len(ordered) * 0.99)] * 1000,
        "failed": failed,
    }


def requests(order: dict[str, object]) -> Iterator[bytes]:
    """Render requests from an order: a template with ``{n}`` and ``{member}``, method, path and headers."""
    method, path, body = str(order["method"]), str(order["path"]), str(order["body"])
    headers = "".join(f"{name}: {value}\r\n" for name, value in dict(order["headers"]).items())  # type: ignore[call-overload]
    members = int(order["members"])  # type: ignore[call-overload]
    number = int(order["first"])  # type: ignore[call-overload]
    while True:
        number += 1
        member = number * 7919 % members
        content = body.replace("{n}", str(number)).replace("{member}", str(member)).encode()
        target = path.replace("{member}", str(member))
        head = f"{method} {target} HTTP/1.1\r\nHost: bench\r\n{headers}Content-Length: {len(content)}\r\n\r\n"
        yield head.encode() + content


def main() -> None:
    """Read an order from standard input, carry it out, print the summary."""
    order = json.load(sys.stdin)
    arguments = (order["host"], order["port"], requests(order), order["connections"], order["seconds"])
    rate = order.get("rate")
    json.dump(uvloop.run(steady(*arguments, rate) if rate else closed(*arguments)), sys.stdout)


if __name__ == "__main__":
    main()
