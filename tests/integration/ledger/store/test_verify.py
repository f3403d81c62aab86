"""Tampering, as a superuser who knows the tables: the first bad position is named."""

import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from random import randbytes
from typing import Any, LiteralString

import pytest
from psycopg import Connection, sql

from khaywe.wiring import Database
from ledger.store import verify
from ledger.store.append import append, lock_heads
from ledger.store.chain import GENESIS, copy_rows, link, microseconds, row
from ledger.store.verify import ChainBroken, Progress, verify_chain
from tests.databases import Databases, NewDatabase
from tests.integration.ledger import till

EVENT_COUNT = 300
STREAM_COUNT = 140
"""More than two pages, so that a stream is forgotten before it is met again."""


def write_log(connection: Connection[Any], count: int, *, batch_size: int = 30, partition: int = 0) -> None:
    """Append events of a few streams in turn, in several batches."""
    for start in range(0, count, batch_size):
        numbers = range(start, min(start + batch_size, count))
        events = [
            (till.account_id(n % STREAM_COUNT), n // STREAM_COUNT + 1, b"topic", b'{"n":%d}' % n) for n in numbers
        ]
        append(connection, lock_heads(connection, [partition]), {partition: events}, {})


@pytest.fixture(scope="module")
def ledger(databases: Databases) -> Iterator[Database]:
    """Provide a ledger with a log that no test changes for good."""
    database = databases.create()
    with database.connect() as connection:
        write_log(connection, EVENT_COUNT)
    yield database
    databases.drop(database.owner_url)


@pytest.fixture
def intruder(ledger: Database) -> Iterator[Connection[Any]]:
    """Provide a superuser's session in which no trigger fires, and whose changes are taken back in the end."""
    with ledger.connect_as_owner() as connection:
        connection.execute("SET session_replication_role = replica")
        with connection.transaction(force_rollback=True):
            yield connection


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the log have many pages, and more streams than are remembered."""
    monkeypatch.setattr(verify, "_PAGE_SIZE", 64)
    monkeypatch.setattr(verify, "_REMEMBERED_STREAMS", 3)


def verified(connection: Connection[Any], **options: Any) -> list[Progress]:
    """Verify the ledger's only partition."""
    return list(verify_chain(connection, 0, **options))


def value_of(connection: Connection[Any], query: LiteralString) -> Any:
    """Return the single value that a query answers."""
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def test_untouched_log_is_whole(ledger: Database) -> None:
    """Progress is told page by page, and ends where the log ends."""
    with ledger.connect() as connection:
        progress = verified(connection)
        head = connection.execute("SELECT position, hash FROM ledger.heads").fetchone()
    assert [one.position for one in progress] == [64, 128, 192, 256, 300]
    assert {300} == {one.end_position for one in progress}
    assert head == (progress[-1].position, progress[-1].hash)


def test_empty_log_is_whole(database: Database) -> None:
    """A ledger in which nothing has happened yet has nothing to prove."""
    with database.connect() as connection:
        assert verified(connection) == [Progress(0, 0, GENESIS, 0)]


def test_each_partition_is_a_chain_of_its_own(new_database: NewDatabase) -> None:
    """A fault in one partition is none in the others."""
    database = new_database(4)
    with database.connect_as_owner() as connection:
        for partition in range(4):
            write_log(connection, 20, partition=partition)
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE ledger.events SET topic = 'other' WHERE partition = 2 AND position = 5")
        for partition in (0, 1, 3):
            assert list(verify_chain(connection, partition))[-1].position == 20
        with pytest.raises(ChainBroken) as caught:
            list(verify_chain(connection, 2))
    assert (caught.value.partition, caught.value.position) == (2, 5)


@pytest.mark.parametrize("position", [1, 2, 64, 65, 150, 299, 300])
@pytest.mark.parametrize(
    "change",
    [
        "state = set_byte(state, 3, get_byte(state, 3) # 1)",
        "state = state || ' '",
        "topic = 'other'",
        "stream_id = gen_random_uuid()",
        "version = version + 1000",
        "recorded_at = recorded_at + interval '1 microsecond'",
        "recorded_at = recorded_at - interval '1 microsecond'",
        "hash = set_byte(hash, 31, get_byte(hash, 31) # 128)",
        "hash = hash || '\\x00'",
        "hash = ''",
    ],
)
def test_changed_event_is_found(intruder: Connection[Any], change: str, position: int) -> None:
    """Whatever is changed about an event, the log breaks at that event."""
    intruder.execute(sql.SQL("UPDATE ledger.events SET {} WHERE position = %s").format(sql.SQL(change)), (position,))
    with pytest.raises(ChainBroken, match="do not match") as caught:
        verified(intruder)
    assert caught.value.position == position


@pytest.mark.parametrize("position", [1, 64, 65, 200, 300])
def test_deleted_event_is_found(intruder: Connection[Any], position: int) -> None:
    """Where an event is gone, it is missing."""
    intruder.execute("DELETE FROM ledger.events WHERE position = %s", (position,))
    with pytest.raises(ChainBroken, match="the event is missing") as caught:
        verified(intruder)
    assert caught.value.position == position


@pytest.mark.parametrize(("first", "second"), [(1, 2), (10, 11), (63, 65), (1, 300), (128, 299)])
def test_swapped_events_are_found(intruder: Connection[Any], first: int, second: int) -> None:
    """Two events in each other's place break the log at the first one."""
    for old, new in ((first, -1), (second, first), (-1, second)):
        intruder.execute("UPDATE ledger.events SET position = %s WHERE position = %s", (new, old))
    with pytest.raises(ChainBroken, match="do not match") as caught:
        verified(intruder)
    assert caught.value.position == first


def test_renumbered_rest_is_found(intruder: Connection[Any]) -> None:
    """Closing the gap behind a deleted event does not hide it."""
    intruder.execute("DELETE FROM ledger.events WHERE position = 100")
    intruder.execute("UPDATE ledger.events SET position = -position WHERE position > 100")
    intruder.execute("UPDATE ledger.events SET position = -position - 1 WHERE position < 0")
    with pytest.raises(ChainBroken, match="do not match") as caught:
        verified(intruder)
    assert caught.value.position == 100


@pytest.mark.parametrize(
    ("change", "position", "reason"),
    [
        ("position = 299", 300, "the event stands behind the head"),
        ("position = 301", 301, "the event is missing"),
        ("hash = decode(repeat('00', 32), 'hex')", 300, "the head names another link"),
        ("recorded_at = recorded_at + interval '1 microsecond'", 300, "the head names another time"),
    ],
)
def test_changed_head_is_found(intruder: Connection[Any], change: str, position: int, reason: str) -> None:
    """The head must be the last event."""
    intruder.execute(sql.SQL("UPDATE ledger.heads SET {}").format(sql.SQL(change)))
    with pytest.raises(ChainBroken, match=reason) as caught:
        verified(intruder)
    assert caught.value.position == position


def test_lost_head_is_found(intruder: Connection[Any]) -> None:
    """A partition without a head cannot be trusted, or appended to."""
    intruder.execute("DELETE FROM ledger.heads")
    with pytest.raises(ChainBroken, match="no head"):
        verified(intruder)


def rewrite(connection: Connection[Any], after: int, change: dict[int, Any]) -> None:
    """Forge events, and compute every link and the head anew, as somebody would who knows how."""
    rows = connection.execute(
        "SELECT position, uuid_send(stream_id), version, topic, state, recorded_at, hash FROM ledger.events "
        "WHERE position >= %s ORDER BY position",
        (after,),
        binary=True,
    ).fetchall()
    previous: bytes = rows[0][-1]
    stamp = rows[0][-2]
    connection.execute("DELETE FROM ledger.events WHERE position > %s", (after,))
    with connection.cursor().copy(
        "COPY ledger.events (partition, position, stream_id, version, topic, state, recorded_at, hash) "
        "FROM STDIN (FORMAT BINARY)",
    ) as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        for position, stream_id, version, topic, state, recorded_at, _ in rows[1:]:
            forged = {"version": version, "recorded_at": recorded_at, **change.get(position, {})}
            event = (stream_id, forged["version"], topic.encode(), state)
            stamp = forged["recorded_at"]
            spelled, previous = copy_rows(0, position - 1, previous, [event], microseconds(stamp))
            copy.write(spelled)
        copy.write(b"\xff\xff")
    connection.execute("UPDATE ledger.heads SET hash = %s, recorded_at = %s", (previous, stamp))


def test_the_forger_of_these_tests_leaves_no_trace_of_its_own(intruder: Connection[Any]) -> None:
    """Rewriting the log as it was gives the log as it was."""
    before = verified(intruder)[-1]
    rewrite(intruder, 50, {})
    assert before == verified(intruder)[-1]


@pytest.mark.parametrize("position", [100, 128, 129, 300])
def test_time_that_runs_backwards_is_found(intruder: Connection[Any], position: int) -> None:
    """Even where every link is right, no event is recorded before the one ahead of it."""
    recorded_at = value_of(intruder, "SELECT min(recorded_at) FROM ledger.events")
    rewrite(intruder, 50, {position: {"recorded_at": recorded_at - timedelta(microseconds=1)}})
    with pytest.raises(ChainBroken, match="recorded before the one ahead of it") as caught:
        verified(intruder)
    assert caught.value.position == position


@pytest.mark.parametrize("remembered_streams", [3, 1000])
@pytest.mark.parametrize("position", [100, 128, 129, 300])
def test_version_out_of_order_is_found(
    intruder: Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    position: int,
    remembered_streams: int,
) -> None:
    """Even where every link is right, each stream counts 1, 2, 3, whether its last version is remembered or not."""
    monkeypatch.setattr(verify, "_REMEMBERED_STREAMS", remembered_streams)
    rewrite(intruder, 50, {position: {"version": 1000}})
    with pytest.raises(ChainBroken, match="is version 1000 of its stream") as caught:
        verified(intruder)
    assert caught.value.position == position


@pytest.mark.parametrize("remembered_streams", [0, 1000])
def test_versions_the_wrong_way_round_are_found(
    intruder: Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    remembered_streams: int,
) -> None:
    """Two events of a stream that stand in the wrong order are found at the first one."""
    monkeypatch.setattr(verify, "_REMEMBERED_STREAMS", remembered_streams)
    later = 100 + STREAM_COUNT
    rewrite(intruder, 50, {100: {"version": 2}, later: {"version": 1}})
    with pytest.raises(ChainBroken) as caught:
        verified(intruder)
    assert caught.value.position == 100


def test_checkpoint_is_gone_on_from(ledger: Database) -> None:
    """What was verified before need not be read again."""
    with ledger.connect() as connection:
        whole = verified(connection)
        checkpoint = whole[1]
        rest = verified(connection, after=checkpoint.position, previous=checkpoint.hash)
        assert whole[-1] == rest[-1]
        assert rest[0].position == checkpoint.position + 64
        end = whole[-1]
        assert verified(connection, after=end.position, previous=end.hash) == [end]


def test_ranges_can_be_verified_side_by_side(intruder: Connection[Any]) -> None:
    """A range stops where it is told to, and a fault belongs to the range it is in."""
    link_at_100 = value_of(intruder, "SELECT hash FROM ledger.events WHERE position = 100")
    intruder.execute("UPDATE ledger.events SET state = '{}' WHERE position = 200")
    assert verified(intruder, until=100)[-1] == Progress(0, 100, link_at_100, 100)
    with pytest.raises(ChainBroken) as caught:
        verified(intruder, after=100, previous=link_at_100, until=250)
    assert caught.value.position == 200


@pytest.mark.parametrize("last", [256, 200])
def test_cut_off_end_is_found_against_a_checkpoint(intruder: Connection[Any], last: int) -> None:
    """Events gone together with their head are missed by nobody but the owner of a checkpoint."""
    checkpoint = verified(intruder)[3]
    intruder.execute("DELETE FROM ledger.events WHERE position > %s", (last,))
    intruder.execute(
        "UPDATE ledger.heads AS h SET position = e.position, hash = e.hash, recorded_at = e.recorded_at "
        "FROM ledger.events AS e WHERE e.position = %s",
        (last,),
    )
    assert verified(intruder)[-1].position == last
    if last < checkpoint.position:
        with pytest.raises(ChainBroken, match="the event is missing, but was verified before"):
            verified(intruder, after=checkpoint.position, previous=checkpoint.hash)


def test_rewritten_log_is_found_against_a_checkpoint(intruder: Connection[Any]) -> None:
    """A log forged to its end is whole by itself, and another one than was verified."""
    checkpoint = verified(intruder)[3]
    rows = intruder.execute("SELECT position, recorded_at FROM ledger.events").fetchall()
    rewrite(
        intruder, 50, {position: {"recorded_at": recorded_at + timedelta(hours=1)} for position, recorded_at in rows}
    )
    assert verified(intruder)[-1].position == EVENT_COUNT
    with pytest.raises(ChainBroken, match="another link than when it was verified") as caught:
        verified(intruder, after=checkpoint.position, previous=checkpoint.hash)
    assert caught.value.position == checkpoint.position


def test_events_written_meanwhile_do_not_disturb(database: Database) -> None:
    """A verification ends at the head it began with."""
    with database.connect() as connection, database.connect() as writer:
        write_log(connection, 200)
        verification = verify_chain(connection, 0)
        positions = [next(verification).position]
        append(writer, lock_heads(writer, [0]), {0: [(till.account_id(1000), 1, b"topic", b"{}")]}, {})
        positions += [progress.position for progress in verification]
        assert positions == [64, 128, 192, 200]
        assert verified(connection)[-1].position == 201


def test_link_is_as_documented() -> None:
    """The chain is sha256 over the previous link and the columns, each with its length; golden, never to change."""
    event = (bytes(range(16)), 7, b"account.opened.v1", b'{"a":1}')
    spelled = (
        b"\0\0\0\4" b"\0\0\0\3"
        b"\0\0\0\x08" b"\0\0\0\0\0\0\0\x2a"
        b"\0\0\0\x10" + bytes(range(16)) + b"\0\0\0\x08" b"\0\0\0\0\0\0\0\7"
        b"\0\0\0\x11account.opened.v1"
        b'\0\0\0\7{"a":1}'
        b"\0\0\0\x08" b"\0\0\0\0\0\x0f\x42\x40"
    )  # fmt: skip
    assert spelled == row(3, 42, event, 1_000_000)
    golden = "8cbbf60d057044cc4006ce119a8fd891f943f498877a08b9fe3a5fc9d3477b1b"
    assert golden == link(GENESIS, spelled).hex() == sha256(GENESIS + spelled).hexdigest()


def test_memory_stays_flat(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many events and streams there are, no more than was allowed for is held."""
    monkeypatch.setattr(verify, "_PAGE_SIZE", 1000)
    monkeypatch.setattr(verify, "_REMEMBERED_STREAMS", 1000)
    with database.connect() as connection:
        for _ in range(10):
            events = [(randbytes(16), 1, b"topic", bytes(200)) for _ in range(3_000)]
            append(connection, lock_heads(connection, [0]), {0: events}, {})
        tracemalloc.start()
        for progress in verify_chain(connection, 0):
            assert progress.end_position == 30_000
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    # 30,000 streams with their versions would take several megabytes.
    assert peak_bytes < 1_000_000
