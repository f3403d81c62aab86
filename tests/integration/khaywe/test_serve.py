"""
``khaywe serve`` as an operator runs it, and what remains of the ledger when its processes are killed.

The purchases that a till posts meanwhile are resent until acknowledged, as tills do.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest

from khaywe.cli.rebuilding import rebuild
from khaywe.embedded import find_running
from khaywe.settings import Settings
from khaywe.wiring import Database, join_database
from ledger.store.verify import verify_chain
from projections.runner import Overtaken, Runner
from projections.views import VIEWS

KEY = re.compile(r"Your admin key, shown this once: +(\S+)")
PATIENCE_S = 40.0
PROGRAM: dict[str, Any] = {
    "program_id": "coffee",
    "name": "Coffee Club",
    "currency": "EUR",
    "timezone": "Europe/Berlin",
    "terms": {
        "point_currencies": [{"code": "points", "name": "Points"}],
        "earn": {"rule": {"*": [{"var": "transaction_amount"}, 0.1]}, "point_currency": "points"},
    },
}


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """Return the first true value of a condition."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < give_up_at, f"{what} did not come about in {PATIENCE_S} s"
        time.sleep(0.05)
    return value


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and is only waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Home:
    """A data folder with a port of its own, and the servers that were started on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {"KHAYWE_HOME": str(folder), "KHAYWE_PORT": str(free_port())}
        self._servers: list[Server] = []

    @property
    def port(self) -> int:
        """Where the API listens."""
        return int(self.environ["KHAYWE_PORT"])

    def serve(self) -> "Server":
        """Start a server, without waiting for anything."""
        self._servers.append(Server(self, self.folder.with_name(f"serve-{len(self._servers)}.log")))
        return self._servers[-1]

    def run(self, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """Run another command on the same folder."""
        return subprocess.run(
            [sys.executable, "-m", "khaywe", *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            env=os.environ | self.environ | environ,
        )

    def postgres_pid(self) -> int | None:
        """Return the pid of PostgreSQL's main process."""
        server = find_running(self.folder)
        return server.pid if server else None

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Join the running database."""
        with join_database(Settings.from_environment(self.environ)) as database:
            yield database

    def clean(self) -> None:
        """Leave nothing running."""
        for server in self._servers:
            server.kill_all()
        if postgres := find_running(self.folder):
            postgres.stop("immediate")


class Server:
    """One ``khaywe serve``."""

    def __init__(self, home: Home, log: Path) -> None:
        self.home = home
        self._log = log
        self._known: set[int] = set()
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "khaywe", "serve"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | home.environ,
            )

    @property
    def output(self) -> str:
        """What it and its children have written so far."""
        return self._log.read_text()

    def ready(self) -> Self:
        """Wait until the API answers and the database can be used."""
        wait_until(self._is_ready, f"an answer (of {self.output!r})")
        return self

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.output
        if "Khaywe serves on" not in self.output:
            return False  # Whoever answers now, it is not this one.
        with suppress(OSError, HTTPException):
            return call(f"http://127.0.0.1:{self.home.port}/health/ready")[0] == HTTPStatus.OK
        return False

    def admin_key(self) -> str:
        """Return the key that it printed."""
        match = KEY.search(self.output)
        assert match, self.output
        return match[1]

    def child(self, name: str) -> int:
        """Return the pid of a child, as soon as there is one."""
        return int(wait_until(lambda: self._child(name), f"a process {name}"))

    def _child(self, name: str) -> int | None:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for child in map(int, children):
            with suppress(FileNotFoundError, ProcessLookupError):
                if f"_{name}".encode() in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0") and is_alive(child):
                    self._known.add(child)
                    return child
        return None

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """Kill the supervisor, and nothing else."""
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def kill_all(self) -> None:
        """Kill it with the children we have seen."""
        if self.process.poll() is None:
            self.stop()
        for child in self._known:
            if is_alive(child):
                os.kill(child, signal.SIGKILL)


def free_port() -> int:
    """Return a port that nobody uses now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def call(url: str, body: Any = None, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Send a request, and return status and body; `OSError` or `HTTPException` if there is no answer."""
    content = None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json"} | dict(headers or {})
    try:
        with urllib.request.urlopen(urllib.request.Request(url, content, sent), timeout=15) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


class Till(threading.Thread):
    """Posts one purchase after the other, each until it is acknowledged."""

    def __init__(self, home: Home, key: str) -> None:
        super().__init__(name="till")
        self.acknowledged: dict[str, int] = {}
        self.resent_count = 0
        self.surprises: list[tuple[int, str]] = []
        self._url = f"http://127.0.0.1:{home.port}/v1/programs/coffee/"
        self._headers = {"Authorization": f"Bearer {key}"}
        self._stopping = threading.Event()

    def set_up(self) -> None:
        """Publish the program and enrol a member."""
        for path, body in [
            ("..", PROGRAM),
            ("publish", {"effective_from": "2017-01-01T00:00:00Z"}),
            ("members", {"identifiers": [{"kind": "card", "value": "1"}], "occurred_at": "2017-01-01T00:00:00Z"}),
        ]:
            url = self._url.removesuffix("/coffee/") if path == ".." else self._url + path
            status, text = call(url, body, self._headers)
            assert status == HTTPStatus.CREATED, text

    def run(self) -> None:
        """Post until stopped; the last purchase is still seen through."""
        while not self._stopping.is_set():
            self._see_through(f"T{len(self.acknowledged)}")

    def _see_through(self, transaction_id: str) -> None:
        body = {
            "source": "till-1",
            "transaction_id": transaction_id,
            "member": "card:1",
            "occurred_at": "2026-03-01T10:00:00Z",
            "amount": "10.00",
            "currency": "EUR",
        }
        give_up_at = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up_at:
            with suppress(OSError, HTTPException):
                status, text = call(self._url + "purchases", body, self._headers)
                if status in {HTTPStatus.OK, HTTPStatus.CREATED}:
                    self.acknowledged[transaction_id] = json.loads(text)["version"]
                    return
                if status != HTTPStatus.SERVICE_UNAVAILABLE:
                    self.surprises.append((status, text))
            self.resent_count += 1
            time.sleep(0.02)
        self.surprises.append((0, f"{transaction_id} was never acknowledged"))
        self._stopping.set()

    def require_progress(self) -> None:
        """Wait until purchases are acknowledged again."""
        least = len(self.acknowledged) + 5
        wait_until(lambda: len(self.acknowledged) >= least, "an acknowledgement")

    def stop(self) -> None:
        """See the purchase under way through, then end."""
        self._stopping.set()
        self.join()


@pytest.fixture
def home() -> Iterator[Home]:
    """Provide a data folder that has never been used; nothing outlives the test."""
    with tempfile.TemporaryDirectory(prefix="khaywe-test-") as folder:
        home = Home(Path(folder, "home"))
        try:
            yield home
        finally:
            home.clean()


def require_exactly_once(database: Database, till: Till, server: Server) -> None:
    """Every acknowledged purchase is in the ledger once, nothing else is, and the ledger and its views are whole."""
    assert till.surprises == [], [line for line in server.output.splitlines() if '"status":201' not in line]
    with database.connect() as connection:
        events = connection.execute(
            "SELECT state ->> 'transaction_id', version FROM ledger.event_log "
            "WHERE topic = 'account.purchase_posted.v1' ORDER BY position",
        ).fetchall()
        receipts = connection.execute(
            "SELECT key, version FROM ledger.receipts WHERE source = 'purchase:coffee:till-1' ORDER BY version",
        ).fetchall()
        assert events == receipts == list(till.acknowledged.items())
        (last,) = deque(verify_chain(connection, 0), maxlen=1)
        assert last.position == len(events) + 5  # the key, the program's three, and the account's opening
        with database.connect_views() as writer:
            runner = Runner(connection, writer, list(VIEWS.values()))
            while True:
                # The server's own follower may be faster with a page.
                with suppress(Overtaken):
                    deque(runner.catch_up(), maxlen=0)
                    break
        shown = connection.execute("SELECT count(*), sum(points)::bigint FROM views.purchases").fetchone()
        assert shown == (len(events), len(events))
    compared = rebuild(database, [], compare_only=True)
    assert [one for one in compared if not one.is_equal] == []


def test_a_life(home: Home) -> None:
    """First start, refusals while it runs, clean end, second start."""
    server = home.serve().ready()
    assert server.admin_key()
    postgres, api, worker = home.postgres_pid(), server.child("api"), server.child("worker")
    assert postgres

    second = home.run("serve", KHAYWE_PORT=str(free_port()))
    assert second.returncode == 1
    told = f"Another khaywe serve (process {server.process.pid}) uses {home.folder}"
    assert second.stderr.strip() == f"khaywe: {told}; stop it, or set KHAYWE_HOME to another folder."

    elsewhere = home.run("serve", KHAYWE_HOME=str(home.folder.with_name("other")))
    assert elsewhere.returncode == 1
    told = f"Port {home.port} on 127.0.0.1 cannot be used (Address already in use)"
    assert elsewhere.stderr.strip() == f"khaywe: {told}; stop what uses it, or set KHAYWE_PORT to a free one."

    url = home.run("database-url").stdout.strip()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)

    assert server.stop() == 0
    assert [pid for pid in (postgres, api, worker) if is_alive(pid)] == []
    assert home.postgres_pid() is None
    absent = home.run("database-url")
    assert (absent.returncode, absent.stdout) == (1, "")
    assert "start it with: khaywe serve" in absent.stderr

    again = home.serve().ready()
    assert KEY.search(again.output) is None
    assert again.stop() == 0


def test_killed_processes_lose_nothing(home: Home) -> None:
    """API, worker and PostgreSQL killed in turn under load: every purchase is booked exactly once."""
    server = home.serve().ready()
    till = Till(home, server.admin_key())
    till.set_up()
    till.start()
    victims: list[Callable[[], int | None]] = [
        lambda: server.child("api"),
        lambda: server.child("worker"),
        home.postgres_pid,
    ]
    try:
        for victim in victims * 2:
            till.require_progress()
            time.sleep(0.5)
            pid = wait_until(victim, "a process to kill")
            os.kill(pid, signal.SIGKILL)
        # A killed API may have been idle just then; some purchase has to be sent again for this to prove anything.
        while till.resent_count == 0:
            os.kill(wait_until(lambda: server.child("api"), "a process to kill"), signal.SIGKILL)
            till.require_progress()
        till.require_progress()
    finally:
        till.stop()
    with home.database() as database:
        require_exactly_once(database, till, server)
    assert server.stop() == 0
    assert home.postgres_pid() is None


def test_a_killed_supervisor_is_replaced(home: Home) -> None:
    """Its children notice that it is gone and end; a new one takes over port and folder, and nothing is lost."""
    server = home.serve().ready()
    till = Till(home, server.admin_key())
    till.set_up()
    children = [server.child("api"), server.child("worker")]
    till.start()
    try:
        till.require_progress()
        server.kill()
        successor = home.serve().ready()
        assert [pid for pid in children if is_alive(pid)] == []
        till.require_progress()
    finally:
        till.stop()
    assert KEY.search(successor.output) is None
    with home.database() as database:
        require_exactly_once(database, till, successor)
    assert successor.stop() == 0
    assert home.postgres_pid() is None


def test_children_of_a_killed_supervisor_end(home: Home) -> None:
    """Nobody takes over: the children stop by themselves, and the last one takes PostgreSQL along."""
    server = home.serve().ready()
    children = [server.child("api"), server.child("worker")]
    server.kill()
    wait_until(lambda: not any(map(is_alive, children)), "the end of the children")
    assert home.postgres_pid() is None
