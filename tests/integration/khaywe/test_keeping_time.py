"""``khaywe run`` and ``khaywe runs``."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from khaywe.cli import app
from khaywe.wiring import Database
from tests.databases import temporary_home
from tests.integration.workers.members import prepare, topics
from workers.jobs import JOBS
from workers.leases import Lease


def khaywe(database: Database, *arguments: str) -> tuple[int, str, str]:
    """Run a command on a database; gives its exit code, and what it wrote to standard output and standard error."""
    with temporary_home() as home, capture_logs():
        environ = {"KHAYWE_DATABASE_URL": database.owner_url, "KHAYWE_HOME": str(home)}
        result = CliRunner().invoke(app, arguments, env=environ)
        return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def ledger(any_database: Database) -> Database:
    """Provide three members whose points have lapsed."""
    prepare(any_database, 3, datetime(2025, 9, 1, 12, tzinfo=UTC))
    return any_database


def test_a_job_is_run_for_a_moment(ledger: Database) -> None:
    """It says what it did; the history shows it, and for what moment it ran."""
    status, told, _ = khaywe(ledger, "run", "expire-lots", "--now", "2025-10-01T00:00Z")
    assert (status, told.splitlines()[-1]) == (0, "expire-lots: 3 looked at, 3 recorded.")
    assert topics(ledger)["account.voucher_issued.v1"] == 3
    status, told, _ = khaywe(ledger, "runs")
    assert status == 0
    lines = {line.split()[0]: line for line in told.splitlines()}
    assert set(lines) == set(JOBS)
    assert "finished, 3 recorded" in lines["expire-lots"]
    assert "never ran" in lines["end-tiers"]
    status, told, _ = khaywe(ledger, "runs", "expire-lots")
    assert (status, "finished" in told, "3 looked at, 3 recorded, 0 refused" in told) == (0, True, True)


def test_a_job_that_is_running_is_left_alone(ledger: Database) -> None:
    """Its own exit code says so."""
    with ledger.connect() as connection:
        assert Lease("job:expire-lots", uuid4()).take(connection)
    status, told, _ = khaywe(ledger, "run", "expire-lots", "--now", "2025-10-01T00:00Z")
    assert (status, told.splitlines()[-1]) == (3, "expire-lots: another worker is running it.")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "expire-everything"), "There is no job 'expire-everything'; there are expire-holds"),
        (("run", "expire-lots", "--now", "tomorrow"), "'tomorrow' is no moment"),
        (("run", "expire-lots", "--now", "2025-10-01T00:00"), "names no time zone"),
        (("runs", "expire-everything"), "There is no job 'expire-everything'; there are expire-holds"),
    ],
)
def test_what_cannot_be_run_is_told(database: Database, arguments: tuple[str, ...], told: str) -> None:
    """In a sentence, without a traceback."""
    status, _, complaint = khaywe(database, *arguments)
    assert status not in (0, 3)
    assert told in " ".join(complaint.split())
