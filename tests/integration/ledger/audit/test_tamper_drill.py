"""
The drill: somebody who can do everything changes what was recorded. Each attack is found, and where it began.

On the database as a superuser whose session fires no trigger; on an archive with the bytes of its files. What is
re-chained as a whole agrees with itself, so it takes a checkpoint that was kept elsewhere.
"""

import json
import subprocess
from collections import deque
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace
from psycopg import Connection

from khaywe.auditing import Report, verify_ledger
from khaywe.auditing.archived import verify_archived
from khaywe.embedded._binaries import programs_folder
from khaywe.wiring import Database
from ledger.archive.segments import new_segment, records
from ledger.audit import exporting, ranges
from ledger.audit.manifest import Segment, read_manifest, write_manifest
from ledger.merkle import Frontier, leaf
from ledger.store.chain import GENESIS, link, microseconds, row
from projections.refolding import comparing
from projections.runner import Runner
from projections.views import VIEWS
from tests.databases import Databases
from tests.integration.ledger import till
from tests.integration.ledger.audit.bookkeeper import KEYS, archive, checkpoint, fill, run_verifier
from tests.integration.projections.walks import walk
from tests.programs import PROGRAM_ID, publish_program

_ROW = "partition, position, uuid_send(stream_id), version, topic, state, recorded_at"

