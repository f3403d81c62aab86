"""The commands of an auditor: checkpoints, archives, restoring, and verifying with a report that programs read."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from khaywe.cli import app
from khaywe.wiring import Database
from ledger.archive.packs import states_of_blob
from ledger.archive.segments import states_of_group
from tests.databases import temporary_home
from tests.integration.ledger.audit.bookkeeper import fill

Khaywe = Callable[..., tuple[int, str, str]]


@pytest.fixture
def khaywe() -> Iterator[Khaywe]:
    """Provide the command line, with a home that has a signing key of its own."""
    with temporary_home() as home:

        def run(url: str, *arguments: str) -> tuple[int, str, str]:
            with capture_logs():
                result = CliRunner().invoke(app, arguments, env={"KHAYWE_DATABASE_URL": url, "KHAYWE_HOME": str(home)})
            return result.exit_code, result.stdout, result.stderr

        yield run


def report_of(khaywe: Khaywe, url: str, *arguments: str) -> Any:
    """Verify, and return the report."""
    code, output, told = khaywe(url, "audit", "verify", "--json", *arguments)
    report = json.loads(output)
    assert (code, told) == (0 if report["is_whole"] else 1, "")
    return report


def test_from_checkpoint_to_restored_ledger(
    any_database: Database, empty_url: str, khaywe: Khaywe, tmp_path: Path
) -> None:
    """Take, keep, export, verify without us, restore, and verify against what was kept."""
    url = any_database.owner_url
    fill(any_database)
    assert khaywe(url, "audit", "checkpoint", "take")[1].startswith("checkpoint 1, ")
    kept, folder = tmp_path / "kept.json", tmp_path / "archive"
    assert khaywe(url, "audit", "checkpoint", "export", "-o", str(kept)) == (0, "", "")
    fill(any_database, 1, first=10)
    code, output, told = khaywe(url, "audit", "export", str(folder))
    assert (code, told) == (0, "")
    assert f"python3 {folder / 'verify_archive.py'}" in output
    assert [line.split(",")[0] for line in khaywe(url, "audit", "checkpoint", "list")[1].splitlines()] == [
        "checkpoint 2",
        "checkpoint 1",
    ]
    command = [sys.executable, "-I", str(folder / "verify_archive.py"), "--checkpoint", str(kept)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.startswith("PASS\n")
    archived = report_of(khaywe, url, "--archive", str(folder), "--checkpoint", str(kept))
    assert (archived["is_whole"], archived["checkpoints"]) == (True, [1])
    assert archived["accounts"]["event_count"] == 115
    code, output, told = khaywe(empty_url, "audit", "restore", str(folder))
    assert (code, told) == (0, "")
    assert "Restored 115 events." in output
    assert khaywe(empty_url, "audit", "restore", str(folder))[0] == 1
    restored = report_of(khaywe, empty_url, "--checkpoint", str(kept))
    assert restored["is_whole"]
    assert restored["partitions"] == report_of(khaywe, url, "--checkpoint", str(kept))["partitions"]


def test_report_names_the_first_bad_position(database: Database, khaywe: Khaywe) -> None:
    """What is wrong, where, and everything else that was looked at."""
    fill(database)
    whole = report_of(khaywe, database.owner_url)
    assert (whole["is_whole"], whole["first_fault"], whole["faults"]) == (True, None, [])
    assert whole["accounts"] == {"stream_count": 10, "event_count": 100}
    assert {view["is_equal"] for view in whole["views"]} == {True}
    with database.connect_as_owner() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE ledger.events SET topic = 'other' WHERE position IN (70, 30)")
    broken = report_of(khaywe, database.owner_url)
    assert broken["first_fault"] == {
        "partition": 0,
        "position": 30,
        "reason": "the event or its link was changed: they do not match",
        "account_id": "",
    }
    assert (broken["accounts"], broken["views"]) == (None, [])


def test_many_events_are_verified_by_several_processes(
    database: Database, khaywe: Khaywe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They find what one finds."""
    monkeypatch.setattr("khaywe.auditing.verifying._ALONE", 0)
    fill(database)
    assert khaywe(database.owner_url, "audit", "checkpoint", "take")[0] == 0
    report = report_of(khaywe, database.owner_url)
    assert (report["is_whole"], report["checkpoints"], report["accounts"]["event_count"]) == (True, [1], 100)
    with database.connect_as_owner() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("DELETE FROM ledger.events WHERE position = 42")
    assert report_of(khaywe, database.owner_url)["first_fault"]["position"] == 42


