"""Two writers whose transactions are open at the same time, step by step."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

import psycopg
import pytest
from psycopg import Connection, errors

from khaywe.wiring import Database
from ledger.sql import load_queries
from ledger.store import append as appending
from ledger.store.append import Head, append, lock_heads
from ledger.store.append import _run as run
from ledger.store.chain import NewEvent
from ledger.store.partitions import partition_of
from ledger.store.receipts import stream_of
from tests.databases import NewDatabase
from tests.integration.ledger import till

_SQL = load_queries("ledger.store")


class HeldOpen:
    """A connection that has sent everything but COMMIT when `append` is made to wait."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
        self.cursor = connection.cursor
        self.pgconn = connection.pgconn
        self.may_commit = Event()
        self.is_waiting = Event()

    def run(self, statements: bytes) -> Any:
        """Wait before the COMMIT at the end of the last statements; `append` runs no others."""
        rest, semicolon, commit = statements.rpartition(b"; ")
        assert semicolon
        assert commit == b"COMMIT"
        run(self._connection, rest)
        self.is_waiting.set()
        assert self.may_commit.wait(10)
        return run(self._connection, commit)


@pytest.fixture(autouse=True)
def held_where_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `append` run its last statements through whatever stands before the connection."""

    def run_or_hold(connection: Any, statements: bytes) -> Any:
        return connection.run(statements) if isinstance(connection, HeldOpen) else run(connection, statements)

    monkeypatch.setattr(appending, "_run", run_or_hold)


def batch(number: int, size: int) -> list[NewEvent]:
    """Spell the first events of a stream."""
    return [(till.account_id(number), version, b"topic", b"{}") for version in range(1, size + 1)]


def write(connection: Any, locking: Connection[Any], events: Mapping[int, Sequence[NewEvent]]) -> dict[int, Head]:
    """Append, locking on the connection itself and writing through whatever stands before it."""
    return append(connection, lock_heads(locking, events), events, {})


def page(reader: Connection[Any], after: int, partition: int = 0) -> list[tuple[int, bytes]]:
    """Read on as the projections do: position and stream of each event."""
    asked = {"partition": partition, "after": after, "limit": 1000}
    return [(row[0], row[1]) for row in reader.execute(_SQL["page"], asked, binary=True)]


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait up to 10 s for a condition to come true."""
    give_up_at = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.005)


def is_waiting_for(reader: Connection[Any], waiting: Connection[Any], holder: Connection[Any]) -> bool:
    """Tell whether one session waits for a lock that the other one holds."""
    pids = (waiting.info.backend_pid, holder.info.backend_pid)
    row = reader.execute("SELECT %s = ANY(pg_blocking_pids(%s))", (pids[1], pids[0])).fetchone()
    return row == (True,)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Provide threads for writers that are made to wait."""
    with ThreadPoolExecutor() as pool:
        yield pool


def start_and_hold(
    pool: ThreadPoolExecutor,
    connection: Connection[Any],
    events: Mapping[int, Sequence[NewEvent]],
) -> tuple[HeldOpen, "Future[dict[int, Head]]"]:
    """Append up to, and without, the statement that commits."""
    held = HeldOpen(connection)
    writing = pool.submit(write, held, connection, events)
    assert held.is_waiting.wait(10)
    return held, writing


def test_later_writer_waits_and_the_reader_skips_nobody(database: Database, pool: ThreadPoolExecutor) -> None:
    """While A is open B cannot number its events, so a reader between them passes over neither."""
    with database.connect() as a, database.connect() as b, database.connect() as reader:
        write(reader, reader, {0: batch(1, 3)})
        held, writing_a = start_and_hold(pool, a, {0: batch(2, 1000)})
        writing_b = pool.submit(write, b, b, {0: batch(3, 1)})
        wait_until(lambda: is_waiting_for(reader, b, a))
        seen = page(reader, 0)
        assert [position for position, _ in seen] == [1, 2, 3]
        assert not writing_b.done()

        held.may_commit.set()
        writing_a.result(10)
        assert writing_b.result(10)[0].position == 1004
        rest = page(reader, seen[-1][0])
        assert rest == [(position, till.account_id(2)) for position in range(4, 1004)]
        assert page(reader, 1003) == [(1004, till.account_id(3))]


def test_rolled_back_writer_leaves_no_gap(database: Database, pool: ThreadPoolExecutor) -> None:
    """Positions that A had taken are B's when A fails."""
    with database.connect() as a, database.connect() as b, database.connect() as reader:
        held, writing_a = start_and_hold(pool, a, {0: batch(2, 1000)})
        writing_b = pool.submit(write, b, b, {0: batch(3, 1)})
        wait_until(lambda: is_waiting_for(reader, b, a))
        with database.connect_as_owner() as owner:
            owner.execute("SELECT pg_terminate_backend(%s)", (a.info.backend_pid,))
        assert writing_b.result(10)[0].position == 1
        held.may_commit.set()
        with pytest.raises(psycopg.OperationalError):
            writing_a.result(10)
        assert page(reader, 0) == [(1, till.account_id(3))]