Attack = Callable[[Connection[Any]], None]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a small ledger have several ranges, slices and segments."""
    monkeypatch.setattr(ranges, "_SMALLEST", 10)
    monkeypatch.setattr(ranges, "RANGE_SIZE", 40)
    monkeypatch.setattr(comparing, "SLICE_SIZE", 30)
    monkeypatch.setattr(exporting, "SEGMENT_SIZE", 30)


@pytest.fixture(scope="module")
def ledger(databases: Databases) -> Iterator[tuple[Database, bytes, bytes]]:
    """Provide a ledger of one partition, and two checkpoints of it that were kept elsewhere."""
    database = databases.create()
    fill(database)
    checkpoint(database)
    fill(database, 2, first=10)
    checkpoint(database)
    fill(database, 2, first=20)
    with database.connect() as connection:
        kept = [row[0] for row in connection.execute("SELECT envelope FROM audit.checkpoints ORDER BY number")]
    yield database, kept[0], kept[1]
    databases.drop(database.owner_url)


FIRST, SECOND = 100, 130
"""Where the checkpoints end."""


def attack_edit(connection: Connection[Any]) -> None:
    """A redemption becomes cheaper."""
    connection.execute(
        "UPDATE ledger.events SET state = convert_to(replace(convert_from(state, 'UTF8'), '30', '10'), 'UTF8') "
        "WHERE position = 37"
    )


def attack_delete(connection: Connection[Any]) -> None:
    """An event goes."""
    connection.execute("DELETE FROM ledger.events WHERE position = 37")


def attack_swap(connection: Connection[Any]) -> None:
    """Two events change places."""
    for old, new in ((37, -1), (38, 37), (-1, 38)):
        connection.execute("UPDATE ledger.events SET position = %s WHERE position = %s", (new, old))


def attack_insert(connection: Connection[Any]) -> None:
    """An event is put in between, and everything behind it is moved up."""
    connection.execute("UPDATE ledger.events SET position = -position - 1 WHERE position >= 37")
    connection.execute("UPDATE ledger.events SET position = -position WHERE position < 0")
    connection.execute(
        "INSERT INTO ledger.events SELECT partition, 37, stream_id, 99, topic, state, recorded_at, hash "
        "FROM ledger.events WHERE position = 36"
    )
    connection.execute("UPDATE ledger.heads SET position = position + 1")


def attack_truncate(connection: Connection[Any]) -> None:
    """The end is cut off, with the head: what is left agrees with itself."""
    connection.execute("DELETE FROM ledger.events WHERE position > 111")
    rechain(connection, 111)


def attack_rewrite(connection: Connection[Any]) -> None:
    """An event is changed, and every link from there on is computed anew."""
    connection.execute(
        "UPDATE ledger.events SET state = "
        "convert_to(replace(convert_from(state, 'UTF8'), '\"points\":30', '\"points\":10'), 'UTF8') "
        "WHERE position = 113"
    )
    rechain(connection, 112)


def rechain(connection: Connection[Any], after: int) -> None:
    """Do what the ledger does, for everything behind a position."""
    found = connection.execute("SELECT hash FROM ledger.events WHERE position = %s", (after,)).fetchone()
    previous = found[0] if found else GENESIS
    events = connection.execute(
        f"SELECT {_ROW} FROM ledger.events WHERE position > %s ORDER BY position".encode(), (after,)
    ).fetchall()
    for partition, position, stream_id, version, topic, state, recorded_at in events:
        event = (stream_id, version, topic.encode(), state)
        previous = link(previous, row(partition, position, event, microseconds(recorded_at)))
        connection.execute("UPDATE ledger.events SET hash = %s WHERE position = %s", (previous, position))
    connection.execute(
        "UPDATE ledger.heads AS h SET position = e.position, hash = e.hash, recorded_at = e.recorded_at "
        "FROM (SELECT * FROM ledger.events ORDER BY position DESC LIMIT 1) AS e"
    )


def attacked(databases: Databases, ledger: Database, attack: Attack) -> Database:
    """Return a copy of a ledger after an attack."""
    copy = copy_of(databases, ledger)
    with copy.connect_as_owner() as owner:
        owner.execute("SET session_replication_role = replica")
        attack(owner)
    return copy


def copy_of(databases: Databases, ledger: Database) -> Database:
    """Dump a ledger with pg_dump, and restore it."""
    url = databases.create_empty()
    folder = programs_folder()
    dumped = subprocess.run([str(folder / "pg_dump"), "-Fc", ledger.owner_url], check=True, capture_output=True)
    command = [str(folder / "pg_restore"), "--no-owner", "--clean", "--if-exists", "-d", url]
    subprocess.run(command, check=True, input=dumped.stdout, capture_output=True)
    return Database(url, ledger.partition_count)


def verified(database: Database, *anchors: bytes) -> Report:
    """Verify the chain, with what is stored of checkpoints only if it can be trusted."""
    return verify_ledger(database, KEYS, anchors, with_accounts=False)


@pytest.mark.parametrize(
    ("attack", "position", "reason"),
    [
        (attack_edit, 37, "do not match"),
        (attack_delete, 37, "the event is missing"),
        (attack_swap, 37, "do not match"),
        (attack_insert, 37, "do not match"),
    ],
)
def test_the_chain_finds_it(
    databases: Databases, ledger: tuple[Database, bytes, bytes], attack: Attack, position: int, reason: str
) -> None:
    """Without any checkpoint, at the very position."""

    def and_forget(connection: Connection[Any]) -> None:
        attack(connection)
        connection.execute("TRUNCATE audit.checkpoints")

    report = verified(attacked(databases, ledger[0], and_forget))
    assert report.first_fault is not None
    assert (report.first_fault.partition, report.first_fault.position) == (0, position)
    assert reason in report.first_fault.reason


@pytest.mark.parametrize("attack", [attack_truncate, attack_rewrite])
@pytest.mark.parametrize("keeps_stored", [True, False])
def test_a_checkpoint_finds_it(
    databases: Databases, ledger: tuple[Database, bytes, bytes], attack: Attack, *, keeps_stored: bool
) -> None:
    """What agrees with itself does not agree with what was signed: with the stored one, or one that was kept."""

    def and_forget(connection: Connection[Any]) -> None:
        attack(connection)
        if not keeps_stored:
            connection.execute("TRUNCATE audit.checkpoints")

    copy = attacked(databases, ledger[0], and_forget)
    if not keeps_stored:
        assert verified(copy).is_whole
    _, first, second = ledger
    report = verified(copy, *(() if keeps_stored else (first, second)))
    assert report.first_fault is not None
    assert report.first_fault.partition == 0
    if attack is attack_truncate:
        assert report.first_fault.position == 112
        assert "the ledger ends here, and checkpoint 2 goes on to position 130" in report.first_fault.reason
    else:
        # Peaks of 130 events end at 128 and 130; the first checkpoint agrees up to 100.
        assert report.first_fault.position == FIRST + 1
        assert "between here and position 128 is not the one that checkpoint 2 signed" in report.first_fault.reason


def test_what_is_whole_agrees(ledger: tuple[Database, bytes, bytes]) -> None:
    """The checkpoints end where they were taken, and the untouched ledger agrees with both."""
    database, first, second = ledger
    report = verified(database, first, second)
    assert (report.is_whole, report.checkpoints) == (True, [1, 2])
    assert report.partitions[0].event_count == SECOND + 30


def test_a_forged_checkpoint_is_found(databases: Databases, ledger: tuple[Database, bytes, bytes]) -> None:
    """Who replaces the stored checkpoint cannot sign it."""

    def forge(connection: Connection[Any]) -> None:
        attack_rewrite(connection)
        connection.execute(
            "UPDATE audit.checkpoints SET envelope = "
            "convert_to(replace(convert_from(envelope, 'UTF8'), 'eyJudW', 'eyJudX'), 'UTF8') WHERE number = 2"
        )

    report = verified(attacked(databases, ledger[0], forge))
    assert not report.is_whole
    assert "cannot be trusted" in report.faults[0].reason


def test_checkpoints_are_immutable(ledger: tuple[Database, bytes, bytes]) -> None:
    """For the owner too, as long as triggers fire."""
    with ledger[0].connect_as_owner() as owner:
        for statement in (
            "UPDATE audit.checkpoints SET number = 9",
            "DELETE FROM audit.checkpoints",
            "TRUNCATE audit.checkpoints",
        ):
            with pytest.raises(psycopg.errors.RestrictViolation):
                owner.execute(statement.encode())


def test_a_restored_dump_has_the_same_roots(databases: Databases, ledger: tuple[Database, bytes, bytes]) -> None:
    """pg_dump and pg_restore carry every byte."""
    database, first, second = ledger
    copy = copy_of(databases, database)
    assert verified(copy, first, second).is_whole
    assert checkpoint(copy).trees == checkpoint(database).trees
    # So that the shared ledger's checkpoints stay those that the tests know.
    with database.connect_as_owner() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("DELETE FROM audit.checkpoints WHERE number > 2")


# An archive: the same attacks on its files.

Records = list[tuple[bytes, bytes]]


def load(folder: Path) -> Records:
    """Return every record of an archive of one partition."""
    return [one for segment in read_manifest(folder).segments for one in records(folder / segment.file)]


def store(folder: Path, changed: Records) -> None:
    """Write an archive anew as whoever changed it would: one segment, and everything in the manifest adapted to it."""
    manifest = read_manifest(folder)
    name = manifest.segments[0].file
    for segment in manifest.segments:
        (folder / segment.file).unlink()
    with new_segment(folder / name) as segment_file:
        for record in changed:
            segment_file.add(*record)
    frontier = Frontier()
    for _, one in changed:
        frontier.add(leaf(one))
    digest = sha256((folder / name).read_bytes()).hexdigest()
    last_link = changed[-1][1].hex()
    segments = (Segment(name, 0, 1, len(changed), GENESIS.hex(), last_link, digest),)
    peaks = tuple(peak.hex() for peak in frontier.peaks)
    span = replace(manifest.spans[0], last=len(changed), last_link=last_link, end_peaks=peaks)
    write_manifest(folder, replace(manifest, segments=segments, spans=(span,)))


def rechained(changed: Records, after: int) -> Records:
    """Compute links anew from a position on."""
    previous = changed[after - 1][1] if after else GENESIS
    found = changed[:after]
    for row_, _ in changed[after:]:
        previous = link(previous, row_)
        found.append((row_, previous))
    return found


def edited(all_: Records, index: int) -> Records:
    """Change a number in an event."""
    row_, link_ = all_[index]
    assert b'"points":30' in row_
    return [*all_[:index], (row_.replace(b'"points":30', b'"points":10'), link_), *all_[index + 1 :]]


ON_FILES: dict[str, tuple[Callable[[Records], Records], int, str]] = {
    "edit": (lambda all_: edited(all_, 36), 37, "do not match"),
    "delete": (lambda all_: [*all_[:36], *all_[37:]], 37, "says that it is 0:38"),
    "swap": (lambda all_: [*all_[:36], all_[37], all_[36], *all_[38:]], 37, "says that it is 0:38"),
    "insert": (lambda all_: [*all_[:36], all_[35], *all_[36:]], 37, "says that it is 0:36"),
    "truncate": (lambda all_: all_[:111], 1, "not the ones that the checkpoint signed"),
    "rewrite": (lambda all_: rechained(edited(all_, 112), 112), 1, "not the one that checkpoint 3 signed"),
}
WITH_ANCHORS = {
    "truncate": (112, "the archive ends here, and checkpoint 2 goes on to position 130"),
    "rewrite": (FIRST + 1, "between here and position 128 is not the one that checkpoint 2 signed"),
}


@pytest.mark.parametrize("name", ON_FILES)
def test_archive_is_attacked(
    databases: Databases, ledger: tuple[Database, bytes, bytes], tmp_path: Path, name: str
) -> None:
    """Our code and the script find the same, at the same position; with checkpoints that were kept, more closely."""
    database = copy_of(databases, ledger[0])
    archive(database, tmp_path)
    kept = []
    for number, envelope in enumerate(ledger[1:], 1):
        (tmp_path / f"kept-{number}.json").write_bytes(envelope)
        kept += ["--checkpoint", f"kept-{number}.json"]
    assert run_verifier(tmp_path, *kept)[0] == 0
    assert verify_archived(tmp_path, KEYS, ledger[1:]).is_whole
    change, position, reason = ON_FILES[name]
    store(tmp_path, change(load(tmp_path)))
    _is_found(tmp_path, [], (), position, reason)
    position, reason = WITH_ANCHORS.get(name, (position, reason))
    _is_found(tmp_path, kept, ledger[1:], position, reason)


def _is_found(folder: Path, kept: list[str], anchors: tuple[bytes, ...], position: int, reason: str) -> None:
    fault = verify_archived(folder, KEYS, anchors).first_fault
    assert fault is not None
    assert (fault.partition, fault.position) == (0, position)
    assert reason in fault.reason
    code, told = run_verifier(folder, *kept)
    assert code == 1
    assert told.startswith(f"FAIL\nPartition 0, position {position}: ")
    assert reason in told


def test_a_file_of_an_archive_is_cut_off(database: Database, tmp_path: Path) -> None:
    """It cannot even be read."""
    fill(database)
    archive(database, tmp_path)
    file = tmp_path / read_manifest(tmp_path).segments[1].file
    file.write_bytes(file.read_bytes()[:-20])
    assert "cannot be read" in verify_archived(tmp_path, KEYS).faults[0].reason
    assert run_verifier(tmp_path)[0] == 2


def test_a_signature_of_an_archive_is_changed(database: Database, tmp_path: Path) -> None:
    """The script verifies Ed25519 by itself."""
    fill(database)
    archive(database, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    signature = manifest["checkpoint"]["signatures"][0]["sig"]
    manifest["checkpoint"]["signatures"][0]["sig"] = ("A" if signature[0] != "A" else "B") + signature[1:]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    assert run_verifier(tmp_path) == (1, "FAIL\nNone of the keys signed the checkpoint.\n")
    assert "None of the keys" in verify_archived(tmp_path, KEYS).faults[0].reason


# Accounts.


@pytest.fixture
def walked(any_database: Database) -> Database:
    """Provide accounts to which everything has happened, and views that show it."""
    with any_database.poster() as poster:
        publish_program(poster)
        walk(poster, PROGRAM_ID, seed=7)
    with any_database.connect() as reader, any_database.connect_views() as writer:
        deque(Runner(reader, writer, list(VIEWS.values())).catch_up(), maxlen=0)
    return any_database


def test_accounts_are_folded_anew(walked: Database, tmp_path: Path) -> None:
    """Whatever happened to them, the laws hold and views show what the events give; out of an archive as well."""
    report = verify_ledger(walked, KEYS)
    assert (report.is_whole, report.faults) == (True, [])
    assert report.accounts is not None
    assert report.accounts.event_count == len(till.log_of(walked))
    archive(walked, tmp_path)
    assert verify_archived(tmp_path, KEYS).accounts == report.accounts


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE views.balances SET accrued_points = accrued_points + 1 WHERE ctid = {}", "the view balances shows"),
        ("UPDATE views.lots SET open_points = open_points + 1 WHERE ctid = {} ", "the view lots"),
        ("DELETE FROM views.lots WHERE ctid = {}", "the view lots does not show lot"),
    ],
)
def test_a_changed_view_is_found(walked: Database, statement: str, told: str) -> None:
    """It is named with its account."""
    table = "lots" if "views.lots" in statement else "balances"
    one = f"(SELECT ctid FROM views.{table} WHERE {'open_points > 0' if table == 'lots' else 'TRUE'} LIMIT 1)"
    with walked.connect_as_owner() as owner:
        owner.execute(statement.format(one).encode())
    report = verify_ledger(walked, KEYS)
    assert [told in fault.reason for fault in report.faults] == [True]
    assert len(report.faults[0].account_id) == 36


def test_a_balance_that_was_forged_consistently_is_found(database: Database) -> None:
    """An event whose figures contradict each other breaks a law of the books, though the chain was made anew."""
    fill(database)
    with database.connect_as_owner() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(
            "UPDATE ledger.events SET state = convert_to(regexp_replace(convert_from(state, 'UTF8'), "
            "'\"points\":30', '\"points\":10'), 'UTF8') WHERE position = 25"
        )
        rechain(owner, 24)
    with database.connect() as reader, database.connect_views() as writer:
        deque(Runner(reader, writer, list(VIEWS.values())).catch_up(), maxlen=0)
    report = verify_ledger(database, KEYS)
    assert not report.is_whole
    assert report.partitions[0].last_link
    assert "are not the balance" in report.faults[0].reason
