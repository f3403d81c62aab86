"""The bulk of old events leaves the database, and nothing that anybody asks is answered otherwise."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from msgspec.structs import replace
from psycopg import Connection

from khaywe.auditing import verify_ledger
from khaywe.wiring import Database
from ledger.archive import cold, packs, removing, segments
from ledger.archive.cold import ArchiveAway
from ledger.archive.events import BulkRemoved, BulkReturned
from ledger.archive.removing import archive_number, bring_back, bulk_of, on_record, remove
from ledger.audit.manifest import read_manifest
from ledger.audit.reading import event_at, events_of
from ledger.audit.restoring import restore_archive
from ledger.dates import time_zone
from ledger.posting.histories import read_histories
from ledger.posting.instruction import Posted
from ledger.store.partitions import partition_of
from ledger.store.receipts import recorded_for
from ledger.store.recorder import PartitionRecorder
from projections.beside import sole_builder
from projections.lookback import cut_at, past_account, program_balances
from projections.rebuild import BESIDE, build_beside, compare_and_swap
from projections.runner import Runner
from projections.views import VIEWS
from tests.conftest import NewDatabase
from tests.integration.ledger import till
from tests.integration.ledger.audit.bookkeeper import ACCOUNTS, KEYS, archive, fill, run_verifier

NOW = datetime(2026, 4, 1, tzinfo=UTC)
HOLLOW = "SELECT count(*) FROM ledger.events WHERE ledger.is_reference_v1(state)"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let there be several pages, row groups and segments, and nothing left of the test before."""
    monkeypatch.setattr(removing, "_PAGE", 13)
    monkeypatch.setattr("ledger.audit.exporting.SEGMENT_SIZE", 35)
    for module in (segments, cold):
        monkeypatch.setattr(module, "GROUP_SIZE", 10)
    yield
    forget()


def forget() -> None:
    """Empty the caches, as another process would have them."""
    segments.states_of_group.cache_clear()
    packs.states_of_blob.cache_clear()
    cold._segments.cache_clear()


def confirmed(database: Database, folder: Path, by: str = "test") -> BulkRemoved:
    """Record that somebody confirmed the removal of everything that the archive has."""
    with database.connect_as_owner() as owner:
        ends = {span.partition: span.last for span in read_manifest(folder).spans}
        bulk = bulk_of(owner, ends, None)
        until = {str(partition): last for partition, last in bulk.until.items()}
        event = BulkRemoved(archive_number(owner, folder), until, {}, bulk.event_count, "", by, NOW)
    with database.poster() as poster:
        (outcome,) = poster.post([on_record(event)])
    assert isinstance(outcome, Posted)
    return event


def removed(database: Database, folder: Path) -> int:
    """Archive everything, and take the bulk out of the database; return how many events were concerned."""
    archive(database, folder)
    event = confirmed(database, folder)
    with database.connect_as_owner() as owner:
        done = list(remove(owner, event, folder, database.partition_count))
    forget()
    return done[-1]


def count(database: Database, query: str = HOLLOW) -> int:
    """Return a number."""
    with database.connect() as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    found: int = row[0]
    return found


def follow(database: Database) -> None:
    """Bring the views up."""
    with database.connect() as reader, database.connect_views() as writer:
        for _ in Runner(reader, writer, list(VIEWS.values())).catch_up():
            pass


def everything(database: Database, positions: dict[int, int]) -> dict[str, Any]:
    """Ask whatever reads old events, up to some positions."""
    told: dict[str, Any] = {}
    with database.pool(1) as pool, database.connect() as connection:
        pool.open()
        now = datetime.now(UTC)
        cut = cut_at(connection, range(database.partition_count), time_zone("UTC"), now, as_of=date(2026, 3, 20))
        cut = replace(cut, as_at=NOW, positions=positions)
        told["program"] = program_balances(connection, "club", cut)
        for partition, last in positions.items():
            recorder = PartitionRecorder(pool, partition, database.partition_count)
            told[f"notifications {partition}"] = recorder.select_notifications(None, 1_000, last)
            told[f"at {partition}"] = [event_at(connection, partition, at) for at in range(1, last + 1)]
        for number in range(ACCOUNTS):
            account = till.account_id(number)
            partition = partition_of(account, database.partition_count)
            recorder = PartitionRecorder(pool, partition, database.partition_count)
            told[f"past {number}"] = past_account(connection, account, database.partition_count, cut)
            told[f"events {number}"] = recorder.select_events(UUID(bytes=account), lte=7, desc=True)
            told[f"statement {number}"] = events_of(connection, partition, account, positions[partition])
        histories = read_histories(connection, [till.account_id(one) for one in range(ACCOUNTS)], len(positions))
        told["histories"] = {key: history[:7] for key, history in histories.items()}
        told["recorded"] = [recorded_for(connection, ("till", f"A{turn}-3")) for turn in range(3)]
    return told


