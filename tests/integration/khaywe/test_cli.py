import json
import re
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import typer.main
from structlog.testing import capture_logs
from typer.testing import CliRunner

from khaywe.cli import app
from khaywe.wiring import Database
from ledger.errors import LedgerError
from ledger.posting.instruction import Instruction
from ledger.program import decide as program
from ledger.program.terms import EarnRule, PointCurrency, Terms
from ledger.streams import PROGRAM, program_stream_id
from projections.runner import Runner
from projections.views import VIEWS
from tests.conftest import NewDatabase
from tests.databases import temporary_home
from tests.integration.projections.walks import walk
from tests.programs import PROGRAM_ID, publish_program

SINCE = datetime(2017, 1, 1, tzinfo=UTC)

Khaywe = Callable[..., tuple[int, str, str]]
"""Runs a command on a database; gives its exit code, and what it wrote to standard output and standard error."""


@pytest.fixture
def khaywe() -> Iterator[Khaywe]:
    """Provide the command line, with nothing in the environment but where the database is."""
    with temporary_home() as home:

        def run(url: str, *arguments: str, **environ: str | None) -> tuple[int, str, str]:
            ours = {"KHAYWE_DATABASE_URL": url, "KHAYWE_HOME": str(home), "KHAYWE_PORT": None}
            with capture_logs():
                result = CliRunner().invoke(app, arguments, env=ours | environ)
            return result.exit_code, result.stdout, result.stderr

        yield run


def fill(database: Database) -> None:
    """Record a few events, and bring the views up to them."""
    terms = Terms((PointCurrency("points", "Points"),), EarnRule("1", "points"))
    instructions = []
    for program_id in ("blue", "green", "red"):
        stream_id = program_stream_id(program_id)
        create = program.CreateProgram(program_id, program_id, "EUR", "UTC", terms, SINCE)
        instructions.append(
            Instruction(
                PROGRAM,
                stream_id,
                (("test", program_id),),
                bytes(32),
                lambda state, command=create: program.decide(state, command),
            )
        )
    with capture_logs(), database.poster() as poster:
        outcomes = poster.post(instructions)
    assert [outcome for outcome in outcomes if isinstance(outcome, LedgerError)] == []
    with database.connect() as reader, database.connect_views() as writer:
        deque(Runner(reader, writer, list(VIEWS.values())).catch_up(), maxlen=0)


def tamper(database: Database, statement: str) -> None:
    """Do what only a superuser can who means it."""
    with database.connect_as_owner() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(statement.encode())


def test_partitions_are_for_life(empty_url: str, khaywe: Khaywe) -> None:
    """Init sets a ledger up once; asking for another number of partitions is refused in one line."""
    assert khaywe(empty_url, "init", "--partitions", "4") == (0, "The ledger is ready, with 4 partition(s).\n", "")
    assert khaywe(empty_url, "init") == (0, "The ledger is ready, with 4 partition(s).\n", "")
    code, output, told = khaywe(empty_url, "init", "--partitions", "2")
    assert (code, output) == (1, "")
    assert re.fullmatch(r"khaywe: This ledger has 4 partition\(s\) for life, .* for 2, set up a new ledger\.\n", told)


def test_a_number_of_partitions_that_cannot_be(empty_url: str, khaywe: Khaywe) -> None:
    """It is told in one line."""
    told = "khaywe: A ledger has 1 to 1024 partitions, not 0.\n"
    assert khaywe(empty_url, "init", "--partitions", "0") == (1, "", told)


def test_migrating_twice(empty_url: str, khaywe: Khaywe) -> None:
    """The first time names what was applied, the second has nothing to do."""
    code, output, told = khaywe(empty_url, "migrate")
    assert (code, told) == (0, "")
    assert output.startswith("applied 0001_create_ledger\n")
    assert output.endswith("The schema is up to date.\n")
    assert khaywe(empty_url, "migrate") == (0, "The schema was up to date already.\n", "")


def test_status_of_views(any_database: Database, khaywe: Khaywe) -> None:
    """A line per view and partition; all have caught up."""
    fill(any_database)
    code, output, _ = khaywe(any_database.owner_url, "views", "status")
    assert code == 0
    lines = [re.split(r":? +", line, maxsplit=2) for line in output.splitlines()]
    assert {line[0] for line in lines} == set(VIEWS)
    assert all(line[2].endswith(" 0 behind") for line in lines)