def test_partitions_do_not_wait_for_each_other(new_database: NewDatabase, pool: ThreadPoolExecutor) -> None:
    """A open transaction holds up its own partitions, and only those."""
    database = new_database(4)
    with database.connect() as a, database.connect() as b, database.connect() as c:
        held, writing_a = start_and_hold(pool, a, {1: batch(1, 10), 2: batch(2, 10)})
        assert write(b, b, {0: batch(3, 1), 3: batch(4, 1)})[3].position == 1
        writing_c = pool.submit(write, c, c, {2: batch(5, 1), 3: batch(6, 1)})
        wait_until(lambda: is_waiting_for(b, c, a))
        assert page(b, 0, partition=2) == []
        held.may_commit.set()
        assert {head.partition: head.position for head in writing_a.result(10).values()} == {1: 10, 2: 10}
        assert {head.partition: head.position for head in writing_c.result(10).values()} == {2: 11, 3: 2}


def test_writers_of_many_partitions_do_not_deadlock(new_database: NewDatabase, pool: ThreadPoolExecutor) -> None:
    """Heads are locked in one order, however the partitions were named."""
    database = new_database(4)

    def post(writer: int) -> None:
        order = [0, 1, 2, 3] if writer % 2 else [3, 2, 1, 0]
        with database.connect() as connection:
            for number in range(20):
                events = {partition: batch(writer * 1000 + number * 10 + partition, 2) for partition in order}
                write(connection, connection, events)

    for writing in [pool.submit(post, writer) for writer in range(4)]:
        writing.result(30)
    with database.connect() as reader:
        assert [[*range(1, 161)]] * 4 == [
            [position for position, _ in page(reader, 0, partition)] for partition in range(4)
        ]


def test_receipts_are_written_with_their_events(any_database: Database) -> None:
    """What was asked for is found under its reference, in whichever partition; another key leads nowhere."""
    with any_database.connect() as connection:
        for number in range(4):
            stream_id = till.account_id(number)
            partition = partition_of(stream_id, any_database.partition_count)
            receipt = ("till", f"k{number}", bytes(32), stream_id, 1)
            append(
                connection, lock_heads(connection, [partition]), {partition: batch(number, 1)}, {partition: [receipt]}
            )
        found = [stream_of(connection, ("till", f"k{number}")) for number in range(5)]
    assert found == [*map(till.account_id, range(4)), None]


def test_time_waits_for_no_lock(database: Database, pool: ThreadPoolExecutor) -> None:
    """A writer that waited is recorded after the one it waited for, though it began before that one ended."""
    with database.connect() as a, database.connect() as b, database.connect() as reader:
        held, writing_a = start_and_hold(pool, a, {0: batch(2, 1)})
        writing_b = pool.submit(write, b, b, {0: batch(3, 1)})
        wait_until(lambda: is_waiting_for(reader, b, a))
        held.may_commit.set()
        assert writing_a.result(10)[0].recorded_at <= writing_b.result(10)[0].recorded_at


def test_time_never_runs_backwards(database: Database) -> None:
    """A clock that was set back does not show in the log: the last time is used again."""
    with database.connect() as connection:
        write(connection, connection, {0: batch(1, 1)})
        connection.execute("UPDATE ledger.heads SET recorded_at = clock_timestamp() + interval '1 hour'")
        ahead = write(connection, connection, {0: batch(2, 1)})[0].recorded_at
        assert ahead == write(connection, connection, {0: batch(3, 1)})[0].recorded_at


def test_positions_are_unique_even_without_the_lock(database: Database) -> None:
    """A writer that went on from a head it had not locked is stopped by the table itself."""
    with database.connect() as connection:
        stale = lock_heads(connection, [0])
        append(connection, stale, {0: batch(1, 2)}, {})
        connection.execute("BEGIN")
        with pytest.raises(errors.UniqueViolation, match="events_position_v1"):
            append(connection, stale, {0: batch(2, 1)}, {})
        connection.execute("ROLLBACK")
        assert [position for position, _ in page(connection, 0)] == [1, 2]