def heads(database: Database) -> dict[int, int]:
    """Return where the partitions end."""
    with database.connect() as connection:
        return dict(connection.execute("SELECT partition, position FROM ledger.heads").fetchall())


def test_nothing_is_answered_otherwise(any_database: Database, tmp_path: Path) -> None:
    """Accounts, histories, statements, look-ups, the library's recorder: all read both."""
    fill(any_database)
    follow(any_database)
    positions = heads(any_database)
    before = everything(any_database, positions)
    assert removed(any_database, tmp_path) == count(any_database) == 90
    assert everything(any_database, positions) == before
    for pack in tmp_path.glob("*.pack"):
        pack.unlink()
    forget()
    assert everything(any_database, positions) == before


def test_posting_goes_on(any_database: Database, tmp_path: Path) -> None:
    """What was done is known, what is new is added; removed again later, it is one history."""
    fill(any_database)
    removed(any_database, tmp_path)
    with any_database.poster() as poster:
        (first,) = poster.post([till.accrue(3, 100, "A2-3")])
    assert isinstance(first, Posted)
    assert first.replayed
    fill(any_database, 2, first=20)
    assert removed(any_database, tmp_path) == 30
    assert count(any_database) == 120
    with any_database.connect() as connection:
        (history,) = read_histories(connection, [till.account_id(4)], any_database.partition_count).values()
    assert len(history) == 1 + 8 + 8
    with any_database.poster() as poster:
        (refused,) = poster.post([till.redeem(4, 100_000, "too much")])
    assert refused.slug == "insufficient-points"  # type: ignore[union-attr]


def test_posting_needs_no_archive(any_database: Database, tmp_path: Path) -> None:
    """Only what needs old events is refused, and told where they should be; the rest is carried out."""
    fill(any_database)
    folder = tmp_path / "archive"
    removed(any_database, folder)
    folder.rename(tmp_path / "elsewhere")
    fill(any_database, 1, first=30)
    with any_database.poster() as poster, pytest.raises(ArchiveAway, match=f"{folder}.*khaywe audit moved"):
        poster.post([till.accrue(3, 100, "A2-3")])
    with any_database.poster() as poster:
        (done,) = poster.post([till.accrue(3, 1, "another")])
    assert isinstance(done, Posted)
    report = verify_ledger(any_database, KEYS)
    assert not report.is_whole
    assert str(folder) in report.faults[0].reason
    with any_database.connect_as_owner() as owner:
        assert removing.move(owner, 1, tmp_path / "elsewhere")
        assert not removing.move(owner, 2, tmp_path / "elsewhere")
    forget()
    with any_database.poster() as poster:
        (replayed,) = poster.post([till.accrue(3, 100, "A2-3")])
    assert isinstance(replayed, Posted)


def test_audit_reads_both(any_database: Database, tmp_path: Path) -> None:
    """The chain, every account, and views that are built anew from the first event."""
    fill(any_database)
    removed(any_database, tmp_path)
    fill(any_database, 1, first=30)
    follow(any_database)
    report = verify_ledger(any_database, KEYS)
    assert (report.is_whole, report.faults) == (True, [])
    assert report.accounts is not None
    assert report.accounts.event_count == sum(heads(any_database).values())
    views = list(VIEWS.values())
    with (
        any_database.connect_as_owner() as owner,
        sole_builder(owner),
        any_database.connect() as reader,
        any_database.connect_views(BESIDE) as writer,
    ):
        build_beside(owner, reader, writer, views)
        assert all(one.is_equal for one in compare_and_swap(owner, reader, writer, views))


def test_archives_of_a_ledger_without_its_bulk(new_database: NewDatabase, tmp_path: Path) -> None:
    """A second archive has the same events, and a ledger restored from it has all of its states."""
    original, restored = new_database(4), new_database(4)
    fill(original)
    removed(original, tmp_path / "first")
    archive(original, tmp_path / "second")
    assert run_verifier(tmp_path / "second")[0] == 0
    with restored.connect_as_owner() as owner:
        assert list(restore_archive(owner, tmp_path / "second", KEYS))[-1] == 101
    assert count(restored) == 0
    assert [one.event for one in till.log_of(restored) if isinstance(one.event, BulkRemoved)] != []
    assert till.balance(restored, 3) == 600