def test_rebuilding_views(any_database: Database, khaywe: Khaywe) -> None:
    """What is built anew equals the live views; so it does after the swap."""
    fill(any_database)
    for options in (["--compare-only"], [], ["balances"]):
        code, output, told = khaywe(any_database.owner_url, "views", "rebuild", *options)
        assert (code, told) == (0, "")
        verdicts = [line for line in output.splitlines() if " rows  " in line]
        assert verdicts
        assert [line for line in verdicts if not line.endswith("rows  equal")] == []


def test_comparing_views(any_database: Database, khaywe: Khaywe) -> None:
    """Equal, exit code 0; with a row that is not from the events, that row and exit code 2, and nothing is swapped."""
    fill(any_database)
    code, output, told = khaywe(any_database.owner_url, "views", "compare")
    assert (code, told, output.count("rows  equal")) == (0, "", sum(len(view.tables) for view in VIEWS.values()))
    with any_database.connect_as_owner() as owner:
        owner.execute(
            "INSERT INTO views.holds VALUES (0, gen_random_uuid(), 'forged', 'p', 1, now(), now(), 'open', 0)"
        )
    for _ in range(2):
        code, output, _ = khaywe(any_database.owner_url, "views", "compare", "holds")
        assert code == 2
        assert "DIFFERENT: live 1 rows, rebuilt 0" in output
        assert "partition 0, live only: (0," in output
        assert "forged" in output


def test_looking_back(any_database: Database, khaywe: Khaywe) -> None:
    """An account and a program as they were, in words and as JSON; what is no question is told."""
    with capture_logs(), any_database.poster() as poster:
        publish_program(poster)
        walk(poster, PROGRAM_ID, 21, members=3, steps=40)
    url = any_database.owner_url
    with any_database.connect() as connection:
        (member_id,) = (
            connection.execute(
                "SELECT state ->> 'member_id' FROM ledger.event_log WHERE topic = 'account.opened.v1' LIMIT 1"
            ).fetchone()
            or ()
        )
    asked = ("--program", PROGRAM_ID, "--as-of", "2026-03-01")
    code, output, told = khaywe(url, "account", "show", member_id, *asked)
    assert (code, told) == (0, "")
    assert "as of 2026-03-01, as at " in output
    assert "points: " in output
    account = json.loads(khaywe(url, "account", "show", member_id, *asked, "--json")[1])
    assert account["member_id"] == member_id
    code, output, told = khaywe(url, "report", "balances", *asked)
    assert (code, told) == (0, "")
    assert f"program {PROGRAM_ID}, 3 accounts" in output
    found = json.loads(khaywe(url, "report", "balances", *asked, "--json")[1])
    assert sum(row["balance_points"] for row in found["balances"]) == sum(
        lot["open_points"] for lot in found["lots"]
    ) + sum(row["held_points"] - row["owed_points"] for row in found["balances"])
    early = ("--program", PROGRAM_ID, "--as-at", "2001-01-01T00:00:00Z")
    assert khaywe(url, "account", "show", member_id, *early)[0] == 1
    assert "0 accounts" in khaywe(url, "report", "balances", *early)[1]
    for wrong in (("--as-of", "soon"), ("--as-at", "soon")):
        code, _, told = khaywe(url, "report", "balances", "--program", PROGRAM_ID, *wrong)
        assert code == 1
        assert "soon" in told


def test_rebuilding_an_unknown_view(database: Database, khaywe: Khaywe) -> None:
    """The message names those there are."""
    told = f"khaywe: There is no view points; there are: {', '.join(VIEWS)}.\n"
    assert khaywe(database.owner_url, "views", "rebuild", "points") == (1, "", told)


def test_a_whole_ledger(any_database: Database, khaywe: Khaywe) -> None:
    """Audit says so, with the last link of each partition to be kept elsewhere."""
    fill(any_database)
    code, output, told = khaywe(any_database.owner_url, "audit", "verify")
    assert (code, told) == (0, "")
    links = re.findall(r"^partition (\d+): (\d+) events, last link [0-9a-f]{64}$", output, re.MULTILINE)
    assert [int(partition) for partition, _ in links] == list(range(any_database.partition_count))
    assert sum(int(count) for _, count in links) == 6
    assert output.endswith("The ledger is whole.\n")


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE ledger.events SET state = state || ' ' WHERE position = 3", "the event or its link was changed"),
        ("DELETE FROM ledger.events WHERE position = 3", "the event is missing"),
    ],
    ids=["changed", "deleted"],
)
def test_a_tampered_ledger(database: Database, khaywe: Khaywe, statement: str, reason: str) -> None:
    """The first position that is not as it was recorded is named, and the exit code is 1."""
    fill(database)
    tamper(database, statement)
    code, output, told = khaywe(database.owner_url, "audit", "verify")
    assert code == 1
    assert f"Partition 0, position 3: {reason}" in told
    assert told.endswith("The ledger is NOT whole.\n")
    assert "The ledger is whole" not in output


