"""PostgreSQL, or the process that posts, is killed in the middle of posting: what was acknowledged is there, once."""

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe

import psycopg
import pytest

from khaywe.embedded import EmbeddedServer
from khaywe.wiring import Database
from ledger.posting.instruction import LedgerUnavailable, Posted
from ledger.posting.poster import Poster
from tests.databases import temporary_database
from tests.integration.ledger import till
from tests.integration.ledger.till import accrue, open_account

ACCOUNTS = (1, 2, 3, 4)
KILL_COUNT = 3


@pytest.fixture(scope="module", params=[1, 4], ids="{}-partitions".format)
def ledger(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Provide a ledger on a server of its own, configured as in production."""
    with temporary_database(request.param) as database:
        with database.poster() as poster:
            poster.post([open_account(number) for number in ACCOUNTS])
        yield database


class Client:
    """Somebody who posts one thing after the other and writes down what was acknowledged."""

    def __init__(self, poster: Poster, name: str) -> None:
        self._poster = poster
        self._name = name
        self.acknowledged: dict[str, Posted] = {}
        self.unknown: list[str] = []

    def post_until(self, stop: threading.Event) -> None:
        """Post small batches, each key once."""
        for number in count():
            if stop.is_set():
                return
            self._post([f"{self._name}-{number}-{n}" for n in range(5)])

    def post_again(self) -> None:
        """Send again what nobody answered."""
        unknown, self.unknown = self.unknown, []
        self._post(unknown)

    def _post(self, keys: Sequence[str]) -> None:
        outcomes = self._poster.post([accrue(ACCOUNTS[hash(key) % len(ACCOUNTS)], 1, key) for key in keys])
        for key, outcome in zip(keys, outcomes, strict=True):
            if isinstance(outcome, Posted):
                self.acknowledged[key] = outcome
            else:
                assert isinstance(outcome, LedgerUnavailable), outcome
                self.unknown.append(key)


@contextmanager
def clients_at_work(poster: Poster, name: str) -> Iterator[list[Client]]:
    """Let four clients post for as long as the block lasts."""
    stop = threading.Event()
    clients = [Client(poster, f"{name}-{number}") for number in range(4)]
    threads = [threading.Thread(target=client.post_until, args=(stop,)) for client in clients]
    for thread in threads:
        thread.start()
    try:
        yield clients
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def server_of(database: Database) -> EmbeddedServer:
    """Return the server that can be killed."""
    assert database.server is not None
    return database.server


def kill_postmaster(database: Database) -> None:
    """End the main process as the system would when memory runs out; then start it anew, as our supervisor would."""
    server = server_of(database)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    while server.is_running():
        time.sleep(0.005)
    assert server.restart_if_dead()


def kill_backends(database: Database) -> None:
    """End every session's process, upon which the main process ends all others and recovers."""
    wait_until_reachable(database)
    with psycopg.connect(database.owner_url) as connection:
        rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'khaywe'").fetchall()
    for (pid,) in rows:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def stop_immediately(database: Database) -> None:
    """Stop the server without a checkpoint, and start it again."""
    server_of(database).stop("immediate")
    assert server_of(database).restart_if_dead()


@pytest.mark.parametrize("patience_s", [10.0, 0.05], ids=["patient", "impatient"])
@pytest.mark.parametrize("kill", [kill_postmaster, kill_backends, stop_immediately])
def test_killed_server_loses_nothing(ledger: Database, kill: Callable[[Database], None], patience_s: float) -> None:
    """Acknowledged is stored, exactly once; what was not acknowledged can be sent again; the chain is whole."""
    chance = random.Random(1)
    name = f"{kill.__name__}-{patience_s}"
    with Poster(ledger.connect, ledger.partition_count, patience_s=patience_s) as poster:
        with clients_at_work(poster, name) as clients:
            for _ in range(KILL_COUNT):
                time.sleep(chance.uniform(0.05, 0.3))
                kill(ledger)
            time.sleep(0.2)
        wait_until_reachable(ledger)
        for client in clients:
            client.post_again()
    log = till.log_of(ledger)
    mine = [key for key in till.keys_of(log) if key.startswith(f"{name}-")]
    acknowledged = {key: outcome for client in clients for key, outcome in client.acknowledged.items()}
    assert sorted(acknowledged) == sorted(mine)
    by_place = {(recorded.partition, recorded.position): recorded.event for recorded in log}
    assert all(by_place[outcome.partition, outcome.position] == outcome.event for outcome in acknowledged.values())


def wait_until_reachable(database: Database) -> None:
    """Wait up to 20 s for the server to have recovered."""
    give_up_at = time.monotonic() + 20
    while True:
        try:
            database.connect().close()
        except psycopg.OperationalError:
            assert time.monotonic() < give_up_at
            time.sleep(0.02)
        else:
            return


def post_and_tell(url: str, partition_count: int, name: str, told: Pipe) -> None:
    """Post without end, in a process of its own, and tell each key that was acknowledged."""
    with Database(url, partition_count).poster() as poster:
        for number in range(1_000_000):
            keys = [f"{name}-{number}-{n}" for n in range(20)]
            outcomes = poster.post([accrue(1 + n % 4, 1, key) for n, key in enumerate(keys)])
            assert all(isinstance(outcome, Posted) for outcome in outcomes)
            told.send(keys)


def test_killed_poster_loses_nothing(ledger: Database) -> None:
    """A process that posts is killed: what it told is stored, once, and what it left half done is not there at all."""
    processes = get_context("spawn")
    chance = random.Random(2)
    for turn in range(3):
        receiver, sender = processes.Pipe(duplex=False)
        name = f"killed-{turn}"
        arguments = (ledger.owner_url, ledger.partition_count, name, sender)
        process = processes.Process(target=post_and_tell, args=arguments, daemon=True)
        process.start()
        sender.close()
        told: list[str] = receiver.recv()
        time.sleep(chance.uniform(0, 0.2))
        process.kill()
        process.join(10)
        while keys := _received(receiver):
            told += keys
        receiver.close()
        stored = [key for key in till.keys_of(till.log_of(ledger)) if key.startswith(f"{name}-")]
        assert set(told) <= set(stored)
        assert len(stored) == len(set(stored))
        # Each batch is recorded as a whole, and at most one was recorded without having been told.
        assert len(stored) - len(told) in {0, 20}


def _received(receiver: Pipe) -> list[str] | None:
    try:
        keys: list[str] = receiver.recv()
    except (EOFError, OSError):
        return None
    return keys
