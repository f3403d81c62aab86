"""Snapshots save reading old events, and are never needed."""

from typing import Any

import msgspec
import pytest
from structlog.typing import EventDict

from khaywe.wiring import Database
from ledger.posting import snapshots
from ledger.posting.cache import StateCache
from ledger.posting.instruction import Posted
from ledger.posting.poster import Poster
from ledger.streams import ACCOUNT
from tests.integration.ledger import till
from tests.integration.ledger.till import accrue, open_account, redeem


def post_accruals(database: Database, count: int, *, first: int = 0) -> None:
    """Post that many accruals of a point, each in a batch of its own, through a poster that ends afterwards."""
    with database.poster() as poster:
        poster.post([open_account(1)])
        for start in range(first, first + count, 25):
            stop = min(start + 25, first + count)
            outcomes = poster.post([accrue(1, 1, f"a{number}") for number in range(start, stop)])
            assert all(isinstance(outcome, Posted) for outcome in outcomes)


def stored(database: Database) -> list[tuple[int, str]]:
    """Return version and topic of every snapshot."""
    with database.connect() as connection:
        rows = connection.execute("SELECT version, topic FROM ledger.snapshots ORDER BY version").fetchall()
    return [(version, topic) for version, topic in rows]


def loaded(database: Database) -> tuple[Any, int]:
    """Return what a poster that starts now would decide on: state, and version of the snapshot it came from."""
    cache = StateCache(database.partition_count)
    with database.connect() as connection:
        cache.load(connection, {till.account_id(1): ACCOUNT})
    entry = cache.entries[till.account_id(1)]
    return entry.state, entry.snapshot_version


def test_no_snapshot_of_a_young_account(any_database: Database) -> None:
    """Fewer than a hundred events are read faster than a snapshot is worth."""
    post_accruals(any_database, 98)
    assert stored(any_database) == []


def test_snapshot_is_written_when_it_is_due(any_database: Database) -> None:
    """After a hundred events there is one, of the version the batch ended with; the older ones go."""
    post_accruals(any_database, 125)
    assert stored(any_database) == [(101, ACCOUNT.snapshot_topic)]
    post_accruals(any_database, 100, first=125)
    assert stored(any_database) == [(201, ACCOUNT.snapshot_topic)]


def test_snapshot_is_what_is_loaded(any_database: Database) -> None:
    """A state that comes from a snapshot is the one that all events fold into."""
    post_accruals(any_database, 125)
    state, snapshot_version = loaded(any_database)
    assert snapshot_version == 101
    assert state == till.account(any_database, 1)


def test_events_before_a_snapshot_are_not_read(database: Database) -> None:
    """With a snapshot, what came before it is not asked for."""
    post_accruals(database, 125)
    with database.connect_as_owner() as owner:
        owner.execute("SET session_replication_role = replica; UPDATE ledger.events SET state = '' WHERE version < 102")
    assert loaded(database)[0].balances() == {till.POINTS: 125}


def test_without_snapshots_nothing_changes(any_database: Database) -> None:
    """Dropping them all costs time and nothing else, also while a poster is running."""
    post_accruals(any_database, 125)
    with_snapshot, _ = loaded(any_database)
    with any_database.poster() as poster, any_database.connect() as connection:
        poster.post([accrue(1, 1, "before")])
        connection.execute("DELETE FROM ledger.snapshots")
        without, snapshot_version = loaded(any_database)
        assert snapshot_version == 0
        assert without.books[till.POINTS].accrued_points == with_snapshot.books[till.POINTS].accrued_points + 1
        (outcome,) = poster.post([redeem(1, 126, "all")])
    assert isinstance(outcome, Posted)
    assert without == ACCOUNT.evolve(without, outcome.event)
    assert loaded(any_database)[0] == till.account(any_database, 1)


def test_layout_of_another_release_is_passed_over(any_database: Database) -> None:
    """A snapshot whose topic is not ours is not read, and ours is written beside or instead of it."""
    post_accruals(any_database, 125)
    with any_database.connect() as connection:
        connection.execute(
            "INSERT INTO ledger.snapshots SELECT partition, stream_id, 110, 'account.state.v0', '' "
            "FROM ledger.snapshots",
        )
    state, snapshot_version = loaded(any_database)
    assert (state.balances(), snapshot_version) == ({till.POINTS: 125}, 101)


def test_newest_of_several_is_taken(any_database: Database) -> None:
    """Two posters may each have left one; any of them would do, and the newest saves most."""
    post_accruals(any_database, 125)
    newer = till.account(any_database, 1)
    with any_database.connect() as connection:
        connection.execute(
            "INSERT INTO ledger.snapshots SELECT partition, stream_id, 126, topic, %s FROM ledger.snapshots",
            (msgspec.json.encode(newer),),
        )
    state, snapshot_version = loaded(any_database)
    assert (state, snapshot_version) == (newer, 126)


@pytest.mark.parametrize(
    ("fault", "logged"),
    [
        ("SELECT 1 / 0", "snapshots_skipped"),
        ("SELECT pg_terminate_backend(pg_backend_pid())", "snapshots_skipped"),
        (None, "tidying_failed"),
    ],
)
def test_snapshot_that_cannot_be_written_is_skipped(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    logs: list[EventDict],
    fault: str | None,
    logged: str,
) -> None:
    """What was posted is acknowledged, and posting goes on, also when snapshots fail every time."""
    if fault:
        monkeypatch.setitem(snapshots._SQL, "add_snapshot", f"{fault}, %(version)s")
    else:
        monkeypatch.setattr(StateCache, "due_snapshots", None)
    post_accruals(database, 125)
    assert stored(database) == []
    assert till.balance(database, 1) == 125
    assert logged in {entry["event"] for entry in logs}


@pytest.mark.parametrize("capacity", [0, 20])
def test_forgotten_states_are_loaded_again(any_database: Database, capacity: int) -> None:
    """A cache that holds fewer events than there are accounts still decides on the right states."""
    with Poster(any_database.connect, any_database.partition_count) as poster:
        poster._cache._capacity = capacity
        numbers = range(30)
        poster.post([open_account(number) for number in numbers])
        for turn in range(4):
            poster.post([accrue(number, 1, f"a{number}-{turn}") for number in numbers])
            assert sum(entry.version for entry in poster._cache.entries.values()) <= capacity
        outcomes = poster.post([redeem(number, 4, f"r{number}") for number in numbers])
        assert all(isinstance(outcome, Posted) for outcome in outcomes)
