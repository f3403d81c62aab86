"""Recorded facts cannot be changed: not by the application, and not even by the owner of the tables."""

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg import Connection, errors, sql

from khaywe.wiring import Database
from tests.databases import Databases
from tests.integration.ledger import till

CHANGES = ("UPDATE {} SET version = 2", "DELETE FROM {}", "DELETE FROM {} WHERE FALSE", "TRUNCATE {}")

FACTS = pytest.mark.parametrize("table", ["events", "receipts"])
EACH_CHANGE = pytest.mark.parametrize("change", CHANGES)


@pytest.fixture(scope="module")
def ledger(databases: Databases) -> Iterator[Database]:
    """Provide a ledger in which something has happened."""
    database = databases.create()
    with database.poster() as poster:
        poster.post([till.open_account(1), till.accrue(1, 10, "a1")])
    yield database
    databases.drop(database.owner_url)


@pytest.fixture
def application(ledger: Database) -> Iterator[Connection[Any]]:
    """Provide a session of the application role."""
    with ledger.connect() as connection:
        yield connection


@pytest.fixture
def owner(ledger: Database) -> Iterator[Connection[Any]]:
    """Provide a session of the owner, whose changes are taken back in the end."""
    with ledger.connect_as_owner() as connection, connection.transaction(force_rollback=True):
        yield connection


def spelled(statement: str, table: str) -> sql.Composed:
    """Put the table's name into the statement."""
    return sql.SQL(statement).format(sql.Identifier("ledger", table))


@FACTS
@EACH_CHANGE
def test_application_has_no_right_to_change_facts(application: Connection[Any], table: str, change: str) -> None:
    """The role that serves requests may insert and read, nothing else."""
    with pytest.raises(errors.InsufficientPrivilege):
        application.execute(spelled(change, table))


@FACTS
@EACH_CHANGE
def test_trigger_stops_the_owner(owner: Connection[Any], table: str, change: str) -> None:
    """A slip of an administrator's hand is refused with a sentence that says what to do instead."""
    with pytest.raises(errors.RestrictViolation, match="recorded facts never change; correct them with a new event"):
        owner.execute(spelled(change, table))


@FACTS
def test_upsert_is_a_change_too(owner: Connection[Any], table: str) -> None:
    """Inserting again with ON CONFLICT DO UPDATE, or MERGE, does not get past the trigger."""
    upsert = "INSERT INTO {0} SELECT * FROM {0} ON CONFLICT (partition, {1}) DO UPDATE SET version = 9"
    key = "stream_id, version" if table == "events" else "source, key"
    statement = sql.SQL(upsert).format(sql.Identifier("ledger", table), sql.SQL(key))
    with pytest.raises(errors.RestrictViolation):
        owner.execute(statement)


@FACTS
@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE {} DISABLE TRIGGER ALL",
        "ALTER TABLE {} OWNER TO khaywe_app",
        "ALTER TABLE {} ALTER COLUMN version TYPE int",
        "DROP TABLE {}",
    ],
)
def test_application_cannot_open_the_door(application: Connection[Any], table: str, statement: str) -> None:
    """The application role owns nothing, so it cannot take the trigger or the table away."""
    with pytest.raises(errors.InsufficientPrivilege):
        application.execute(spelled(statement, table))


def test_application_cannot_silence_triggers(application: Connection[Any]) -> None:
    """Only a superuser may pretend to be a replica."""
    with pytest.raises(errors.InsufficientPrivilege):
        application.execute("SET session_replication_role = replica")


@pytest.mark.parametrize(("statement", "table"), [("DELETE FROM {}", "heads"), ("TRUNCATE {}", "heads")])
def test_application_cannot_take_heads_away(application: Connection[Any], statement: str, table: str) -> None:
    """Heads are moved, and never removed or added, by the application."""
    with pytest.raises(errors.InsufficientPrivilege):
        application.execute(spelled(statement, table))
    with pytest.raises(errors.InsufficientPrivilege):
        application.execute("INSERT INTO ledger.heads (partition) VALUES (1)")


def test_readers_see_the_log_and_touch_nothing(ledger: Database) -> None:
    """Analysts read the log as JSON; the tables behind it are closed to them."""
    with ledger.connect_as_owner() as connection:
        connection.execute("SET ROLE khaywe_read")
        topics = connection.execute("SELECT topic, state ->> 'accrual_id' FROM ledger.event_log ORDER BY position")
        assert topics.fetchall() == [("account.opened.v1", None), ("account.points_accrued.v1", "a1")]
        for table in ("events", "receipts", "heads", "snapshots"):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(spelled("SELECT * FROM {}", table))


def test_snapshots_may_be_emptied(application: Connection[Any]) -> None:
    """What is only a cache, the application may throw away."""
    application.execute("DELETE FROM ledger.snapshots")
