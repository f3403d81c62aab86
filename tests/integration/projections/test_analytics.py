"""What analysts read: named, explained, free of persons, and the same after a rebuild."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from psycopg import Connection, errors

from khaywe.wiring import Database
from projections.analytics import UnknownView, export_view, export_view_file, read_dictionary
from projections.books.exporting import ExportDiffers, verify_export
from tests import dictionary
from tests.integration.projections.test_views import follow, history, rebuild_equals
from tests.integration.projections.walks import walk
from tests.programs import PROGRAM_ID, publish_program

GENERATOR = "khaywe test"


@pytest.fixture
def ledger(any_database: Database) -> Database:
    """Provide a ledger with a history that the views show."""
    with any_database.poster() as poster:
        publish_program(poster)
        history(any_database, poster, seed=1)
    follow(any_database)
    return any_database


def everything(connection: Connection[Any]) -> dict[str, list[Any]]:
    """Return all rows of all views."""
    rows = {}
    for view in read_dictionary(connection):
        found = connection.execute(f"SELECT v::text FROM analytics.{view.name} AS v")  # type: ignore[arg-type]
        rows[view.name] = sorted(row[0] for row in found)
    return rows


def test_everything_is_explained(database: Database) -> None:
    """Every view and column has a comment, and the documentation has just these."""
    with database.connect() as connection:
        views = read_dictionary(connection)
    unexplained = [f"{view.name}.{column.name}" for view in views for column in view.columns if not column.description]
    assert (unexplained, [view.name for view in views if not view.description]) == ([], [])
    assert dictionary.spelled(views) == dictionary.written()


def test_analysts_reach_nothing_else(database: Database) -> None:
    """The role for analysts reads the views and the log: no table behind them, no member, no key. It writes nothing."""
    with database.connect_as_owner() as connection:
        rows = connection.execute(
            """
            SELECT n.nspname, c.relname,
                has_schema_privilege('khaywe_read', n.oid, 'USAGE')
                AND has_table_privilege('khaywe_read', c.oid, 'SELECT'),
                has_table_privilege('khaywe_read', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
            FROM pg_class AS c INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'v', 'm', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
            """
        ).fetchall()
        readable = {f"{schema}.{name}" for schema, name, may_read, _ in rows if may_read}
        assert readable == {f"analytics.{view.name}" for view in read_dictionary(connection)} | {"ledger.event_log"}
        assert not any(may_write for *_, may_write in rows)
        connection.execute("SET ROLE khaywe_read")
        assert connection.execute("SELECT * FROM analytics.balances").fetchall() == []
        for closed in ("views.balances", "members.identifiers", "access.api_keys", "workers.runs"):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM {closed}")  # type: ignore[arg-type]


def test_no_identifier_is_to_be_found(ledger: Database) -> None:
    """Nothing that the outside knows a member by is in any view."""
    with ledger.connect_as_owner() as connection:
        connection.execute("UPDATE members.identifiers SET value = 'secret-' || value")
        cards = [value for (value,) in connection.execute("SELECT value FROM members.identifiers")]
        text = "\n".join(line for lines in everything(connection).values() for line in lines)
    assert len(cards) == 5
    assert not [card for card in cards if card in text]


def test_a_rebuild_changes_nothing_for_analysts(ledger: Database) -> None:
    """After tables were swapped the views have the same rows, comments and grants, and follow the new tables."""
    with ledger.connect_as_owner() as connection:
        rows, explained = everything(connection), read_dictionary(connection)
        assert rows["balances"]
        assert rows["lots"]
        assert rebuild_equals(ledger, swap=True)
        assert (rows, explained) == (everything(connection), read_dictionary(connection))
        left = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'views_%'").fetchall()
        assert left == []
    with ledger.poster() as poster:
        history(ledger, poster, seed=2, count=5)
    follow(ledger)
    with ledger.connect_as_owner() as connection:
        connection.execute("SET ROLE khaywe_read")
        assert len(everything(connection)["accounts"]) == 2 * len(rows["accounts"])


def test_readers_notice_nothing_of_a_rebuild(ledger: Database) -> None:
    """Whoever reads views while their tables are swapped gets every row every time, and nobody waits for ever."""
    views = ("accounts", "balances", "lots", "timeline", "positions", "lot_movements")
    stopping = threading.Event()

    def read(view: str) -> set[int]:
        with ledger.connect() as connection:
            counts = set()
            while not stopping.is_set():
                counts.add(len(connection.execute(f"SELECT * FROM analytics.{view}").fetchall()))  # type: ignore[arg-type]
            return counts

    with ThreadPoolExecutor(len(views)) as pool:
        readers = [pool.submit(read, view) for view in views]
        try:
            for _ in range(5):
                assert rebuild_equals(ledger, swap=True)
        finally:
            stopping.set()
        assert all(len(reader.result()) == 1 for reader in readers)


def test_lots_are_what_moved(any_database: Database) -> None:
    """Of every lot, what it was made with and what moved leave what is open, where nothing is held."""
    with any_database.poster() as poster:
        publish_program(poster)
        for seed in (1, 2):
            walk(poster, PROGRAM_ID, seed)
    follow(any_database)
    with any_database.connect() as connection:
        differing = connection.execute(
            """
            SELECT l.account_id, l.lot, l.accrued_points, l.open_points, m.points
            FROM analytics.lots AS l LEFT JOIN (
                SELECT account_id, lot,
                    sum(CASE movement WHEN 'redemption_reversed' THEN points ELSE -points END) AS points
                FROM analytics.lot_movements GROUP BY account_id, lot
            ) AS m USING (account_id, lot)
            WHERE l.accrued_points + coalesce(m.points, 0) <> l.open_points
                AND l.account_id NOT IN (SELECT account_id FROM analytics.balances WHERE held_points <> 0)
            """
        ).fetchall()
        moved = connection.execute("SELECT DISTINCT movement FROM analytics.lot_movements").fetchall()
    assert not differing
    assert {movement for (movement,) in moved} == {
        "redeemed",
        "redemption_reversed",
        "clawed_back",
        "debited",
        "repaid",
        "transferred_out",
        "expired",
    }


@pytest.mark.parametrize("view", ["balances", "lots", "lot_movements", "timeline", "programs", "program_versions"])
def test_a_file_holds_what_the_view_shows(ledger: Database, tmp_path: Path, view: str) -> None:
    """Rows, types and descriptions are the view's; metadata and manifest say what the file is."""
    file = tmp_path / f"{view}.parquet"
    with ledger.connect() as connection:
        manifest = export_view_file(connection, view, file, generator=GENERATOR, program_id=PROGRAM_ID)
        names = ", ".join(column.name for column in manifest.columns)
        query = f"SELECT count(*), count(DISTINCT v) FROM (SELECT {names} FROM analytics.{view}) AS v"
        shown = connection.execute(query).fetchone()  # type: ignore[arg-type]
        positions = connection.execute("SELECT partition, position FROM analytics.positions ORDER BY 1").fetchall()
    table = pq.read_table(file)
    assert table.num_rows == manifest.export.row_count == shown[0] > 0  # type: ignore[index]
    assert table.column_names == [column.name for column in manifest.columns]
    assert table.schema.field(0).metadata[b"description"].decode() == manifest.columns[0].description
    stored = msgspec.json.decode(pq.read_metadata(file).metadata[b"khaywe.export"])
    assert stored == msgspec.to_builtins(manifest.export)
    assert stored["positions"] == [f"{partition}:{position}" for partition, position in positions]
    assert verify_export(file)["sha256"] == manifest.sha256
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(ExportDiffers):
        verify_export(file)


def test_a_file_is_of_one_program_or_of_all(ledger: Database, tmp_path: Path) -> None:
    """Another program's file has no rows; views that are of no program cannot be asked for by program."""
    with ledger.connect() as connection:
        target = io.BytesIO()
        assert export_view(connection, "lots", target, generator=GENERATOR, program_id="other").row_count == 0
        assert pq.read_table(target).num_rows == 0
        assert export_view(connection, "job_runs", io.BytesIO(), generator=GENERATOR).row_count == 0
        for name, program_id in (("job_runs", PROGRAM_ID), ("nothing", None), ('lots"; DROP TABLE x; --', None)):
            with pytest.raises(UnknownView):
                export_view(connection, name, io.BytesIO(), generator=GENERATOR, program_id=program_id)
        with pytest.raises(UnknownView):
            export_view_file(connection, "nothing", tmp_path / "n.parquet", generator=GENERATOR)
    assert not list(tmp_path.iterdir())


class _Meddler(io.BytesIO):
    """Takes bytes, and has more happen in the ledger when the first of them arrive."""

    def __init__(self, ledger: Database) -> None:
        super().__init__()
        self._ledger: Database | None = ledger

    def write(self, block: Any) -> int:
        """Take bytes."""
        ledger, self._ledger = self._ledger, None
        if ledger:
            with ledger.poster() as poster:
                history(ledger, poster, seed=7, count=20)
            follow(ledger)
        return super().write(block)


def test_a_file_is_one_snapshot(ledger: Database) -> None:
    """What happens while a file is being written is not in it, nor in the position it names."""
    with ledger.connect() as connection:
        before = connection.execute("SELECT count(*) FROM analytics.timeline").fetchone()
        positions = [
            f"{partition}:{position}"
            for partition, position in connection.execute(
                "SELECT partition, position FROM analytics.positions ORDER BY 1"
            )
        ]
        written = export_view(connection, "timeline", _Meddler(ledger), generator=GENERATOR)
        after = connection.execute("SELECT count(*) FROM analytics.timeline").fetchone()
    assert (written.row_count, written.positions) == (before[0], positions)  # type: ignore[index]
    assert after[0] > before[0]  # type: ignore[index]
