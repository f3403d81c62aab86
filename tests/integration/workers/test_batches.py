"""Batches and the workers that carry them out: killed, several at once, without a ledger, asked to stop."""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Event, Thread
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from khaywe.wiring import Database
from ledger.posting.instruction import LedgerUnavailable
from ledger.posting.poster import Poster
from projections.batches import (
    BLOCK_SIZE,
    Batch,
    Block,
    NewBatch,
    read_batch,
    read_results,
    request_cancel,
    store_batch,
)
from rules.activity import Purchase
from tests.integration.workers.members import PROGRAM_ID, prepare
from workers.batches import carrying_out, take_turns
from workers.sweeping import Deps

MEMBERS = 200
BLOCKS = 8
ITEMS = BLOCKS * BLOCK_SIZE - 300


@pytest.fixture
def ledger(database: Database) -> Database:
    """Provide members who can buy."""
    prepare(database, MEMBERS, datetime(2026, 9, 1, tzinfo=UTC))
    return database


def items(count: int) -> list[bytes]:
    """Return purchases as they are sent, none of them late."""
    at = datetime(2026, 10, 1, tzinfo=UTC)
    return [
        msgspec.json.encode(
            Purchase(
                "queue",
                f"Q{number}",
                str(UUID(int=1 + number % MEMBERS)),
                at + timedelta(seconds=number),
                Decimal(5),
                "EUR",
            )
        )
        for number in range(count)
    ]


def queue(database: Database, key: str = "K1", count: int = ITEMS) -> UUID:
    """Store a batch."""
    new = NewBatch(PROGRAM_ID, "family", key, "key:test", "application/x-ndjson", bytes(32), 1)
    sent: Sequence[bytes] = items(count)
    blocks = (Block(sent[start : start + BLOCK_SIZE], {}) for start in range(0, count, BLOCK_SIZE))
    with database.connect() as connection:
        batch, was_there = store_batch(connection, new, blocks)
    assert not was_there
    return batch.batch_id


def look(database: Database, batch_id: UUID) -> Batch:
    """Return a batch as it is now."""
    with database.connect() as connection:
        batch = read_batch(connection, batch_id)
    assert batch is not None
    return batch


@contextmanager
def worker(database: Database) -> Iterator[Deps]:
    """Provide what a worker of its own works with."""
    with database.poster() as poster:
        yield Deps(database.connect, poster, database.partition_count)


def end_leases(database: Database) -> None:
    """Let the time pass that a killed worker keeps the others waiting."""
    with database.connect() as connection:
        connection.execute("UPDATE workers.leases SET expires_at = clock_timestamp() - interval '1 second'")


def booked(database: Database) -> int:
    """Return how many purchases of batches are in the ledger."""
    with database.connect() as connection:
        query = "SELECT count(*) FROM ledger.receipts WHERE source = %s"
        row = connection.execute(query, (f"purchase:{PROGRAM_ID}:queue",)).fetchone()
    assert row is not None
    return int(row[0])


def require_whole(database: Database, batch_id: UUID, count: int) -> None:
    """The batch is done, each item is booked once, and told once in its place."""
    batch = look(database, batch_id)
    assert (batch.status, batch.done_count, batch.refused_count) == ("done", count, 0)
    assert batch.posted_count + batch.replayed_count == count
    assert booked(database) == count
    with database.connect() as connection:
        told = read_results(connection, batch_id, 0, count + 1)
    assert len({one.position for one in told}) == count


def _work(url: str, partition_count: int) -> None:
    """Carry batches out in a process of its own, until killed."""
    with worker(Database(url, partition_count)) as deps:
        holder = uuid4()
        while True:
            take_turns(deps, holder)


