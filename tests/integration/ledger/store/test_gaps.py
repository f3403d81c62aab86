"""Nobody who follows a partition misses an event, whoever writes at the same time."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest
from psycopg import Connection

from khaywe.wiring import Database
from ledger.store.verify import verify_chain
from tests.integration.ledger.store import crowd
from tests.integration.ledger.store.crowd import (
    Delivered,
    crowd_at_work,
    require_complete,
    tail_pages,
    tail_subscription,
)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Provide threads for readers."""
    with ThreadPoolExecutor() as pool:
        yield pool


def test_every_reader_gets_every_event_once_and_in_order(any_database: Database, pool: ThreadPoolExecutor) -> None:
    """Big batches, single events, the library and a poster write from four processes; readers tail from the start."""
    partitions = range(any_database.partition_count)
    writers = (
        crowd.write_big_batches,
        crowd.write_singles,
        crowd.write_through_the_library,
        crowd.write_through_a_poster,
    )
    with crowd_at_work(any_database, *writers):
        readings = [
            (partition, pool.submit(tail, any_database, partition))
            for partition in partitions
            for tail in (tail_pages, tail_subscription)
        ]
    with any_database.connect() as connection:
        for partition, reading in readings:
            require_complete(reading.result(30), crowd.recorded(connection, partition))
        for partition in partitions:
            list(verify_chain(connection, partition))


class WithoutTheLock:
    """A store as many are: positions come from a sequence, and whoever commits first is seen first."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.connect_as_owner() as owner:
            owner.execute("CREATE SEQUENCE positions")

    def append(self, connection: Connection[Any], stream_ids: list[bytes], pause_s: float = 0.0) -> None:
        """Write events, and take a while to commit."""
        with connection.transaction():
            connection.cursor().executemany(
                "INSERT INTO ledger.events (partition, position, stream_id, version, topic, state, recorded_at, hash) "
                "VALUES (0, nextval('positions'), encode(%s, 'hex')::uuid, 1, 'topic', '{}', now(), '')",
                [(stream_id,) for stream_id in stream_ids],
            )
            time.sleep(pause_s)

    def write(self, seed: int, sizes: list[int], pause_s: float) -> None:
        """Write batches one after the other."""
        chance = random.Random(seed)
        with self._database.connect_as_owner() as connection:
            for size in sizes:
                self.append(connection, [chance.randbytes(16) for _ in range(size)], pause_s)

    def write_the_end(self) -> None:
        """Tell the reader that nothing more will come."""
        with self._database.connect_as_owner() as connection:
            self.append(connection, [crowd.THE_END])


def test_the_check_notices_a_store_without_the_lock(database: Database, pool: ThreadPoolExecutor) -> None:
    """The same reader and the same check find what a store that numbers events without a lock loses."""
    store = WithoutTheLock(database)
    reading = pool.submit(tail_pages, database, 0)
    writing = [pool.submit(store.write, 1, [200] * 5, 0.1), pool.submit(store.write, 2, [1] * 100, 0.0)]
    wait(writing, 30)
    store.write_the_end()
    with database.connect() as connection, pytest.raises(AssertionError, match="events were passed over"):
        require_complete(reading.result(30), crowd.recorded(connection, 0))


A, B, C = (Delivered(position, bytes(16), position) for position in (1, 2, 3))


@pytest.mark.parametrize(
    ("delivered", "expected", "fault"),
    [
        ([A, C], [A, B, C], "1 of 3 events were passed over, the first at .*position=2"),
        ([A, B, B, C], [A, B, C], "delivered twice"),
        ([B, A, C], [A, B, C], "out of order"),
        ([A, C], [A, C], "positions have gaps"),
        ([A, B, C], [A, B], "out of order"),
    ],
)
def test_the_check_notices_each_kind_of_fault(
    delivered: list[Delivered],
    expected: list[Delivered],
    fault: str,
) -> None:
    """Skipped, repeated, reordered, invented or missing: the check says which."""
    require_complete([A, B, C], [A, B, C])
    with pytest.raises(AssertionError, match=fault):
        require_complete(delivered, expected)
