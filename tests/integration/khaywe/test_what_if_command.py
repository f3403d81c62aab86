"""``khaywe what-if``."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from khaywe.wiring import Database
from tests.integration.khaywe.test_keeping_time import khaywe
from tests.integration.workers.members import PROGRAM_ID, prepare

TERMS = """{
    "point_currencies": [{"code": "points", "name": "Points"}, {"code": "later", "name": "Later"}],
    "earn": {"rule": {"*": [{"var": "transaction_amount"}, 2]}, "point_currency": "points"},
    "burn": {"rule": {"/": [{"var": "points_requested"}, 100]}, "point_currency": "points"}
}"""


@pytest.fixture
def ledger(any_database: Database) -> Database:
    """Provide three members who bought for 250 euros each."""
    prepare(any_database, 3, datetime(2026, 9, 1, 12, tzinfo=UTC))
    return any_database


def test_a_question_is_asked_and_answered(ledger: Database, tmp_path: Path) -> None:
    """The command waits for the answer and prints it; others show it again."""
    file = tmp_path / "terms.json"
    file.write_text(TERMS)
    options = ("--from", "2026-01-01T00:00Z", "--as-of", "2026-09-02T00:00Z", "--point-value", "points=0.5")
    status, told, error = khaywe(ledger, "what-if", "run", PROGRAM_ID, "--terms", str(file), *options)
    assert status == 0, error
    assert "points: awarded 750, would be 1500 (+750); balances +750, +375 minor units; 3 would have more" in told
    assert "later: awarded 15, would be 0 (-15)" in told
    status, listed, _ = khaywe(ledger, "what-if", "list", "--program", PROGRAM_ID)
    assert (status, "3 of 3: version inline from 2026-01-01 to now" in listed) == (0, True)
    status, shown, _ = khaywe(ledger, "what-if", "show", listed.split()[0])
    assert (status, shown.splitlines()[-1]) == (0, told.splitlines()[-1])


def test_what_cannot_be_asked_is_told_plainly(ledger: Database) -> None:
    """In a line, with exit code 1."""
    status, _, error = khaywe(ledger, "what-if", "run", PROGRAM_ID, "--from", "2026-01-01T00:00Z")
    assert (status, "has no draft" in error) == (1, True)
    status, _, error = khaywe(ledger, "what-if", "run", PROGRAM_ID, "--version", "1", "--from", "2026-01-01")
    assert (status, "names no time zone" in error) == (1, True)
    status, _, error = khaywe(ledger, "what-if", "show", "0")
    assert (status, "no id of a what-if" in error) == (1, True)