def test_a_killed_worker_is_replaced(ledger: Database) -> None:
    """Another one goes on where it stopped, once its lease has ended; nothing is booked twice, and nothing is lost."""
    batch_id = queue(ledger)
    arguments = (ledger.owner_url, ledger.partition_count)
    process = multiprocessing.get_context("spawn").Process(target=_work, args=arguments)
    process.start()
    give_up_at = time.monotonic() + 60
    while look(ledger, batch_id).done_count == 0:
        assert time.monotonic() < give_up_at
        time.sleep(0.002)
    process.kill()
    process.join()
    half = look(ledger, batch_id)
    assert half.status == "running"
    assert 0 < half.done_count < ITEMS
    with worker(ledger) as deps:
        assert take_turns(deps, uuid4()) == 0
        end_leases(ledger)
        while take_turns(deps, uuid4()):
            pass
    require_whole(ledger, batch_id, ITEMS)
    # What was posted and not yet noted when it was killed is told as a replay.
    assert look(ledger, batch_id).replayed_count <= 2 * BLOCK_SIZE


def test_several_workers_share_the_batches(ledger: Database) -> None:
    """Never one batch at the same time."""
    batch_id = queue(ledger)
    with worker(ledger) as one, worker(ledger) as other, carrying_out(one), carrying_out(other):
        give_up_at = time.monotonic() + 60
        while look(ledger, batch_id).ended_at is None:
            assert time.monotonic() < give_up_at
            time.sleep(0.05)
    require_whole(ledger, batch_id, ITEMS)
    assert look(ledger, batch_id).replayed_count == 0


def test_a_small_batch_does_not_wait_for_a_large_one(ledger: Database) -> None:
    """Every batch has its turn."""
    large = queue(ledger, "large", 22 * BLOCK_SIZE)
    small = queue(ledger, "small", 3)
    with worker(ledger) as deps:
        take_turns(deps, uuid4())
    assert look(ledger, large).status == "running"
    assert look(ledger, small).status == "done"


def test_who_lost_the_lease_stops(ledger: Database) -> None:
    """A worker that was asleep notices that another one has gone on, and changes nothing."""
    batch_id = queue(ledger)
    stopping = Event()
    with worker(ledger) as deps:
        thread = Thread(target=take_turns, args=(deps, uuid4(), stopping))
        thread.start()
        while look(ledger, batch_id).done_count == 0:
            time.sleep(0.002)
        with worker(ledger) as other:
            while look(ledger, batch_id).ended_at is None:
                end_leases(ledger)
                take_turns(other, uuid4())
        thread.join()
    require_whole(ledger, batch_id, ITEMS)


def test_a_running_batch_can_be_cancelled(ledger: Database) -> None:
    """What is under way is finished and told; the rest is not booked."""
    batch_id = queue(ledger)
    with worker(ledger) as deps:
        thread = Thread(target=take_turns, args=(deps, uuid4()))
        thread.start()
        while look(ledger, batch_id).done_count == 0:
            time.sleep(0.002)
        with ledger.connect() as connection:
            request_cancel(connection, batch_id)
        thread.join()
    batch = look(ledger, batch_id)
    assert (batch.status, batch.ended_at is not None) == ("cancelled", True)
    assert 0 < batch.done_count == batch.posted_count == booked(ledger) < ITEMS


def test_a_lost_ledger_is_waited_for(ledger: Database) -> None:
    """No item is refused because the ledger could not be written to: the next turn goes on."""
    batch_id = queue(ledger, count=10)

    with Poster(lambda: _away(ledger), ledger.partition_count, patience_s=0.1) as poster:
        deps = Deps(ledger.connect, poster, ledger.partition_count)
        with pytest.raises(LedgerUnavailable):
            take_turns(deps, uuid4())
    assert look(ledger, batch_id).done_count == 0
    with worker(ledger) as deps:
        take_turns(deps, uuid4())
    require_whole(ledger, batch_id, 10)


def _away(database: Database) -> Any:
    """Connect to a server that is not there."""
    return Database(f"{database.owner_url}&port=1", 1).connect()