def test_every_partition_is_audited(new_database: NewDatabase, khaywe: Khaywe) -> None:
    """One broken partition does not hide another."""
    database = new_database(4)
    fill(database)
    with database.connect() as connection:
        used = [row[0] for row in connection.execute("SELECT partition FROM ledger.heads WHERE position > 0")]
    assert len(used) > 1
    tamper(database, "DELETE FROM ledger.events WHERE position = 1")
    code, _, told = khaywe(database.owner_url, "audit", "verify")
    assert code == 1
    assert [int(found) for found in re.findall(r"Partition (\d), position 1", told)] == sorted(used)


def test_views_that_were_changed(database: Database, khaywe: Khaywe) -> None:
    """Audit also compares the views with the events, unless told not to."""
    fill(database)
    row = "(0, '00000000-0000-0000-0000-000000000001', 'points', 5, 0, 0, 1)"
    columns = "partition, account_id, point_currency, accrued_points, redeemed_points, reversed_points, version"
    tamper(database, f"INSERT INTO views.balances ({columns}) VALUES {row}")
    code, output, told = khaywe(database.owner_url, "audit", "verify")
    assert (code, told) == (1, "The ledger is NOT whole.\n")
    assert "DIFFERENT: live 1 rows, rebuilt 0" in output
    assert khaywe(database.owner_url, "audit", "verify", "--no-with-views")[0] == 0


def test_admin_key(database: Database, khaywe: Khaywe) -> None:
    """There is one at a time; a second is made only to replace it."""
    code, first, told = khaywe(database.owner_url, "admin-key")
    assert (code, told) == (0, "")
    code, output, told = khaywe(database.owner_url, "admin-key")
    assert (code, output) == (1, "")
    assert told == "khaywe: There is an admin key; to replace it: khaywe admin-key --replace\n"
    code, second, _ = khaywe(database.owner_url, "admin-key", "--replace")
    assert code == 0
    assert second.strip() not in {"", first.strip()}
    with database.connect() as connection:
        valid = connection.execute("SELECT count(*) FROM access.api_keys WHERE revoked_at IS NULL").fetchone()
    assert valid == (1,)


@pytest.mark.parametrize("port", ["http", "0", "70000", "8_000"])
def test_a_port_that_cannot_be(empty_url: str, khaywe: Khaywe, port: str) -> None:
    """The message names the variable, its value and what it may be."""
    told = f"khaywe: KHAYWE_PORT is '{port}', but must be a whole number from 1 to 65535\n"
    assert khaywe(empty_url, "serve", KHAYWE_PORT=port) == (1, "", told)


def test_a_database_that_is_not_there(khaywe: Khaywe) -> None:
    """It is told without a traceback, and without the password."""
    code, output, told = khaywe("postgresql://someone:secret@127.0.0.1:1/none", "views", "status")
    assert (code, output) == (1, "")
    assert told.startswith("khaywe: ")
    assert "Traceback" not in told
    assert "secret" not in told


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield every command that an operator can see, by its words."""
    yield path
    for name, found in getattr(command, "commands", {}).items():
        if not found.hidden:
            yield from commands(found, (*path, name))


@pytest.mark.parametrize(
    "path", list(commands(typer.main.get_command(app))), ids=lambda path: " ".join(path) or "khaywe"
)
def test_help(khaywe: Khaywe, path: tuple[str, ...]) -> None:
    """Every command says in a sentence what it is for, without a database; what serve alone runs stays hidden."""
    code, output, _ = khaywe("", *path, "--help")
    assert code == 0
    text = re.search(r"^ (\S.*[.:].*?) *$", re.sub(r"^ *Usage:.*$", "", output, flags=re.MULTILINE), re.MULTILINE)
    assert text, output
    assert " _api " not in output
