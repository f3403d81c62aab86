"""Writers in processes of their own, as unlike each other as can be, and readers that tail what they write."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from psycopg import Connection

from khaywe.wiring import Database
from ledger.sql import load_queries
from ledger.store.append import append, lock_heads
from ledger.store.chain import NewEvent
from ledger.store.partitions import partition_of
from ledger.store.recorder import PartitionRecorder
from ledger.streams import StreamId
from tests.integration.ledger import till

_SQL = load_queries("ledger.store")
_PROCESSES = get_context("spawn")

THE_END = bytes(15) + b"\x01"
"""The stream whose only event says that nothing more will come."""

Writer = Callable[[Database, random.Random], None]


class Delivered(NamedTuple):
    """An event as a reader got it, or as the table has it in the end."""

    position: int
    stream_id: StreamId
    version: int


class Barrier(Protocol):
    """Where processes wait for each other."""

    def wait(self) -> int:
        """Wait until all are here."""


@contextmanager
def crowd_at_work(database: Database, *writers: Writer) -> Iterator[None]:
    """
    Let each writer write in a process of its own, all beginning at the same moment, and then write the end.

    Raises:
        AssertionError: A writer failed, or took longer than a minute.
    """
    barrier = _PROCESSES.Barrier(len(writers))
    processes: list[BaseProcess] = []
    try:
        for seed, writer in enumerate(writers):
            arguments = (database.owner_url, database.partition_count, writer, seed, barrier)
            processes.append(_PROCESSES.Process(target=_run_one, args=arguments, daemon=True))
            processes[-1].start()
        yield
        for process in processes:
            process.join(60)
        assert [process.exitcode for process in processes] == [0] * len(processes)
    finally:
        for process in processes:
            process.kill()
        write_the_end(database)


def _run_one(url: str, partition_count: int, writer: Writer, seed: int, barrier: Barrier) -> None:
    barrier.wait()
    writer(Database(url, partition_count), random.Random(seed))


def write_big_batches(database: Database, chance: random.Random) -> None:
    """Append thousands of events at a time, to one partition or to several at once."""
    with database.connect() as connection:
        for _ in range(8):
            partitions = chance.sample(range(database.partition_count), chance.randint(1, database.partition_count))
            events = {partition: _events(chance, chance.randint(1000, 3000)) for partition in partitions}
            append(connection, lock_heads(connection, partitions), events, {})


def write_singles(database: Database, chance: random.Random) -> None:
    """Append one event at a time, anywhere."""
    with database.connect() as connection:
        for _ in range(300):
            partition = chance.randrange(database.partition_count)
            append(connection, lock_heads(connection, [partition]), {partition: _events(chance, 1)}, {})


def write_through_the_library(database: Database, chance: random.Random) -> None:
    """Record a few events at a time, through the library's recorder."""
    from eventsourcing.persistence import StoredEvent  # noqa: PLC0415  # the other writers start faster without

    with database.pool(1) as pool:
        count = database.partition_count
        recorders = [PartitionRecorder(pool, partition, count) for partition in range(count)]
        for _ in range(100):
            stream_id = UUID(int=chance.getrandbits(128))
            recorder = recorders[partition_of(stream_id.bytes, count)]
            recorder.insert_events([StoredEvent(stream_id, version, "topic", b"{}") for version in (1, 2, 3)])


def write_through_a_poster(database: Database, chance: random.Random) -> None:
    """Let tills open accounts and give points away."""
    with database.poster() as poster:
        for _ in range(40):
            numbers = [chance.getrandbits(100) for _ in range(chance.choice([1, 1, 50]))]
            poster.begin([till.open_account(number) for number in numbers])
            poster.post([till.accrue(number, 1, f"k{number}") for number in numbers])


def _events(chance: random.Random, count: int) -> list[NewEvent]:
    return [(chance.randbytes(16), 1, b"topic", b"{}") for _ in range(count)]


def write_the_end(database: Database) -> None:
    """Tell the readers of every partition that nothing more will come."""
    with database.connect() as connection:
        for partition in range(database.partition_count):
            events = {partition: [(THE_END, 1, b"topic", b"{}")]}
            append(connection, lock_heads(connection, [partition]), events, {})


def tail_pages(database: Database, partition: int) -> list[Delivered]:
    """Follow a partition to the end, as the projections do."""
    delivered = [Delivered(0, b"", 0)]
    with database.connect() as reader:
        while delivered[-1].stream_id != THE_END:
            asked = {"partition": partition, "after": delivered[-1].position, "limit": 500}
            delivered += [Delivered(*row[:3]) for row in reader.execute(_SQL["page"], asked, binary=True)]
    return delivered[1:]


def tail_subscription(database: Database, partition: int) -> list[Delivered]:
    """Follow a partition to the end, through the library's subscription."""
    delivered: list[Delivered] = []
    with database.pool(1) as pool, PartitionRecorder(pool, partition).subscribe() as subscription:
        for notification in subscription:
            stream_id = UUID(str(notification.originator_id)).bytes
            delivered.append(Delivered(notification.id, stream_id, notification.originator_version))
            if stream_id == THE_END:
                break
    return delivered


def recorded(connection: Connection[Any], partition: int) -> list[Delivered]:
    """Return what a partition holds in the end."""
    rows = connection.execute(
        "SELECT position, uuid_send(stream_id), version FROM ledger.events WHERE partition = %s ORDER BY position",
        (partition,),
        binary=True,
    )
    return [Delivered(*row) for row in rows]


def require_complete(delivered: list[Delivered], expected: list[Delivered]) -> None:
    """
    Make sure that a reader got everything, once, in order, and that positions have no gaps.

    Raises:
        AssertionError: With what was passed over, which is the fault that matters most.
    """
    skipped = set(expected) - set(delivered)
    assert not skipped, f"{len(skipped)} of {len(expected)} events were passed over, the first at {min(skipped)}"
    assert len(set(delivered)) == len(delivered), "events were delivered twice"
    assert delivered == expected, "events were delivered out of order"
    assert [one.position for one in expected] == [*range(1, len(expected) + 1)], "positions have gaps"
