"""Archives: what is exported verifies without us, goes on where it ended, and is restored byte for byte."""

import base64
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from khaywe.wiring import Database
from ledger.audit import exporting
from ledger.audit.exporting import Window, export_archive
from ledger.audit.manifest import read_manifest
from ledger.audit.restoring import NotRestorable, restore_archive
from ledger.audit.storing import checkpoints
from ledger.audit.verifying import verify_archive
from ledger.signing import NotSigned, new_private_key
from tests.conftest import NewDatabase
from tests.integration.ledger import till
from tests.integration.ledger.audit.bookkeeper import KEYRING, KEYS, NOW, archive, checkpoint, fill, run_verifier


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an archive have several segments in each partition."""
    monkeypatch.setattr(exporting, "SEGMENT_SIZE", 17)


def rows_of(database: Database) -> list[tuple[object, ...]]:
    """Return everything that the ledger holds."""
    with database.connect() as connection:
        return [
            row
            for table in ("events", "receipts", "heads")
            for row in connection.execute(f"SELECT * FROM ledger.{table} ORDER BY 1, 2, 3".encode()).fetchall()
        ]


def test_an_archive_verifies(any_database: Database, tmp_path: Path) -> None:
    """With our code, and with the script beside it, which needs nothing of ours."""
    fill(any_database)
    archive(any_database, tmp_path)
    assert [(one.partition, one.position) for one in verify_archive(tmp_path, KEYS)] == [
        (one.partition, one.position) for one in till.log_of(any_database)
    ]
    code, told = run_verifier(tmp_path)
    assert (code, told[:5]) == (0, "PASS\n"), told
    assert checkpoint(any_database).root in told
    code, told = run_verifier(tmp_path, "--key", KEYRING.published[0].public_base64)
    assert (code, "that was given" in told) == (0, True)


def test_an_archive_goes_on(any_database: Database, tmp_path: Path) -> None:
    """Exported again, it has what came since; its old segments stay as they are."""
    fill(any_database)
    archive(any_database, tmp_path)
    before = read_manifest(tmp_path)
    archive(any_database, tmp_path)
    assert read_manifest(tmp_path) == before
    fill(any_database, 3, first=10)
    archive(any_database, tmp_path)
    after = read_manifest(tmp_path)
    assert [one for one in after.segments if one in before.segments] == list(before.segments)
    assert len(list(verify_archive(tmp_path, KEYS))) == len(till.log_of(any_database))
    assert run_verifier(tmp_path)[0] == 0


def test_an_interrupted_export_goes_on(any_database: Database, tmp_path: Path) -> None:
    """What was written is kept; until it is complete, it does not verify."""
    fill(any_database)

    class Killed(Exception):
        pass

    def stop(_: object) -> None:
        raise Killed

    for _ in range(2):
        with any_database.connect() as connection, pytest.raises(Killed):
            export_archive(connection, KEYRING, tmp_path, NOW, on_progress=stop)
    assert len(read_manifest(tmp_path).segments) == 2
    shutil.copyfile(exporting.VERIFIER, tmp_path / "verify_archive.py")
    assert run_verifier(tmp_path) == (1, "FAIL\nThe export did not come to its end; run it again.\n")
    archive(any_database, tmp_path)
    assert run_verifier(tmp_path)[0] == 0


def test_what_a_kill_leaves_behind_is_removed(
    any_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A segment that no manifest names would tell its events twice to whoever reads all segments of the folder."""
    fill(any_database, 1)
    with monkeypatch.context() as patch, any_database.connect() as connection:
        patch.setattr(exporting, "write_manifest", _killed)
        with pytest.raises(KeyboardInterrupt):
            export_archive(connection, KEYRING, tmp_path, NOW)
    left = {file.name for file in tmp_path.glob("events-*")}
    assert len(left) == 1
    monkeypatch.setattr(exporting, "SEGMENT_SIZE", 1_000)
    fill(any_database, 1, first=10)
    archive(any_database, tmp_path)
    named = {one.file for one in read_manifest(tmp_path).segments}
    assert {file.name for file in tmp_path.glob("events-*")} == named
    assert not left & named


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_archive_of_a_window(any_database: Database, tmp_path: Path) -> None:
    """It proves that its events are a part of what the checkpoint signed, though it does not have the rest."""
    fill(any_database)
    middle = datetime.now(UTC)
    fill(any_database, 3, first=10)
    later = datetime.now(UTC)
    fill(any_database, 3, first=20)
    with any_database.connect() as connection:
        export_archive(connection, KEYRING, tmp_path, NOW, Window(middle, later))
        row = connection.execute(
            "SELECT count(*) FROM ledger.events WHERE recorded_at >= %s AND recorded_at < %s", (middle, later)
        ).fetchone()
    assert row is not None
    assert len(list(verify_archive(tmp_path, KEYS))) == row[0] == 45
    code, told = run_verifier(tmp_path)
    assert code == 0, told
    with any_database.connect() as connection, pytest.raises(ValueError, match="begins where it begins"):
        export_archive(connection, KEYRING, tmp_path, NOW, Window(middle))