def test_what_is_no_checkpoint(database: Database, khaywe: Khaywe, tmp_path: Path) -> None:
    """It is told in one line."""
    (tmp_path / "x.json").write_text("{")
    code, _, told = khaywe(database.owner_url, "audit", "verify", "--checkpoint", str(tmp_path / "x.json"))
    assert (code, told) == (1, f"khaywe: {tmp_path / 'x.json'} is no checkpoint.\n")
    assert khaywe(database.owner_url, "audit", "checkpoint", "export")[0] == 1
    assert khaywe(database.owner_url, "audit", "verify", "--archive", str(tmp_path))[0] == 1


def test_bulk_leaves_and_comes_back(database: Database, khaywe: Khaywe, tmp_path: Path) -> None:
    """Only when somebody names the number; told where it is; told when it moved; and all of it verifies."""
    url, folder, elsewhere = database.owner_url, tmp_path / "archive", tmp_path / "elsewhere"
    fill(database)
    assert "manifest.json cannot be read" in khaywe(url, "audit", "remove", str(tmp_path))[2]
    khaywe(url, "audit", "export", str(folder))
    code, output, told = khaywe(url, "audit", "remove", str(folder))
    assert (code, "90 events have" in output) == (1, True)
    assert "with --confirm 90 it is done" in told
    assert "91 is not 90; nothing was removed" in khaywe(url, "audit", "remove", str(folder), "--confirm", "91")[2]
    code, output, told = khaywe(url, "audit", "remove", str(folder), "--confirm", "90")
    assert (code, told) == (0, "")
    assert "Removed the bulk of 90 events; what they were is in archive 1." in output
    assert "There is nothing to remove." in khaywe(url, "audit", "remove", str(folder))[1]
    assert report_of(khaywe, url)["is_whole"]
    assert f"archive 1: {folder}\n" in khaywe(url, "audit", "archives")[1]
    folder.rename(elsewhere)
    states_of_blob.cache_clear()  # another process would not know it
    states_of_group.cache_clear()
    assert f"archive 1: {folder} - cannot be read here\n" in khaywe(url, "audit", "archives")[1]
    code, output, told = khaywe(url, "audit", "return")
    assert (code, "khaywe audit moved" in told) == (1, True)
    assert khaywe(url, "audit", "moved", "2", str(elsewhere))[2].startswith("khaywe: There is no archive 2")
    assert khaywe(url, "audit", "moved", "1", str(elsewhere))[0] == 0
    assert "Brought back 90 events" in khaywe(url, "audit", "return")[1]
    report = report_of(khaywe, url)
    assert (report["is_whole"], report["partitions"][0]["event_count"]) == (True, 102)


def test_only_what_was_recorded_before(database: Database, khaywe: Khaywe, tmp_path: Path) -> None:
    """Younger events stay whole; an archive of a part, or of another ledger, removes nothing."""
    url, whole, part = database.owner_url, tmp_path / "whole", tmp_path / "part"
    fill(database)
    with database.connect() as connection:
        row = connection.execute("SELECT recorded_at FROM ledger.events WHERE position = 50").fetchone()
    assert row is not None
    khaywe(url, "audit", "export", str(whole))
    khaywe(url, "audit", "export", str(part), "--from", row[0].isoformat())
    assert "begins in the middle" in khaywe(url, "audit", "remove", str(part))[2]
    told = khaywe(url, "audit", "remove", str(whole), "--before", row[0].isoformat())[2]
    count = int(told.split("--confirm ")[1].split()[0])
    assert 0 < count < 90
    assert khaywe(url, "audit", "remove", str(whole), "--before", row[0].isoformat(), "--confirm", str(count))[0] == 0
    with database.connect() as connection:
        query = "SELECT max(position) < 50 FROM ledger.events WHERE ledger.is_reference_v1(state)"
        assert connection.execute(query.encode()).fetchone() == (True,)
    segment = next(whole.glob("events-*.parquet"))
    content = segment.read_bytes()
    segment.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    assert "is not the file that was exported" in khaywe(url, "audit", "remove", str(whole), "--confirm", "1")[2]
