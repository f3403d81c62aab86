"""The bulk of old events leaves the database, and nothing that anybody asks is answered otherwise."""

import shutil
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace
from psycopg import Connection

from khaywe.auditing import verify_ledger
from khaywe.wiring import Database
from ledger.archive import cold, packs, removing, segments
from ledger.archive.cold import ArchiveAway
from ledger.archive.confirming import on_record, unconfirmed
from ledger.archive.events import BulkRemoved, BulkReturned
from ledger.archive.removing import UnderWay, alone, archive_number, bring_back, bulk_of, remove
from ledger.audit.manifest import read_manifest
from ledger.audit.reading import event_at, events_of
from ledger.audit.restoring import restore_archive
from ledger.dates import time_zone
from ledger.posting.histories import read_histories
from ledger.posting.instruction import HistoryNeeded, Instruction, Posted
from ledger.store.partitions import partition_of
from ledger.store.receipts import recorded_for
from ledger.store.recorder import PartitionRecorder
from ledger.store.verify import verify_chain
from ledger.streams import archive_stream_id
from projections.beside import sole_builder
from projections.lookback import cut_at, past_account, program_balances
from projections.rebuild import BESIDE, build_beside, compare_and_swap
from projections.runner import Runner
from projections.views import VIEWS
from tests.conftest import NewDatabase
from tests.integration.ledger import till
from tests.integration.ledger.audit.bookkeeper import ACCOUNTS, KEYS, archive, fill, run_verifier
from tests.integration.projections.walks import walk
from tests.programs import PROGRAM_ID, publish_program

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


def looking_back(asked: Instruction) -> Instruction:
    """Return the same, which needs what was before."""

    def decide(account: Any, *, history: list[Any] | None) -> Sequence[Any]:
        if history is None:
            raise HistoryNeeded
        return asked.decide(account)

    return replace(asked, decide=decide, looks_back=True)


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


def test_packs_are_not_believed(any_database: Database, tmp_path: Path) -> None:
    """Another blob in the place of one, or a pack that is another by now, is noticed, and segments are read instead."""
    fill(any_database)
    follow(any_database)
    positions = heads(any_database)
    before = everything(any_database, positions)
    removed(any_database, tmp_path)
    for pack in tmp_path.glob("*.pack"):
        blob = zlib.compress(msgspec.msgpack.encode([b'{"points":1}'] * 13))
        pack.write_bytes((len(blob).to_bytes(4) + blob) * 100)
    assert everything(any_database, positions) == before
    for pack in tmp_path.glob("*.pack"):
        pack.unlink()
    fill(any_database, 6, first=20)
    removed(any_database, tmp_path)  # its packs have the names of those that were deleted
    assert everything(any_database, positions) == before
    report = verify_ledger(any_database, KEYS, with_accounts=False)
    assert report.faults == []


def test_other_files_do_no_harm(database: Database, tmp_path: Path) -> None:
    """A copy of a segment that somebody made beside it is not read."""
    fill(database)
    removed(database, tmp_path)
    for file in tmp_path.glob("events-*"):
        shutil.copyfile(file, file.with_stem(file.stem + " (copy)"))
    for file in tmp_path.glob("states-*"):
        file.rename(file.with_stem(file.stem + " (copy)"))
    with database.poster() as poster:
        (replayed,) = poster.post([till.accrue(3, 100, "A2-3")])
    assert isinstance(replayed, Posted)
    fill(database, 1, first=10)
    assert removed(database, tmp_path) == 15


def test_a_segment_is_compared_with_what_left(any_database: Database, tmp_path: Path) -> None:
    """One that somebody wrote anew with other contents, or in other groups, gives no other event."""
    fill(any_database)
    removed(any_database, tmp_path)
    for pack in tmp_path.glob("*.pack"):
        pack.unlink()
    for file in tmp_path.glob("events-*.parquet"):
        table = pq.read_table(file)
        states = table["state"].to_pylist()
        shifted = pa.array([*states[1:], states[0]], pa.string())
        pq.write_table(table.set_column(5, table.schema.field("state"), shifted), file, row_group_size=10)
    forget()
    with any_database.poster() as poster:
        (refused,) = poster.post([till.accrue(3, 100, "A2-3")])
    assert isinstance(refused, ArchiveAway)
    assert "than the one that left" in refused.detail


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
    with any_database.poster() as poster:
        poster.post([till.accrue(5, 1, "there")])
        news, refused, other = poster.post(
            [till.accrue(3, 1, "another"), till.accrue(3, 100, "A2-3"), till.accrue(5, 1, "there")]
        )
        assert isinstance(news, Posted)
        assert isinstance(refused, ArchiveAway)
        assert refused.detail.startswith(f"Old events are in the archive {folder}, and ")
        assert refused.detail.endswith("khaywe audit moved.")
        assert isinstance(other, Posted)
        assert (news.replayed, other.replayed) == (False, True)
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