def test_bringing_back_gives_the_same_bytes(any_database: Database, tmp_path: Path) -> None:
    """Byte for byte; afterwards nothing may be removed unless somebody confirms it again."""
    fill(any_database)
    query = "SELECT * FROM ledger.events WHERE topic LIKE 'account.%' ORDER BY partition, position"
    with any_database.connect() as connection:
        before = connection.execute(query).fetchall()
    removed(any_database, tmp_path)
    until = {str(partition): last for partition, last in heads(any_database).items()}
    with any_database.connect_as_owner() as owner:
        assert list(bring_back(owner, until))[-1] == 90
        assert owner.execute(query).fetchall() == before
    with any_database.poster() as poster:
        poster.post([on_record(BulkReturned("test", NOW))])
    assert count(any_database) == 0
    assert count(any_database, "SELECT count(*) FROM ledger.removals") == 0


def test_killed_in_the_middle(database: Database, tmp_path: Path) -> None:
    """A process that removes is killed between two pages; what is there is whole, and another goes on."""
    fill(database)
    follow(database)
    before = everything(database, heads(database))
    archive(database, tmp_path)
    event = confirmed(database, tmp_path)
    script = (
        "import sys, time, psycopg, msgspec\n"
        "from pathlib import Path\n"
        "from ledger.archive import removing\n"
        "from ledger.archive.events import BulkRemoved\n"
        "removing._PAGE = 7\n"
        "event = msgspec.json.decode(sys.argv[3], type=BulkRemoved)\n"
        "with psycopg.connect(sys.argv[1], autocommit=True) as owner:\n"
        "    for done in removing.remove(owner, event, Path(sys.argv[2]), 1):\n"
        "        print(done, flush=True)\n"
        "        time.sleep(0.2)\n"
    )
    command = [sys.executable, "-c", script, database.owner_url, str(tmp_path), msgspec.json.encode(event).decode()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while int(process.stdout.readline()) < 30:
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert 30 <= count(database) < 90
    positions = {0: 100}
    assert everything(database, positions) == before
    with database.connect_as_owner() as owner:
        list(remove(owner, event, tmp_path, 1))
    assert count(database) == 90
    forget()
    assert everything(database, positions) == before


@pytest.fixture
def owner(database: Database, tmp_path: Path) -> Iterator[Connection[Any]]:
    """Provide the owner of a ledger half of whose bulk is gone."""
    fill(database, 3)
    removed(database, tmp_path)
    fill(database, 3, first=10)
    with database.connect_as_owner() as connection:
        yield connection


@pytest.mark.parametrize(
    ("change", "position"),
    [
        ("state = '\\x00' || state", 80),  # nobody confirmed that it may go
        ("state = '{}'", 80),
        ("state = '{}'", 20),  # not what its link was taken over
        ("state = set_byte(state, 30, 7)", 20),
        ("topic = 'account.opened.v1'", 20),
        ("recorded_at = recorded_at + interval '1 day'", 20),
        ("state = decode(repeat('00', 31), 'hex')", 5),  # an account's first event stays
        ("state = decode(repeat('00', 31), 'hex')", 80),
        ("state = decode(repeat('00', 31), 'hex'), version = version + 1000", 20),
    ],
)
def test_the_owner_can_change_nothing_else(owner: Connection[Any], change: str, position: int) -> None:
    """A state goes where somebody confirmed it, and comes back as it was; everything else is refused."""
    with pytest.raises(psycopg.errors.RestrictViolation, match="recorded facts never change"):
        owner.execute(f"UPDATE ledger.events SET {change} WHERE position = %s".encode(), (position,))


def _lose(owner: Connection[Any]) -> None:
    owner.execute("UPDATE ledger.events SET state = decode(repeat('00', 31), 'hex') WHERE position = 80")


def _point_elsewhere(owner: Connection[Any]) -> None:
    owner.execute(
        "UPDATE ledger.events AS e SET state = o.state FROM ledger.events AS o "
        "WHERE e.position = 20 AND o.position = 21"
    )


@pytest.mark.parametrize(("attack", "position"), [(_lose, 80), (_point_elsewhere, 20)])
def test_attacks_on_references_are_found(
    owner: Connection[Any], database: Database, attack: Callable[[Connection[Any]], None], position: int
) -> None:
    """Without the trigger, the chain tells."""
    owner.execute("SET session_replication_role = replica")
    attack(owner)
    owner.execute("SET session_replication_role = origin")
    report = verify_ledger(database, KEYS)
    assert report.first_fault is not None
    assert report.first_fault.position == position


def test_what_sql_says(owner: Connection[Any]) -> None:
    """The log shows null; what cannot do without the state refuses, and says what to do."""
    shown = "SELECT state IS NULL FROM ledger.event_log WHERE position = %s"
    assert [owner.execute(shown, (at,)).fetchone() for at in (5, 20, 80)] == [(False,), (True,), (False,)]
    account = UUID(bytes=till.account_id(3))
    with pytest.raises(psycopg.errors.RaiseException, match="in an archive"):
        owner.execute("SELECT * FROM analytics.events_as_of_v1(%s, '2026-03-20', NULL)", (account,)).fetchall()
