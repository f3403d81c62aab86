"""Schema history: applied once, in order, as a whole or not at all; and never rewritten."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import Connection, errors

from khaywe.settings import Settings
from khaywe.wiring import open_database
from ledger.store.partitions import PartitionsFixed, initialise
from migrations import Migration, MigrationError, migrate, migrations, pending
from tests import schema
from tests.databases import Databases

ALL = migrations()


@pytest.fixture
def connection(empty_url: str) -> Iterator[Connection[Any]]:
    """Provide the owner's session in a database with nothing in it."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def whole(databases: Databases) -> str:
    """Provide what all migrations yield when they are applied at once."""
    with fresh(databases) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            migrate(connection)
        return schema.dump(url)


@contextmanager
def fresh(databases: Databases) -> Iterator[str]:
    """Provide the owner's URL of a database with nothing in it."""
    url = databases.create_empty()
    try:
        yield url
    finally:
        databases.drop(url)


def normal(dumped: str) -> list[str]:
    """Return the lines of a dump that say something."""
    return [line for line in dumped.splitlines() if line and not line.startswith(("--", "\\"))]


def applied(connection: Connection[Any]) -> list[tuple[int, str, str]]:
    """Return what the database says has been applied to it."""
    rows = connection.execute("SELECT number, name, checksum FROM migrations.applied ORDER BY number").fetchall()
    return [(number, name, checksum) for number, name, checksum in rows]


def made_up(number: int, sql: str) -> Migration:
    """Spell a migration that comes after those there are."""
    return Migration(number, "made_up", sql)


def test_empty_database_gets_all_of_them(connection: Connection[Any]) -> None:
    """Every migration is applied, in order, told, and remembered with its checksum; the next run has nothing to do."""
    told: list[Migration] = []
    assert pending(connection) == ALL
    assert ALL == migrate(connection, on_applied=told.append) == told
    assert [(one.number, one.name, one.checksum) for one in ALL] == applied(connection)
    assert pending(connection) == migrate(connection) == []


@pytest.mark.parametrize("known", range(len(ALL) + 1))
def test_every_earlier_version_is_brought_up_to_date(databases: Databases, whole: str, known: int) -> None:
    """A database that stopped at any earlier version ends with the same schema as a new one."""
    with fresh(databases) as url, psycopg.connect(url, autocommit=True) as connection:
        migrate(connection, ALL[:known])
        assert ALL[known:] == migrate(connection)
        assert normal(whole) == normal(schema.dump(url))


def test_readable_schema_is_up_to_date(whole: str) -> None:
    """`migrations/schema.sql` says what the migrations yield; if not, run ``python -m tests.schema``."""
    assert schema.readable(whole) == schema.FILE.read_text("utf-8")


