"""``khaywe books``: a month from settings to its journal."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from khaywe.cli import app
from ledger.members.directory import enrol
from ledger.posting.instruction import Posted
from projections.books.exporting import verify_export
from rules.activity import Purchase
from rules.instructions import open_account, post_purchase
from tests.conftest import NewDatabase
from tests.databases import temporary_home
from tests.programs import PROGRAM_ID, STARTED, publish_program

Khaywe = Callable[..., tuple[int, str, str]]
SETTINGS = {
    "point_currency": "points",
    "effective_on": "2025-01-01",
    "currency": "EUR",
    "point_value_minor": "1",
    "redemption_rate": "1",
}


@pytest.fixture
def khaywe(new_database: NewDatabase) -> Iterator[Khaywe]:
    """Provide the command line on a ledger with one purchase, of 250 euros and 25 points in January 2025."""
    database = new_database(1)
    with database.connect() as connection, database.poster() as poster:
        publish_program(poster)
        (member,) = enrol(connection, PROGRAM_ID, {uuid4(): [("card", "1")]}, STARTED).values()
        at = datetime(2025, 1, 10, 12, tzinfo=UTC)
        bought = Purchase("till", "t", "card:1", at, Decimal("250.00"), "EUR")
        for instruction in (open_account(PROGRAM_ID, member, STARTED), post_purchase(PROGRAM_ID, bought, at)):
            (outcome,) = poster.post([instruction])
            assert isinstance(outcome, Posted), outcome
    with temporary_home() as home:

        def run(*arguments: str, group: str = "books") -> tuple[int, str, str]:
            environ = {"KHAYWE_DATABASE_URL": database.owner_url, "KHAYWE_HOME": str(home)}
            with capture_logs():
                result = CliRunner().invoke(app, [group, *arguments], env=environ)
            return result.exit_code, result.stdout, result.stderr

        run.url = database.owner_url  # type: ignore[attr-defined]
        yield run


def test_a_month_is_closed_and_read(khaywe: Khaywe) -> None:
    """Settings, close, and every report; the journal twice the same."""
    assert khaywe("settings", PROGRAM_ID, "--set", json.dumps(SETTINGS))[0] == 0
    code, told, _ = khaywe("close", PROGRAM_ID, "2025-01")
    assert (code, told.splitlines()[0]) == (0, "Closed 2025-01: 1 events, 0 of them late.")
    assert json.loads(khaywe("settings", PROGRAM_ID)[1])["closed"] == ["2025-01"]
    (line,) = json.loads(khaywe("rollforward", PROGRAM_ID, "2025-01", "--json")[1])["cohorts"]
    assert (line["points"]["closing"], line["value_minor"]["closing"]) == (25, 25)
    rates = ("--currency", "USD", "--opening-rate", "1.1", "--average-rate", "1.2", "--closing-rate", "1.3")
    told = khaywe("rollforward", PROGRAM_ID, "2025-01", *rates)[1]
    assert "translated from EUR at 1.1, 1.2 on average, 1.3" in told
    assert told.splitlines()[-1].split() == ["all", "own/points", "0.00", "0.30", "0.03", "0.33"]
    assert khaywe("rollforward", PROGRAM_ID, "2025-01", "--currency", "USD")[0] == 1
    assert json.loads(khaywe("liability", PROGRAM_ID, "2025-01", "--json")[1])["accounts_minor"]["2000"] == 25
    assert json.loads(khaywe("cutoff", PROGRAM_ID, "2025-01", "--json")[1])["events"] == []
    journal = khaywe("journal", PROGRAM_ID, "2025-01")[1]
    assert journal == khaywe("journal", PROGRAM_ID, "2025-01")[1]
    assert [json.loads(one)["account"] for one in journal.splitlines()] == ["9000", "9010", "2000", "1000", "4000"]
    code, told, _ = khaywe("check", PROGRAM_ID, "2025-01")
    assert (code, {line[:7] for line in told.splitlines()}) == (0, {"holds  "})
    assert json.loads(khaywe("check", PROGRAM_ID, "2025-01", "--json")[1])["is_passed"]
    assert json.loads(khaywe("disclosures", PROGRAM_ID, "2025-01")[1])["total"]["closing_minor"] == 25
    code, told, _ = khaywe("reopen", PROGRAM_ID, "2025-01", "--reason", "a wrong price")
    assert (code, "a second person has to agree" in told) == (0, True)
    assert json.loads(khaywe("settings", PROGRAM_ID)[1])["closed"] == ["2025-01"]


def test_a_ledger_that_was_changed_fails_its_checks(khaywe: Khaywe) -> None:
    """An event of a closed month that somebody edited behind our back: it no longer gives what was closed."""
    assert khaywe("settings", PROGRAM_ID, "--set", json.dumps(SETTINGS))[0] == 0
    assert khaywe("close", PROGRAM_ID, "2025-01")[0] == 0
    with psycopg.connect(khaywe.url, autocommit=True) as owner:  # type: ignore[attr-defined]
        owner.execute("SET session_replication_role = replica")
        owner.execute(
            "UPDATE ledger.events "
            "SET state = convert_to(replace(convert_from(state, 'UTF8'), '25000', '26000'), 'UTF8') "
            "WHERE topic = 'account.purchase_posted.v1'"
        )
    code, told, _ = khaywe("check", PROGRAM_ID, "2025-01")
    assert code == 1
    assert "FAILS  the events give what the month was closed with: journal_hash, balances_minor" in told


def test_audit_verify_takes_books_in(khaywe: Khaywe) -> None:
    """Every month that is closed, of every program; and what is wrong with one."""
    assert khaywe("settings", PROGRAM_ID, "--set", json.dumps(SETTINGS))[0] == 0
    assert khaywe("close", PROGRAM_ID, "2025-01")[0] == 0
    code, told, _ = khaywe("verify", "--with-books", group="audit")
    assert (code, f"books of {PROGRAM_ID}, 2025-01: as they were closed" in told) == (0, True)
    assert khaywe("settings", PROGRAM_ID, "--set", json.dumps(SETTINGS | {"effective_on": "2025-02-01"}))[0] == 0
    report = json.loads(khaywe("verify", "--with-books", "--json", group="audit")[1])
    assert report["books"] == [{"program_id": PROGRAM_ID, "period": "2025-01", "is_passed": True, "told": ""}]


def test_what_cannot_be_done_is_told_plainly(khaywe: Khaywe) -> None:
    """One line, and exit code 1."""
    for arguments, expected in (
        (("close", PROGRAM_ID, "2025-01"), "what a point is worth"),
        (("close", PROGRAM_ID, "2025-13"), "looks like"),
        (("reopen", PROGRAM_ID, "2025-01", "--reason", "x"), "last closed month"),
        (("settings", PROGRAM_ID, "--set", "{}"), "missing"),
        (("settings", "nowhere", "--set", json.dumps(SETTINGS)), "no such program"),
        (("trial-balance", "nowhere", "2025-01"), "no such program"),
        (("check", "nowhere", "2025-01"), "no such program"),
        (("close", "nowhere", "2025-01"), "no such program"),
    ):
        code, _, error = khaywe(*arguments)
        assert (code, expected in error) == (1, True), error


def test_the_journal_is_written_in_every_form(khaywe: Khaywe, tmp_path: Path) -> None:
    """The same month gives the same bytes; what was changed since is found; bean-check passes."""
    assert khaywe("settings", PROGRAM_ID, "--set", json.dumps(SETTINGS))[0] == 0
    assert khaywe("close", PROGRAM_ID, "2025-01")[0] == 0
    for ending in ("csv", "xlsx", "parquet", "beancount"):
        file, again = tmp_path / f"journal.{ending}", tmp_path / f"again.{ending}"
        code, told, error = khaywe("export", PROGRAM_ID, "2025-01", str(file))
        assert (code, told.splitlines()[0].split(" lines")[0]) == (0, "5"), error
        assert khaywe("export", PROGRAM_ID, "2025-01", str(again))[0] == 0
        assert file.read_bytes() == again.read_bytes(), ending
        assert verify_export(file)["line_count"] == 5
        file.write_bytes(file.read_bytes() + b" ")
        with pytest.raises(ValueError, match="journal"):
            verify_export(file)
    program = Path(sys.executable).with_name("bean-check")
    checked = subprocess.run(
        [str(program), str(tmp_path / "again.beancount")], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    assert khaywe("export", PROGRAM_ID, "2025-01", str(tmp_path / "journal.pdf"))[0] == 1
