"""Our recorders against the library's own contract, and what they promise beyond it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from eventsourcing import persistence
from eventsourcing.persistence import AggregateRecorder, StoredEvent, Tracking
from psycopg import Connection, sql
from psycopg_pool import ConnectionPool

from khaywe.wiring import Database
from ledger.store import verify
from ledger.store.partitions import partition_of
from ledger.store.recorder import PartitionRecorder, Pool, SnapshotRecorder
from tests.databases import NewDatabase
from tests.integration.ledger.store.library_contract import (
    AggregateRecorderTestCase,
    ApplicationRecorderTestCase,
    NonInterleavingNotificationIDsBaseCase,
)


@contextmanager
def opened_pool(database: Database, size: int = 4) -> Iterator[Pool]:
    """Provide connections as the application role."""
    with database.pool(size) as pool:
        yield pool


@pytest.fixture
def pool(database: Database) -> Iterator[Pool]:
    """Provide connections to a fresh ledger."""
    with opened_pool(database) as pool:
        yield pool


@pytest.fixture
def recorder(pool: Pool) -> PartitionRecorder:
    """Provide the recorder of a ledger's only partition."""
    return PartitionRecorder(pool)


def stored(number: int, version: int = 1, topic: str = "topic", state: bytes = b"{}") -> StoredEvent:
    """Spell an event of the stream of this number."""
    return StoredEvent(UUID(int=number), version, topic, state)


class TestAsApplicationRecorder(ApplicationRecorderTestCase[PartitionRecorder]):
    """The library's contract for recorders of application sequences."""

    @pytest.fixture(autouse=True)
    def _provide_recorder(self, recorder: PartitionRecorder) -> None:
        self.recorder = recorder

    def create_recorder(self) -> PartitionRecorder:
        """Return the recorder under test."""
        return self.recorder

    def test_insert_subscribe(self) -> None:
        """A subscription delivers what is there and what comes, and ends when stopped."""
        self.optional_test_insert_subscribe()


class TestAsAggregateRecorder(AggregateRecorderTestCase):
    """The library's contract for recorders of snapshots."""

    @pytest.fixture(autouse=True)
    def _provide_pool(self, pool: Pool) -> None:
        self.pool = pool

    def create_recorder(self) -> AggregateRecorder:
        """Return the recorder under test."""
        return SnapshotRecorder(self.pool)


class TestNotificationIds(NonInterleavingNotificationIDsBaseCase):
    """The library's check that batches of two writers do not interleave."""

    @pytest.fixture(autouse=True)
    def _provide_recorder(self, recorder: PartitionRecorder) -> None:
        self.recorder = recorder

    def create_recorder(self) -> PartitionRecorder:
        """Return the recorder under test."""
        return self.recorder


def test_what_is_recorded_is_chained(database: Database, recorder: PartitionRecorder) -> None:
    """Events that came through the library are links of the same chain."""
    recorder.insert_events([stored(1), stored(2)])
    recorder.insert_events([stored(1, 2)])
    with database.connect() as connection:
        *_, progress = verify.verify_chain(connection, 0)
    assert progress.position == 3


def test_conflict_writes_nothing_and_leaves_no_gap(recorder: PartitionRecorder) -> None:
    """A batch with one taken version is refused as a whole, and the next one gets the next positions."""
    assert recorder.insert_events([stored(1)]) == [1]
    with pytest.raises(persistence.IntegrityError):
        recorder.insert_events([stored(2), stored(1)])
    assert recorder.insert_events([stored(2)]) == [2]


def test_streams_of_other_partitions_are_turned_away(new_database: NewDatabase) -> None:
    """An event is never recorded where nobody would look for it."""
    database = new_database(4)
    home = partition_of(UUID(int=6).bytes, 4)
    with opened_pool(database) as pool:
        assert PartitionRecorder(pool, home, 4).insert_events([stored(6)]) == [1]
        with pytest.raises(persistence.ProgrammingError, match=f"lives in partition {home}, not in"):
            PartitionRecorder(pool, (home + 1) % 4, 4).insert_events([stored(6, 2)])


def test_partitions_are_sequences_of_their_own(new_database: NewDatabase) -> None:
    """Each partition counts from 1 and delivers only its own events."""
    with opened_pool(new_database(4)) as pool:
        recorders = [PartitionRecorder(pool, partition, 4) for partition in range(4)]
        for number in range(8):
            recorders[number % 4].insert_events([stored(number)])
        for partition, recorder in enumerate(recorders):
            delivered = recorder.select_notifications(None, 10)
            assert [(1, UUID(int=partition)), (2, UUID(int=partition + 4))] == [
                (notification.id, notification.originator_id) for notification in delivered
            ]
            assert recorder.max_notification_id() == 2