def test_readable_schema_yields_the_same_schema(empty_url: str, whole: str) -> None:
    """Making the text readable has not changed what it means."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(schema.FILE.read_bytes())
    assert normal(whole) == normal(schema.dump(empty_url))


@pytest.mark.parametrize("place", range(len(ALL)))
def test_edited_history_is_refused(connection: Connection[Any], place: int) -> None:
    """A file that was changed after it was applied is named, and nothing is applied."""
    migrate(connection)
    edited = [*ALL, made_up(len(ALL) + 1, "CREATE TABLE more ()")]
    edited[place] = msgspec.structs.replace(ALL[place], sql=ALL[place].sql + "-- a harmless comment")
    for ask in (pending, migrate):
        with pytest.raises(MigrationError, match=f"Migration {ALL[place].label} is not the one that was applied"):
            ask(connection, edited)
    assert len(applied(connection)) == len(ALL)


def test_newer_database_is_refused(connection: Connection[Any]) -> None:
    """A program that does not know the newest migration does not touch the database."""
    migrate(connection)
    for ask in (pending, migrate):
        with pytest.raises(MigrationError, match=f"The database is at {ALL[-1].label}, which this version"):
            ask(connection, ALL[:-1])


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE ledger.more (); SELECT 1 / 0",
        "CREATE TABLE ledger.more (); INSERT INTO ledger.heads VALUES (-1)",
        "CREATE TABLE ledger.more (); syntax error",
        "CREATE TABLE ledger.more (); ALTER TABLE ledger.events ADD CONSTRAINT none CHECK (FALSE); DROP TABLE nowhere",
    ],
)
def test_failing_migration_leaves_nothing(connection: Connection[Any], whole: str, sql: str) -> None:
    """What it had done is undone, what came before it stays, and a repaired file can be applied afterwards."""
    fails, after = made_up(len(ALL) + 1, sql), made_up(len(ALL) + 2, "CREATE TABLE ledger.after ()")
    with pytest.raises(MigrationError, match=rf"Migration {fails.label} failed and was rolled back: "):
        migrate(connection, [*ALL, fails, after])
    assert len(applied(connection)) == len(ALL)
    assert normal(whole) == normal(schema.dump(_url(connection)))
    repaired = made_up(len(ALL) + 1, "CREATE TABLE ledger.more ()")
    assert migrate(connection, [*ALL, repaired, after]) == [repaired, after]


def _url(connection: Connection[Any]) -> str:
    return connection.info.dsn


def test_migration_does_not_wait_for_ever(connection: Connection[Any], empty_url: str) -> None:
    """A table that somebody uses is given up on after a while, so that nobody has to queue behind the migration."""
    migrate(connection)
    alter = made_up(len(ALL) + 1, "SET LOCAL lock_timeout = '100ms'; ALTER TABLE ledger.heads ADD COLUMN more int")
    waits = made_up(len(ALL) + 1, "DO $$ BEGIN ASSERT current_setting('lock_timeout') = '5s'; END $$")
    with psycopg.connect(empty_url) as reader:
        reader.execute("SELECT * FROM ledger.heads")
        with pytest.raises(MigrationError, match="lock timeout"):
            migrate(connection, [*ALL, alter])
    assert migrate(connection, [*ALL, waits]) == [waits]


def test_two_runners_apply_each_migration_once(empty_url: str) -> None:
    """When several processes start at the same time, one migrates and the others find it done."""
    together = threading.Barrier(4)

    def run(_: int) -> list[Migration]:
        with psycopg.connect(empty_url, autocommit=True) as connection:
            together.wait()
            return migrate(connection)

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(run, range(4)))
    assert sorted(done, key=len) == [[], [], [], ALL]


def test_runner_that_died_lets_the_next_one_in(empty_url: str) -> None:
    """A runner whose connection is cut in the middle leaves whole migrations, and no lock."""
    with psycopg.connect(empty_url, autocommit=True) as connection, psycopg.connect(empty_url) as killer:

        def cut(migration: Migration) -> None:
            if migration.number == 2:
                killer.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))

        with pytest.raises((psycopg.OperationalError, MigrationError)):
            migrate(connection, on_applied=cut)
    with psycopg.connect(empty_url, autocommit=True) as connection:
        assert len(applied(connection)) == 2
        assert ALL[2:] == migrate(connection)


def test_files_are_numbered_without_gaps() -> None:
    """Each file has its number, and the one that is only to be read is none of them."""
    assert [one.number for one in ALL] == [*range(1, len(ALL) + 1)]
    assert all(one.sql.startswith("-- ") and "Locks:" in one.sql for one in ALL)


def settings(url: str) -> Settings:
    """Spell what an operator with a server of their own sets."""
    return Settings.from_environment({"KHAYWE_DATABASE_URL": url})


def test_opening_a_database_prepares_it(empty_url: str) -> None:
    """The composition root migrates and sets up partitions; opening it again changes nothing."""
    for wanted in (4, None, 4):
        with open_database(settings(empty_url), partition_count=wanted) as database:
            assert database.partition_count == 4
            with database.connect() as connection:
                assert connection.execute("SELECT count(*), sum(position) FROM ledger.heads").fetchone() == (4, 0)


@pytest.mark.parametrize("wanted", [1, 5])
def test_number_of_partitions_is_for_life(empty_url: str, wanted: int) -> None:
    """Another number than the ledger was set up with is refused."""
    with open_database(settings(empty_url), partition_count=4):
        pass
    with (
        pytest.raises(PartitionsFixed, match="has 4 partition"),
        open_database(settings(empty_url), partition_count=wanted),
    ):
        pass


@pytest.mark.parametrize("wanted", [0, -1, 1025])
def test_number_of_partitions_is_bounded(connection: Connection[Any], wanted: int) -> None:
    """No ledger without partitions, and none with more than it could use."""
    migrate(connection)
    with pytest.raises(ValueError, match="1 to 1024 partitions"):
        initialise(connection, wanted)


def test_two_processes_set_up_the_same_partitions(empty_url: str) -> None:
    """When two set a new ledger up at the same time with different wishes, the second one is refused."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        migrate(connection)
    together = threading.Barrier(2)

    def run(wanted: int) -> int | None:
        with psycopg.connect(empty_url, autocommit=True) as connection:
            together.wait()
            try:
                return initialise(connection, wanted)
            except PartitionsFixed:
                return None

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(run, [2, 3]))
    assert sorted(outcomes, key=str) in ([2, None], [3, None])


def test_application_role_cannot_migrate(empty_url: str) -> None:
    """Only the owner changes the schema."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        migrate(connection)
        connection.execute("SET ROLE khaywe_app")
        with pytest.raises(errors.InsufficientPrivilege):
            migrate(connection, [*ALL, made_up(len(ALL) + 1, "SELECT 1")])
