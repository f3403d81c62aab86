"""``khaywe export``, ``khaywe verify-export`` and ``khaywe books estimate``."""

import json
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from khaywe.cli import app
from projections.runner import Runner
from projections.views import VIEWS
from tests.conftest import NewDatabase
from tests.databases import temporary_home
from tests.integration.projections.walks import walk
from tests.programs import PROGRAM_ID, publish_program

Khaywe = Callable[..., tuple[int, str, str]]


@pytest.fixture
def khaywe(new_database: NewDatabase) -> Iterator[Khaywe]:
    """Provide the command line on a ledger with some months of history."""
    database = new_database(1)
    with database.poster() as poster:
        publish_program(poster)
        walk(poster, PROGRAM_ID, 1, members=12, steps=100)
    with database.connect() as reader, database.connect_views() as writer:
        deque(Runner(reader, writer, list(VIEWS.values())).catch_up(), maxlen=0)
    with temporary_home() as home:

        def run(*arguments: str) -> tuple[int, str, str]:
            environ = {"KHAYWE_DATABASE_URL": database.owner_url, "KHAYWE_HOME": str(home)}
            with capture_logs():
                result = CliRunner().invoke(app, list(arguments), env=environ)
            return result.exit_code, result.stdout, result.stderr

        yield run


def test_a_view_is_exported_and_verified(khaywe: Khaywe, tmp_path: Path) -> None:
    """Exported, verified, changed and found out; without arguments, what there is."""
    file = tmp_path / "lots.parquet"
    code, told, _ = khaywe("export", "lots", str(file), "--program", PROGRAM_ID)
    assert code == 0
    assert "at position 0:" in told
    assert khaywe("verify-export", str(file))[0] == 0
    file.write_bytes(file.read_bytes()[:-1])
    code, _, complaint = khaywe("verify-export", str(file))
    assert code == 1
    assert "bytes" in complaint
    assert "lot_movements" in khaywe("export")[1]


def test_what_cannot_be_exported_is_told(khaywe: Khaywe, tmp_path: Path) -> None:
    """Another view, another ending, a folder that is not there: one line each."""
    for arguments in (("x", "x.parquet"), ("lots", "lots.csv"), ("lots", "nowhere/lots.parquet")):
        code, _, complaint = khaywe("export", arguments[0], str(tmp_path / arguments[1]))
        assert (code, len(complaint.strip().splitlines())) == (1, 1)
    assert not list(tmp_path.iterdir())


def test_an_estimate_is_a_file_that_can_be_made_again(khaywe: Khaywe, tmp_path: Path) -> None:
    """The proposal names what it rests on, and the same ledger gives the same bytes."""
    files = [tmp_path / "once.json", tmp_path / "again.json"]
    for file in files:
        code, told, complaint = khaywe(
            *("books", "estimate", "--program", PROGRAM_ID, "--file", str(file), "--tail", "none", "--hold-out", "2")
        )
        assert code == 0, complaint
        assert "back-test: 2 months held out" in told
    assert files[0].read_bytes() == files[1].read_bytes()
    proposal = json.loads(files[0].read_text("utf-8"))
    assert (proposal["program_id"], proposal["point_currency"]) == (PROGRAM_ID, "points")
    assert proposal["as_at"][0].startswith("0:")
    assert all(0 <= float(cohort["ultimate_redemption_rate"]) <= 1 for cohort in proposal["cohorts"])
    code, _, complaint = khaywe("books", "estimate", "--program", PROGRAM_ID, "--through", "November")
    assert (code, "looks like 2026-11" in complaint) == (1, True)