def test_nothing_to_insert_is_inserted(recorder: PartitionRecorder) -> None:
    """No events have no positions."""
    assert recorder.insert_events([]) is None
    assert recorder.max_notification_id() is None


def test_text_ids_are_read_as_uuids(recorder: PartitionRecorder) -> None:
    """The library allows a stream's id to be text."""
    recorder.insert_events([StoredEvent(str(UUID(int=7)), 1, "topic", b"{}")])
    (found,) = recorder.select_events(str(UUID(int=7)))
    assert found == stored(7)


def test_tracking_is_refused(recorder: PartitionRecorder) -> None:
    """A tracking object is not silently dropped."""
    with pytest.raises(persistence.NotSupportedError):
        recorder.insert_events([stored(1)], tracking=Tracking("upstream", 1))
    assert recorder.max_notification_id() is None


def test_lost_connection_is_not_retried(database: Database) -> None:
    """The library's stock recorder would insert again ten times; ours says what happened, once."""
    attempts = 0

    def cut(connection: Connection[Any]) -> None:
        nonlocal attempts
        attempts += 1
        with database.connect_as_owner() as owner:
            owner.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))

    with ConnectionPool(database.owner_url, min_size=1, kwargs={"autocommit": True}, check=cut, open=True) as pool:
        # A cut connection is noticed by the statement, not by the check, because the check says nothing.
        with pytest.raises(persistence.OperationalError):
            PartitionRecorder(pool).insert_events([stored(1)])
        assert attempts == 1


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT 1 / 0", persistence.DataError),
        ("SELECT * FROM nowhere", persistence.ProgrammingError),
        ("INSERT INTO ledger.heads SELECT 0", persistence.DatabaseError),
        ("SET TRANSACTION READ ONLY; UPDATE ledger.heads SET position = 0", persistence.InternalError),
        ("SET statement_timeout = 1; SELECT pg_sleep(1)", persistence.OperationalError),
        ("INSERT INTO ledger.snapshots SELECT 0, ''::uuid, 1, '', ''", persistence.DataError),
        (
            "INSERT INTO ledger.snapshots SELECT 0, id, 1, '', '' FROM gen_random_uuid() AS id, generate_series(1, 2)",
            persistence.IntegrityError,
        ),
    ],
)
def test_errors_are_told_in_the_librarys_words(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    statement: str,
    expected: type[persistence.PersistenceError],
) -> None:
    """Only the constraint on a stream's version is an `IntegrityError`; all else keeps its kind."""

    def fail(connection: Connection[Any], _: object) -> None:
        connection.execute(sql.SQL("BEGIN; {}").format(sql.SQL(statement)))

    monkeypatch.setattr("ledger.store.recorder.lock_heads", fail)
    with ConnectionPool(database.owner_url, min_size=1, kwargs={"autocommit": True}, open=True) as pool:
        with pytest.raises(persistence.PersistenceError) as caught:
            PartitionRecorder(pool).insert_events([stored(1)])
        with pool.connection() as connection:
            assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert caught.type is expected


def test_subscription_stops_without_waiting(recorder: PartitionRecorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader between two looks at the log ends at once when another thread stops it."""
    monkeypatch.setattr("ledger.store.subscription._POLL_S", 60)
    subscription = recorder.subscribe()
    waiting = threading.Thread(target=lambda: list(subscription))
    waiting.start()
    time.sleep(0.05)
    subscription.stop()
    waiting.join(10)
    assert not waiting.is_alive()


def test_subscription_tells_news_within_50_ms(recorder: PartitionRecorder) -> None:
    """An event is delivered within two polls of its commit; on a busy machine, at least the quickest of ten is."""
    delays: list[float] = []
    with recorder.subscribe(gt=0) as subscription:
        for number in range(1, 11):
            time.sleep(0.03)
            recorder.insert_events([stored(number)])
            committed_at = time.perf_counter()
            assert next(subscription).id == number
            delays.append(time.perf_counter() - committed_at)
    assert min(delays) < 0.05


def test_subscription_to_a_rare_topic_reads_the_others_once(
    recorder: PartitionRecorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While nothing of its topic happens, a subscription does not read the log again and again."""
    recorder.insert_events([stored(1, version) for version in range(1, 3001)])
    reads: list[int] = []
    select = recorder.select_notifications

    def counted(start: int, *args: Any, **kwargs: Any) -> Any:
        reads.append(start)
        return select(start, *args, **kwargs)

    monkeypatch.setattr(recorder, "select_notifications", counted)
    with recorder.subscribe(topics=["rare"]) as subscription:
        threading.Timer(0.2, lambda: recorder.insert_events([stored(2, topic="rare")])).start()
        assert next(subscription).id == 3001
    assert reads == [0, 3000]
