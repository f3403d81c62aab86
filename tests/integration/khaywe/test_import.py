import csv
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from structlog.testing import capture_logs
from typer.testing import CliRunner

from khaywe.cli import app
from khaywe.importing import run as importing
from khaywe.importing.columns import FIELDS, ImportRefused, Mapping
from khaywe.importing.run import Report, run_import
from khaywe.wiring import Database
from ledger.errors import InvalidInput, LedgerError
from ledger.posting.instruction import Instruction
from ledger.program import decide as program
from ledger.program.decide import UnknownProgram
from ledger.program.terms import EarnRule, PointCurrency, Terms
from ledger.streams import PROGRAM, program_stream_id

TERMS = Terms((PointCurrency("points", "Points"),), EarnRule('{"*":[{"var":"transaction_amount"},0.1]}', "points"))
SINCE = datetime(2017, 1, 1, tzinfo=UTC)
ROW = {
    "source": "till-1",
    "transaction_id": "T1",
    "member": "100",
    "occurred_at": "2026-03-01T10:00:00Z",
    "amount": "249.90",
    "currency": "EUR",
}


@pytest.fixture(autouse=True)
def club(database: Database) -> Database:
    """Provide a ledger with the program ``club``, in Berlin since 2017."""
    commands: Sequence[program.ProgramCommand] = (
        program.CreateProgram("club", "Club", "EUR", "Europe/Berlin", TERMS, SINCE),
        program.PublishProgram(SINCE, SINCE),
    )

    def instruction(number: int, command: program.ProgramCommand) -> Instruction:
        references = (("test", f"club-{number}"),)
        return Instruction(
            PROGRAM,
            program_stream_id("club"),
            references,
            bytes(32),
            lambda state: program.decide(state, command),
        )

    with database.poster() as poster:
        outcomes = poster.post([instruction(number, command) for number, command in enumerate(commands)])
    assert [outcome for outcome in outcomes if isinstance(outcome, LedgerError)] == []
    return database


def mapping(
    *columns: str,
    constants: Sequence[str] = (),
    member_kind: str = "card",
    timezone: str | None = None,
) -> Mapping:
    """Return a mapping as the command line makes it."""
    return Mapping.of(columns, constants, member_kind, timezone)


PLAIN = mapping()


def load(
    database: Database, file: Path, how: Mapping = PLAIN, *, enrol: bool = True, program_id: str = "club"
) -> Report:
    """Import a file."""
    with capture_logs():
        return run_import(database, str(file), program_id, how, enrol=enrol)


def counts(report: Report) -> tuple[int, int, int]:
    """Return how many were posted, replayed and rejected."""
    return report.posted_count, report.replayed_count, report.rejected_count


def rows(count: int) -> list[dict[str, str]]:
    """Return purchases of ten members, one after the other."""
    return [
        ROW | {"transaction_id": f"T{number}", "member": str(number % 10), "amount": f"{number}.{number % 100:02}"}
        for number in range(count)
    ]


