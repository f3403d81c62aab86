"""HTTP: single posts and balance reads against ``khaywe serve``, with the load generator on the same machine."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.figures import figure, note
from bench.ledgers import PROGRAM_ID, enrol, set_up_program, settings_for, temporary_home
from khaywe.wiring import open_database

MEMBERS = 20_000
CONNECTIONS = 64
SECONDS = 10.0
STEADY_RATE = 500

PURCHASE = (
    '{"source":"store-1","transaction_id":"H{n}","member":"card:{member}","occurred_at":"2025-06-01T12:00:00Z",'
    '"amount":"249.90","currency":"USD"}'
)


def run() -> None:
    """Measure posting saturated and steady, reading, and an empty endpoint of the same framework, in one run."""
    with temporary_home() as home:
        with open_database(settings_for(home)) as database, database.poster() as poster:
            set_up_program(poster)
            enrol(database, poster, MEMBERS)
        with serving(home) as (port, key, _):
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            post = {"method": "POST", "path": f"/v1/programs/{PROGRAM_ID}/purchases", "body": PURCHASE}
            read = {"method": "GET", "path": f"/v1/programs/{PROGRAM_ID}/members/card:{{member}}/account", "body": ""}
            load(port, headers, post, seconds=2, first=10_000_000)
            posted = load(port, headers, post, seconds=SECONDS, first=20_000_000)
            with empty_server() as empty_port:
                load(empty_port, headers, post | {"path": "/empty"}, seconds=1, first=0)
                nothing = load(empty_port, headers, post | {"path": "/empty"}, seconds=SECONDS / 2, first=0)
            calm = load(port, headers, post, seconds=SECONDS, first=30_000_000, rate=STEADY_RATE)
            wait_for_views(port)
            load(port, headers, read, seconds=1, first=0)
            got = load(port, headers, read, seconds=SECONDS, first=0)
    note(f"empty endpoint: {nothing['per_s']:,.0f}/s")
    figure("http_post_per_s", posted["per_s"], "requests/s")
    figure("http_post_p99_ms", posted["p99_ms"], "ms")
    figure("http_post_vs_empty", posted["per_s"] / nothing["per_s"], "ratio")
    figure("http_post_steady_p99_ms", calm["p99_ms"], "ms")
    figure("http_read_per_s", got["per_s"], "requests/s")
    figure("http_read_p99_ms", got["p99_ms"], "ms")


def load(
    port: int,
    headers: dict[str, str],
    what: dict[str, str],
    *,
    seconds: float,
    first: int,
    rate: float | None = None,
) -> dict[str, float]:
    """Let the load generator loose, in a process of its own."""
    order = what | {
        "host": "127.0.0.1",
        "port": port,
        "headers": headers,
        "members": MEMBERS,
        "first": first,
        "connections": CONNECTIONS,
        "seconds": seconds,
        "rate": rate,
    }
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, float] = json.loads(done.stdout)
    assert not result["failed"], f"{result['failed']} requests failed"
    return result


@contextmanager
def serving(home: Path) -> Iterator[tuple[int, str, float]]:
    """Run ``khaywe serve`` on a data folder, and give its port, admin key, and the seconds until it was ready."""
    port = free_port()
    environment = os.environ | {"KHAYWE_HOME": str(home), "KHAYWE_PORT": str(port), "KHAYWE_DATABASE_PORT": "0"}
    key = subprocess.run(
        [sys.executable, "-m", "khaywe", "keys", "issue", "admin", "--per-second", "1000000"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    with (home / "serve.log").open("wb") as log:
        started = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", "khaywe", "serve"], env=environment, stdout=log, stderr=log)
        try:
            wait_until_ready(port)
            yield port, key, time.perf_counter() - started
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@contextmanager
def empty_server() -> Iterator[int]:
    """Run the empty endpoint."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.empty", str(port)])
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def wait_until_ready(port: int) -> None:
    """Wait until the server says that it can work."""
    deadline = time.monotonic() + 60
    while True:
        try:
            health(port)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def wait_for_views(port: int) -> None:
    """Wait until the views have caught up."""
    while any(view["behind"] for view in health(port)["views"]):
        time.sleep(0.1)


def health(port: int) -> Any:
    """Ask for the server's health."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=10) as answer:
        return json.load(answer)


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