def test_what_looks_back_needs_the_archive(any_database: Database, tmp_path: Path) -> None:
    """Where it is away that is refused; what is carried out with it is done, and afterwards all of it."""
    fill(any_database)
    folder = tmp_path / "archive"
    removed(any_database, folder)
    folder.rename(tmp_path / "elsewhere")
    late = [looking_back(till.accrue(number, 7, f"late-{number}")) for number in (3, 4)]
    with any_database.poster() as poster:
        poster.post([till.open_account(80)])
        outcomes = poster.post(
            [late[0], looking_back(till.accrue(80, 7, "late-80")), till.accrue(4, 7, "new"), late[1]]
        )
        assert [isinstance(one, Posted) for one in outcomes] == [False, True, True, False]
        assert isinstance(outcomes[0], ArchiveAway)
        (tmp_path / "elsewhere").rename(folder)
        assert [isinstance(one, Posted) for one in poster.post(late)] == [True, True]


def test_accounts_without_a_snapshot_need_the_archive(any_database: Database, tmp_path: Path) -> None:
    """They alone are refused, and are not remembered as if they were empty."""
    fill(any_database)
    folder = tmp_path / "archive"
    removed(any_database, folder)
    folder.rename(tmp_path / "elsewhere")
    account = UUID(bytes=till.account_id(3))
    with any_database.connect_as_owner() as owner:
        owner.execute("DELETE FROM ledger.snapshots WHERE stream_id = %s", (account,))
    with any_database.poster() as poster:
        waiting = [poster.begin([till.accrue(number, 7, f"new-{number}")]) for number in (3, 4)]
        refused, done = [one.result()[0] for one in waiting]
        assert isinstance(refused, ArchiveAway)
        assert isinstance(done, Posted)
        (tmp_path / "elsewhere").rename(folder)
        (done,) = poster.post([till.accrue(3, 7, "new-3")])
        assert isinstance(done, Posted)
        refused, done = poster.post([till.redeem(3, 608, "too much"), till.redeem(3, 607, "all")])
        assert not isinstance(refused, Posted)
        assert isinstance(done, Posted)


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


REFERENCE = (
    "'\\x000001'::bytea || int4send(partition) || int8send(position) || int4send(1) || int8send(0) || int4send(0) || "
    "substring(sha256(state) FOR 16)"
)


@pytest.mark.parametrize(
    ("change", "position"),
    [
        ("state = '\\x00' || state", 80),  # nobody confirmed that it may go
        ("state = '{}'", 80),
        ("state = '{}'", 20),  # not what its link was taken over
        ("state = set_byte(state, 30, 7)", 20),
        ("topic = 'account.opened.v1'", 20),
        ("recorded_at = recorded_at + interval '1 day'", 20),
        (f"state = {REFERENCE}", 5),  # an account's first event stays
        (f"state = {REFERENCE}", 80),
        (f"state = {REFERENCE}", 20),  # it is one already
        ("state = decode(repeat('00', 47), 'hex'), version = version + 1000", 20),
    ],
)
def test_the_owner_can_change_nothing_else(owner: Connection[Any], change: str, position: int) -> None:
    """A state goes where somebody confirmed it, and comes back as it was; everything else is refused."""
    with pytest.raises(psycopg.errors.RestrictViolation, match="recorded facts never change"):
        owner.execute(f"UPDATE ledger.events SET {change} WHERE position = %s".encode(), (position,))