def write_csv(file: Path, records: Sequence[dict[str, Any]]) -> Path:
    """Write records under the heading of the first one."""
    with file.open("w", newline="") as text:
        writer = csv.DictWriter(text, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    return file


def write_ndjson(file: Path, records: Sequence[dict[str, Any]]) -> Path:
    """Write a record per line."""
    file.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return file


def write_lines(file: Path, *lines: bytes) -> Path:
    """Write a CSV file with the fields as heading and the lines as given."""
    file.write_bytes(b"\n".join([",".join(FIELDS).encode(), *lines]) + b"\n")
    return file


def booked(database: Database, topic: str = "account.purchase_posted.v1") -> list[dict[str, Any]]:
    """Return every recorded event of a kind, in order."""
    query = "SELECT state FROM ledger.event_log WHERE topic = %s ORDER BY position"
    with database.connect() as connection:
        return [state for (state,) in connection.execute(query, [topic])]


def instants(database: Database) -> dict[str, datetime]:
    """Return when each purchase occurred, by its transaction id."""
    return {one["transaction_id"]: datetime.fromisoformat(one["occurred_at"]) for one in booked(database)}


def amounts(database: Database) -> dict[str, int]:
    """Return the amount of each purchase in cents, by its transaction id."""
    return {one["transaction_id"]: one["amount_minor"] for one in booked(database)}


def rejected(report: Report) -> list[dict[str, Any]]:
    """Return the rejected rows as they were written down."""
    return [json.loads(line) for line in Path(report.rejected_file).read_text().splitlines()]


def only_rejected(database: Database, file: Path, how: Mapping = PLAIN) -> dict[str, Any]:
    """Import a file in which one row is bad, and return what was written about it."""
    report = load(database, file, how)
    assert report.rejected_count == 1
    (reason,) = rejected(report)
    return reason


def test_rows_of_a_csv_are_posted(database: Database, tmp_path: Path) -> None:
    """Every row becomes a purchase with exactly its amount, priced by the program."""
    report = load(database, write_csv(tmp_path / "day.csv", rows(25)))
    assert counts(report) == (25, 0, 0)
    assert amounts(database) == {f"T{number}": number * 100 + number for number in range(25)}
    assert booked(database)[20]["accruals"][0]["points"] == 2


def test_rows_of_an_ndjson_are_posted(database: Database, tmp_path: Path) -> None:
    """A number is read digit by digit, as text is; blank lines and other keys are passed over."""
    file = tmp_path / "day.jsonl"
    file.write_text(
        json.dumps(ROW | {"note": {"any": ["thing"]}})
        + "\n\n"
        + json.dumps(ROW | {"transaction_id": "T2"}).replace('"249.90"', "1234567890123.45")
        + "\n",
    )
    assert counts(load(database, file)) == (2, 0, 0)
    assert amounts(database) == {"T1": 24990, "T2": 123456789012345}


def test_rows_of_a_parquet_are_posted(database: Database, tmp_path: Path) -> None:
    """Nanosecond times, decimals and doubles arrive as what they say."""
    times = pa.array([1_772_359_200_123_456_789, 1_784_624_400_000_000_000], pa.timestamp("ns", "UTC"))
    shared = {"source": ["till-1"] * 2, "member": [7, 8], "occurred_at": times, "currency": ["EUR"] * 2}
    decimals = pa.array([Decimal("249.90"), Decimal("0.10")], pa.decimal128(18, 2))
    parquet.write_table(pa.table(shared | {"transaction_id": ["a", "b"], "amount": decimals}), tmp_path / "d.parquet")
    doubles = pa.array([19.99, 0.1], pa.float64())
    parquet.write_table(pa.table(shared | {"transaction_id": [1, 2], "amount": doubles}), tmp_path / "f.parquet")
    assert counts(load(database, tmp_path / "d.parquet")) == (2, 0, 0)
    assert counts(load(database, tmp_path / "f.parquet")) == (2, 0, 0)
    assert amounts(database) == {"a": 24990, "b": 10, "1": 1999, "2": 10}
    assert instants(database)["a"] == datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=UTC)


def test_naive_nanoseconds_are_local(database: Database, tmp_path: Path) -> None:
    """A Parquet time without a zone is one on the program's clocks."""
    naive = pa.array([datetime(2026, 7, 1, 10)], pa.timestamp("ns"))  # noqa: DTZ001  # the point of the test
    table = pa.table({name: [value] for name, value in ROW.items()} | {"occurred_at": naive})
    parquet.write_table(table, tmp_path / "naive.parquet")
    assert counts(load(database, tmp_path / "naive.parquet")) == (1, 0, 0)
    assert instants(database) == {"T1": datetime(2026, 7, 1, 8, tzinfo=UTC)}


