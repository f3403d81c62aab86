"""Slow clients: ten thousand connections that say half of something, and a healthy client beside them."""

import json
import selectors
import socket
import subprocess
import sys
import time
from pathlib import Path

from bench.figures import figure, note
from bench.ledgers import PROGRAM_ID, enrol, set_up_program, settings_for, temporary_home
from bench.serving import MEMBERS, PURCHASE, load, serving
from khaywe.descriptors import raise_descriptor_limit
from khaywe.wiring import open_database

COUNT = 10_000
RATE = 200
SECONDS = 8.0
_OURS = 200

_HEADERS = b"POST /v1/programs/bench/purchases HTTP/1.1\r\nHost: slow"
_BODY = (
    b"POST /v1/programs/bench/purchases HTTP/1.1\r\nHost: slow\r\nAuthorization: Bearer {key}\r\n"
    b"Content-Type: application/json\r\nContent-Length: 200\r\n\r\n{"
)


def run() -> None:
    """Measure a healthy client alone, and beside the slow ones."""
    with temporary_home() as home:
        with open_database(settings_for(home)) as database, database.poster() as poster:
            set_up_program(poster)
            enrol(database, poster, MEMBERS)
        with serving(home) as (port, key, _):
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            post = {"method": "POST", "path": f"/v1/programs/{PROGRAM_ID}/purchases", "body": PURCHASE}
            load(port, headers, post, seconds=2, first=10_000_000, rate=RATE)
            alone = load(port, headers, post, seconds=SECONDS, first=20_000_000, rate=RATE)
            order = json.dumps({"port": port, "key": key, "count": COUNT, "seconds": SECONDS + 6})
            dawdler = subprocess.Popen(
                [sys.executable, "-m", "bench.dawdling"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=Path(__file__).parents[1],
            )
            assert dawdler.stdin
            dawdler.stdin.write(order)
            dawdler.stdin.close()
            assert dawdler.stdout
            opened = json.loads(dawdler.stdout.readline())
            beside = load(port, headers, post, seconds=SECONDS, first=30_000_000, rate=RATE)
            told = json.loads(dawdler.stdout.readline())
            dawdler.wait(60)
    note(f"{opened['opened']} slow connections, opened in {opened['seconds']:.1f} s; later: {told}")
    figure("slow_connections", opened["opened"], "connections")
    figure("slow_connections_healthy_p99_ms", beside["p99_ms"], "ms")
    figure("slow_connections_healthy_p99_ms_without", alone["p99_ms"], "ms")


def dawdle(port: int, key: str, count: int, seconds: float) -> None:
    """Open connections, say a part of a request on each, wait, and tell what was heard."""
    count = min(count, raise_descriptor_limit() - _OURS)
    started = time.perf_counter()
    found = []
    for number in range(count):
        connection = socket.create_connection(("127.0.0.1", port), 30)
        connection.sendall(_HEADERS if number % 2 else _BODY.replace(b"{key}", key.encode()))
        connection.setblocking(False)  # as the library has it
        found.append(connection)
    print(json.dumps({"opened": len(found), "seconds": time.perf_counter() - started}), flush=True)
    deadline = time.monotonic() + seconds
    heard = {"408": 0, "closed": 0, "silent": len(found)}
    with selectors.DefaultSelector() as selector:
        for connection in found:
            selector.register(connection, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            for ready, _ in selector.select(left):
                selector.unregister(ready.fileobj)
                heard["silent"] -= 1
                heard["408" if said(ready.fileobj) else "closed"] += 1  # type: ignore[arg-type]
    print(json.dumps(heard), flush=True)


def said(connection: socket.socket) -> bool:
    """Tell whether a connection said that it waited too long."""
    try:
        return connection.recv(4_096).startswith(b"HTTP/1.1 408")
    except OSError:
        return False


if __name__ == "__main__":
    dawdle(**json.load(sys.stdin))