@pytest.mark.parametrize("wrong", ["position = 70", "sha256(state)", "int4send(partition)"])
def test_a_reference_says_which_state_left(owner: Connection[Any], wrong: str) -> None:
    """Where states may leave, nothing takes their place but a reference to this very one."""
    owner.execute("UPDATE ledger.removals SET position = 80")
    right = f"UPDATE ledger.events SET state = {REFERENCE} WHERE position = 70"
    changed = {
        "position = 70": "position = 71",
        "sha256(state)": "sha256(topic::bytea)",
        "int4send(partition)": "int4send(9)",
    }
    with pytest.raises(psycopg.errors.RestrictViolation, match="recorded facts never change"):
        owner.execute(right.replace(wrong, changed[wrong]).replace("int8send(position)", "int8send(70)").encode())
    owner.execute(right.encode())


def _lose(owner: Connection[Any]) -> None:
    owner.execute(f"UPDATE ledger.events SET state = {REFERENCE} WHERE position = 80".encode())


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


def test_more_than_was_confirmed_is_found(owner: Connection[Any], database: Database) -> None:
    """Who lets more go than somebody confirmed is told of, even before anything went."""
    assert verify_ledger(database, KEYS, with_accounts=False).faults == []
    owner.execute("UPDATE ledger.removals SET position = position + 5")
    (fault,) = verify_ledger(database, KEYS, with_accounts=False).faults
    assert (fault.position, "nobody has confirmed" in fault.reason) == (56, True)


def test_what_was_confirmed_stays_confirmed(owner: Connection[Any], database: Database, tmp_path: Path) -> None:
    """Confirmed again for less, to go on or out of another archive: it is on record, and takes nothing back."""
    with database.connect() as connection:
        event = BulkRemoved(2, {"0": 20}, {}, 3, "", "another", NOW)
        with database.poster() as poster:
            poster.post([on_record(event)])
        assert read_histories(connection, [archive_stream_id()], 1)[archive_stream_id()][1:] == [event]
        assert list(unconfirmed(connection, 1)) == []


def test_one_removes_at_a_time(owner: Connection[Any], database: Database) -> None:
    """Another is told, and leaves everything as it is."""
    with alone(owner), database.connect_as_owner() as other, pytest.raises(UnderWay), alone(other):
        pass
    with database.connect_as_owner() as other, alone(other):
        pass


def test_events_leave_while_they_are_verified(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is no fault."""
    monkeypatch.setattr("ledger.store.verify._PAGE_SIZE", 20)
    fill(database)
    with database.connect() as connection:
        verified = verify_chain(connection, 0)
        assert next(verified).position == 20
        removed(database, tmp_path)
        assert [one.position for one in verified][-1] == 100


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            "state = convert_to(replace(convert_from(state, 'UTF8'), ':600', ':900'), 'UTF8')",
            "not what the events give",
        ),
        ("state = '{'", "the snapshot of version 13 is not"),
        ("version = version + 1", "there is no such event"),
    ],
)
def test_a_changed_snapshot_is_found(database: Database, tmp_path: Path, change: str, told: str) -> None:
    """Posting begins with it, and looks at no event before it."""
    fill(database)
    removed(database, tmp_path)
    follow(database)
    assert verify_ledger(database, KEYS).faults == []
    account = UUID(bytes=till.account_id(4))
    with database.connect_as_owner() as owner:
        owner.execute(f"UPDATE ledger.snapshots SET {change} WHERE stream_id = %s".encode(), (account,))
    (fault,) = verify_ledger(database, KEYS).faults
    assert (fault.account_id, told in fault.reason) == (str(account), True), fault


def test_snapshots_are_what_the_events_give(any_database: Database, tmp_path: Path) -> None:
    """Whatever happened to accounts, programs and pools."""
    with any_database.poster() as poster:
        publish_program(poster)
        walk(poster, PROGRAM_ID, seed=11)
    removed(any_database, tmp_path)
    follow(any_database)
    assert verify_ledger(any_database, KEYS).faults == []
    assert count(any_database, "SELECT count(*) FROM ledger.snapshots") > 5


def test_what_sql_says(owner: Connection[Any]) -> None:
    """The log shows null; what cannot do without the state refuses, and says what to do."""
    shown = "SELECT state IS NULL FROM ledger.event_log WHERE position = %s"
    assert [owner.execute(shown, (at,)).fetchone() for at in (5, 20, 80)] == [(False,), (True,), (False,)]
    account = UUID(bytes=till.account_id(3))
    with pytest.raises(psycopg.errors.RaiseException, match="in an archive"):
        owner.execute("SELECT * FROM analytics.events_as_of_v1(%s, '2026-03-20', NULL)", (account,)).fetchall()