def test_columns_constants_and_member_kind(database: Database, tmp_path: Path) -> None:
    """Columns may have other names, values may come from the command line, and members may be known by anything."""
    records = [{"bon": "B1", "customer": "42", "at": ROW["occurred_at"], "total": "5", "shop": "x"}]
    how = mapping(
        "transaction_id=bon",
        "member=customer",
        "occurred_at=at",
        "amount=total",
        constants=["currency=EUR", "source=web"],
        member_kind="customer",
    )
    assert counts(load(database, write_csv(tmp_path / "shop.csv", records), how)) == (1, 0, 0)
    (purchase,) = booked(database)
    assert (purchase["source"], purchase["transaction_id"], purchase["amount_minor"]) == ("web", "B1", 500)
    with database.connect() as connection:
        known = connection.execute("SELECT kind, value FROM members.identifiers").fetchall()
    assert known == [("customer", "42")]


@pytest.mark.parametrize(
    ("local", "zone", "utc"),
    [
        ("2026-01-15T10:00:00", None, datetime(2026, 1, 15, 9, tzinfo=UTC)),
        ("2026-07-15 10:00:00", None, datetime(2026, 7, 15, 8, tzinfo=UTC)),
        ("2026-03-29T02:30:00", None, datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        ("2025-10-26T02:30:00", None, datetime(2025, 10, 26, 0, 30, tzinfo=UTC)),
        ("2026-07-15T10:00:00", "America/New_York", datetime(2026, 7, 15, 14, tzinfo=UTC)),
        ("2026-07-15T10:00:00+05:30", "America/New_York", datetime(2026, 7, 15, 4, 30, tzinfo=UTC)),
        ("2026-07-15", None, datetime(2026, 7, 14, 22, tzinfo=UTC)),
    ],
    ids=["winter", "summer", "skipped hour", "hour that comes twice", "named zone", "zone in the file", "day"],
)
def test_times_without_a_zone(database: Database, tmp_path: Path, local: str, zone: str | None, utc: datetime) -> None:
    """They are on the program's clocks, or on those of --timezone; the first of two equal hours is meant."""
    load(database, write_csv(tmp_path / "day.csv", [ROW | {"occurred_at": local}]), mapping(timezone=zone))
    assert instants(database) == {"T1": utc}


def test_enrolled_members_join_with_their_first_purchase(database: Database, tmp_path: Path) -> None:
    """--enrol opens an account on the program-local date of the earliest purchase in the file."""
    records = [
        ROW | {"occurred_at": "2026-03-05T10:00:00Z"},
        ROW | {"transaction_id": "T2", "occurred_at": "2026-03-01T23:30:00Z"},
        ROW | {"transaction_id": "T3", "member": "200", "occurred_at": "2026-03-07T10:00:00Z"},
    ]
    assert counts(load(database, write_csv(tmp_path / "day.csv", records))) == (3, 0, 0)
    opened = [one["effective_on"] for one in booked(database, "account.opened.v1")]
    assert sorted(opened) == ["2026-03-02", "2026-03-07"]


def test_members_can_be_named_by_our_own_id(database: Database, tmp_path: Path) -> None:
    """With the kind ``id``; who is not enrolled under it, or is named otherwise, is rejected."""
    load(database, write_csv(tmp_path / "first.csv", rows(1)))
    with database.connect() as connection:
        row = connection.execute("SELECT member_id::text FROM members.members").fetchone()
    assert row is not None
    named = [row[0], "00000000-0000-4000-8000-000000000000", "6000", "card:0"]
    records = [ROW | {"transaction_id": f"U{number}", "member": name} for number, name in enumerate(named)]
    report = load(database, write_csv(tmp_path / "day.csv", records), mapping(member_kind="id"))
    assert counts(report) == (2, 0, 2)
    assert [one["slug"] for one in rejected(report)] == ["account-not-open", "invalid-input"]


def test_unknown_members_are_rejected_without_enrol(database: Database, tmp_path: Path) -> None:
    """Nobody becomes a member by accident."""
    report = load(database, write_csv(tmp_path / "day.csv", rows(3)), enrol=False)
    assert counts(report) == (0, 0, 3)
    assert {one["slug"] for one in rejected(report)} == {"unknown-member"}


@pytest.mark.parametrize(
    "wrong",
    [{"occurred_at": "2099-01-01T00:00:00Z"}, {"member": "loyalty card:1"}, {"member": "1\x07"}, {"amount": "-1"}],
    ids=["future", "kind", "control character", "amount"],
)
def test_nobody_joins_with_a_row_that_cannot_be_posted(
    database: Database,
    tmp_path: Path,
    wrong: dict[str, str],
) -> None:
    """A rejected row leaves no member and no account behind."""
    assert counts(load(database, write_ndjson(tmp_path / "day.ndjson", [ROW | wrong]))) == (0, 0, 1)
    with database.connect() as connection:
        assert connection.execute("SELECT * FROM members.identifiers").fetchall() == []
    assert booked(database, "account.opened.v1") == []


def test_an_import_run_again_posts_nothing(database: Database, tmp_path: Path) -> None:
    """The same purchases are recognised, in whatever kind of file and spelling they come."""
    records = rows(25)
    load(database, write_csv(tmp_path / "day.csv", records))
    before = booked(database)
    assert counts(load(database, tmp_path / "day.csv")) == (0, 25, 0)
    respelled = [one | {"amount": one["amount"] + "0", "occurred_at": "2026-03-01T11:00:00+01:00"} for one in records]
    assert counts(load(database, write_ndjson(tmp_path / "day.ndjson", respelled))) == (0, 25, 0)
    assert booked(database) == before


def test_an_interrupted_import_goes_on(database: Database, tmp_path: Path) -> None:
    """What was posted of a file stays, and the whole file adds the rest."""
    records = rows(40)
    assert counts(load(database, write_csv(tmp_path / "half.csv", records[:20]))) == (20, 0, 0)
    assert counts(load(database, write_csv(tmp_path / "whole.csv", records))) == (20, 20, 0)
    assert len(amounts(database)) == len(booked(database)) == 40


def test_an_import_killed_between_chunks_goes_on(
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stopped in the middle by Ctrl-C, the same command posts what is missing, and nothing twice."""
    monkeypatch.setattr(importing, "CHUNK_SIZE", 5)
    file = write_csv(tmp_path / "day.csv", rows(40))
    settle, settled = importing.Importer._settle, []

    def settle_some(self: importing.Importer, *arguments: Any) -> None:
        settle(self, *arguments)
        settled.append(1)
        if len(settled) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(importing.Importer, "_settle", settle_some)
        with pytest.raises(KeyboardInterrupt):
            load(database, file)
    present = len(booked(database))
    assert 15 <= present < 40
    assert counts(load(database, file)) == (40 - present, present, 0)


def test_a_key_used_for_another_purchase_is_rejected(database: Database, tmp_path: Path) -> None:
    """A source must not number two purchases alike; the first one stands."""
    load(database, write_csv(tmp_path / "day.csv", [ROW]))
    reason = only_rejected(database, write_csv(tmp_path / "more.csv", [ROW | {"amount": "1"}]))
    assert reason["slug"] == "key-reused"
    assert amounts(database) == {"T1": 24990}


def test_rejected_rows_are_written_down(database: Database, tmp_path: Path) -> None:
    """Row, reason and record stand in FILE.rejected.ndjson; a clean run takes the file away."""
    wrong = {"transaction_id": "T2", "amount": "1.005"}
    file = write_csv(tmp_path / "day.csv", [ROW, ROW | wrong])
    report = load(database, file)
    assert counts(report) == (1, 0, 1)
    assert report.rejected_file == str(tmp_path / "day.csv.rejected.ndjson")
    assert report.summary() == f"1 posted, 0 were there already, 1 rejected; see {report.rejected_file}."
    (reason,) = rejected(report)
    assert "1.005 has more" in reason.pop("detail")
    assert reason == {"row": 2, "slug": "invalid-amount", "pointer": "/amount", "record": ROW | wrong}
    write_csv(file, [ROW, ROW | wrong | {"amount": "1.01"}])
    assert counts(load(database, file)) == (1, 1, 0)
    assert not Path(report.rejected_file).exists()


@pytest.mark.parametrize(
    ("wrong", "slug", "pointer"),
    [
        ({"amount": "-5"}, "invalid-amount", "/amount"),
        ({"amount": "five"}, "invalid-input", "/amount"),
        ({"amount": "NaN"}, "invalid-amount", "/amount"),
        ({"amount": ""}, "invalid-input", "/amount"),
        ({"transaction_id": ""}, "invalid-input", "/transaction_id"),
        ({"transaction_id": "T" * 201}, "invalid-input", "/transaction_id"),
        ({"currency": "USD"}, "currency-mismatch", "/currency"),
        ({"currency": "euro"}, "invalid-input", "/currency"),
        ({"currency": "EUX"}, "unknown-currency", "/currency"),
        ({"occurred_at": "yesterday"}, "invalid-input", "/occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "invalid-input", "/occurred_at"),
        ({"occurred_at": "1969-12-31T00:00:00Z"}, "invalid-input", "/occurred_at"),
        ({"occurred_at": "2016-12-31T00:00:00Z"}, "no-version-in-force", "/occurred_at"),
        ({"member": "card:"}, "invalid-input", "/member"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(f"{key}={text:.12}" for key, text in value.items()),
)
def test_rows_that_cannot_be(
    database: Database,
    tmp_path: Path,
    wrong: dict[str, str],
    slug: str,
    pointer: str,
) -> None:
    """Each is rejected for what is wrong with it, and the row after it is posted."""
    file = write_csv(tmp_path / "day.csv", [ROW | wrong, ROW | {"transaction_id": "T2"}])
    reason = only_rejected(database, file)
    assert (reason["row"], reason["slug"], reason["pointer"]) == (1, slug, pointer)
    assert reason["record"] == ROW | wrong
    assert amounts(database) == {"T2": 24990}


def test_hidden_digits_of_a_float_are_refused(database: Database, tmp_path: Path) -> None:
    """0.1 + 0.2 as a double is not thirty cents, and nobody rounds it behind your back."""
    table = pa.table({name: [value] for name, value in ROW.items()} | {"amount": pa.array([0.1 + 0.2])})
    parquet.write_table(table, tmp_path / "float.parquet")
    reason = only_rejected(database, tmp_path / "float.parquet")
    assert (reason["slug"], reason["pointer"]) == ("invalid-amount", "/amount")
    assert "0.30000000000000004" in reason["detail"]
    spelled = (tmp_path / "float.ndjson").write_text(json.dumps(ROW).replace('"249.90"', "0.30000000000000004"))
    assert spelled
    assert "0.30000000000000004" in only_rejected(database, tmp_path / "float.ndjson")["detail"]


def test_rows_that_are_not_csv(database: Database, tmp_path: Path) -> None:
    """Too few cells, too many, bad bytes and stray line ends cost their row only; empty lines cost nothing."""
    file = write_lines(
        tmp_path / "day.csv",
        b"till-1,T1,1,2026-03-01T10:00:00Z,1,EUR",
        b"till-1,T2,1",
        b"till-1,T3,1,2026-03-01T10:00:00Z,1,EUR,more",
        b"till-1,T\xff4,1,2026-03-01T10:00:00Z,1,EUR",
        b"till-1,T5\r,1,2026-03-01T10:00:00Z,1,EUR",
        b"",
        b'till-1,"T7, with a comma and an \xc3\xa4",1,2026-03-01T10:00:00Z,1,EUR',
    )
    report = load(database, file)
    assert [(one["row"], one["slug"]) for one in rejected(report)] == [
        (2, "invalid-input"),
        (3, "invalid-input"),
        (4, "invalid-input"),
        (5, "invalid-input"),
    ]
    assert "3 cells, and the heading has 6" in rejected(report)[0]["detail"]
    assert "UTF-8" in rejected(report)[2]["detail"]
    assert list(amounts(database)) == ["T1", "T7, with a comma and an ä"]


def test_lines_that_are_not_json(database: Database, tmp_path: Path) -> None:
    """A broken line seven is rejected as row seven, and so are bad bytes; all others are posted."""
    lines = [json.dumps(row).encode() for row in rows(10)]
    lines[6] = lines[6][:-5]
    lines[7] = b"[1, 2]"
    lines[8] = lines[8].replace(b"till-1", b"till-\xff")
    lines[9] = lines[9].replace(b"till-1", rb"till-\ud800")
    (tmp_path / "day.ndjson").write_bytes(b"\n".join(lines))
    report = load(database, tmp_path / "day.ndjson")
    assert counts(report) == (6, 0, 4)
    assert [(one["row"], one["slug"]) for one in rejected(report)] == [
        (7, "invalid-input"),
        (8, "invalid-input"),
        (9, "invalid-input"),
        (10, "invalid-input"),
    ]


def test_files_that_cannot_be_read(database: Database, tmp_path: Path) -> None:
    """What to change is said at once, and nothing is posted."""
    (tmp_path / "day.xlsx").write_bytes(b"PK")
    (tmp_path / "day.parquet").write_bytes(b"PK")
    (tmp_path / "utf16.csv").write_bytes(",".join(FIELDS).encode("utf-16"))
    (tmp_path / "empty.csv").write_bytes(b"")
    write_csv(tmp_path / "day.csv", [{"total": "1"} | {name: ROW[name] for name in FIELDS if name != "amount"}])
    for name, told in [
        ("none.csv", "There is no file"),
        ("day.xlsx", r"must be one of \.csv, \.ndjson, \.jsonl, \.parquet"),
        ("day.parquet", "is not a Parquet file"),
        ("utf16.csv", "save the file as UTF-8"),
        ("empty.csv", "no column for source"),
        ("day.csv", r"no column for amount \('amount'\)\. It has: total, .*--column FIELD=COLUMN"),
    ]:
        with pytest.raises(ImportRefused, match=told):
            load(database, tmp_path / name)
    assert booked(database) == []


def test_options_that_cannot_be() -> None:
    """A misspelled field or zone is told before anything is read."""
    with pytest.raises(ImportRefused, match=r"--column 'total': write FIELD=…, where FIELD is one of source"):
        mapping("total")
    with pytest.raises(ImportRefused, match="--constant 'curency=EUR'"):
        mapping(constants=["curency=EUR"])
    with pytest.raises(InvalidInput, match="Berlin"):
        mapping(timezone="Berlin")


@pytest.mark.parametrize("timezone", [None, "Europe/Berlin"])
def test_an_unknown_program_is_told(database: Database, tmp_path: Path, timezone: str | None) -> None:
    """Nobody is enrolled in a program that does not exist."""
    file = write_csv(tmp_path / "day.csv", [ROW])
    with pytest.raises(UnknownProgram):
        load(database, file, mapping(timezone=timezone), program_id="none")
    with database.connect() as connection:
        assert connection.execute("SELECT * FROM members.members").fetchall() == []


def test_exit_codes(database: Database, tmp_path: Path) -> None:
    """0: all is in; 2: some rows were rejected; 1: it could not be done."""
    environ = {"KHAYWE_DATABASE_URL": database.owner_url}
    good = write_csv(tmp_path / "good.csv", [ROW])
    bad = write_csv(tmp_path / "bad.csv", [ROW, ROW | {"transaction_id": "T2", "amount": "-1"}])
    command = ["import", "purchases", "--program", "club", "--enrol"]

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, [*command, *arguments], env=environ)
        return result.exit_code, result.output

    code, output = run(str(good))
    assert (code, output.splitlines()[-1]) == (0, "1 posted, 0 were there already, 0 rejected.")
    code, output = run(str(bad))
    assert code == 2
    assert f"0 posted, 1 were there already, 1 rejected; see {bad}.rejected.ndjson." in output
    code, output = run(str(tmp_path / "none.csv"))
    assert (code, output.strip()) == (1, f"khaywe: There is no file {tmp_path / 'none.csv'}.")