def test_an_archive_of_another_ledger_is_not_continued(new_database: NewDatabase, tmp_path: Path) -> None:
    """The folder is left as it was."""
    one, other = new_database(1), new_database(1)
    fill(one)
    fill(other)
    archive(one, tmp_path)
    with pytest.raises(ValueError, match="of another ledger"):
        archive(other, tmp_path)
    assert run_verifier(tmp_path)[0] == 0


def test_only_trusted_keys_count(database: Database, tmp_path: Path) -> None:
    """An archive that somebody else signed is none of this ledger."""
    fill(database)
    archive(database, tmp_path)
    stranger = new_private_key().public_key()
    with pytest.raises(NotSigned):
        list(verify_archive(tmp_path, [stranger]))
    given = base64.b64encode(stranger.public_bytes_raw()).decode()
    assert run_verifier(tmp_path, "--key", given) == (1, "FAIL\nNone of the keys signed the checkpoint.\n")


@pytest.mark.parametrize("partition_count", [1, 4])
def test_restoring_gives_the_same_ledger(new_database: NewDatabase, tmp_path: Path, partition_count: int) -> None:
    """Positions, bytes, links, heads and receipts are the same; so are the roots, and what comes next."""
    original, restored = new_database(partition_count), new_database(partition_count)
    fill(original)
    archive(original, tmp_path)
    with restored.connect_as_owner() as owner:
        assert list(restore_archive(owner, tmp_path, KEYS))[-1] == len(till.log_of(original))
    assert rows_of(restored) == rows_of(original)
    assert checkpoint(restored).trees == checkpoint(original).trees
    before = till.balance(restored, 0)
    fill(restored)  # the same requests again: they are known
    assert till.balance(restored, 0) == before
    fill(restored, 1, first=50)
    assert till.balance(restored, 0) == before + 70


def test_only_an_empty_ledger_is_restored_into(new_database: NewDatabase, tmp_path: Path) -> None:
    """Nor one with another number of partitions, nor from an archive that begins later."""
    original, other, empty = new_database(1), new_database(4), new_database(1)
    fill(original)
    archive(original, tmp_path / "whole")
    for target, reason in ((original, "not empty"), (other, "1 partition")):
        with target.connect_as_owner() as owner, pytest.raises(NotRestorable, match=reason):
            list(restore_archive(owner, tmp_path / "whole", KEYS))
    with original.connect() as connection:
        since = connection.execute("SELECT recorded_at FROM ledger.events WHERE position = 90").fetchone()
        assert since is not None
        export_archive(connection, KEYRING, tmp_path / "part", NOW + timedelta(1), Window(since[0]))
    with empty.connect_as_owner() as owner, pytest.raises(NotRestorable, match="in the middle"):
        list(restore_archive(owner, tmp_path / "part", KEYS))
    assert till.log_of(empty) == []


def test_checkpoints_are_in_order(any_database: Database) -> None:
    """Each names the document of the one before."""
    fill(any_database)
    first = checkpoint(any_database)
    fill(any_database, 1, first=30)
    second = checkpoint(any_database)
    with any_database.connect() as connection:
        assert [one.checkpoint for one in checkpoints(connection, KEYS)] == [second, first]
    assert (first.previous, len(second.previous)) == ("", 64)
