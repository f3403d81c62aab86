"""
Have a warehouse run what rules select, over an open connection of the caller's.

Nothing is looked up, pooled or configured here. DuckDB and PostgreSQL are what our tests run; connections of the other
warehouses are taken as Python's DB-API describes them, and their SQL has only been read.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from typing import Any, Final, cast

from msgspec import Struct

from rules.parse import Rule
from rules.sql.dialects import TRAITS, Dialect
from rules.sql.statements import CUSTOMERS, count_matches, select_changes, select_keys, select_results, write_changes
from rules.sql.tables import Members, Table

BATCH: Final = 10_000
"""Rows handed over at a time."""

SEGMENT_MEMBERS: Final = Members()
_CHANGES: Final = "khaywe_segment_changes"
_COUNT_CHANGES: Final = f"SELECT COUNT(*), COUNT(*) FILTER (WHERE entered) FROM {_CHANGES}"  # noqa: S608  # nothing foreign


class Change(Struct, frozen=True):
    """How a segment's membership changed."""

    entered_count: int
    left_count: int


class Warehouse:
    """A warehouse and its customers."""

    def __init__(self, dialect: Dialect, connection: Any, table: Table = CUSTOMERS) -> None:
        """
        Args:
            dialect: What the connection understands.
            connection: Of duckdb, psycopg, or another driver after the DB-API; open. What it was asked
                last must be read to the end before it is asked again.
            table: The customers.

        Raises:
            ModuleNotFoundError: The dialect's driver is not installed.
        """
        require_driver(dialect)
        self._dialect = dialect
        self._connection = connection
        self._table = table

    def keys(self, rule: Rule) -> Iterator[Sequence[Any]]:
        """
        Give the keys of the customers for whom a rule holds, up to `BATCH` at a time, in no order.

        Raises:
            InvalidRule: The rule has no form in this SQL.
        """
        cursor = self._run(select_keys(rule, self._dialect, self._table))
        while batch := cursor.fetchmany(BATCH):
            yield [key for (key,) in batch]

    def arrow(self, rules: Sequence[Rule]) -> Any:
        """
        Return a ``pyarrow.RecordBatchReader`` of the key and ``r1``, ``r2`` …, one row per customer; DuckDB only.

        Raises:
            InvalidRule: One of the rules has no form in this SQL.
            ValueError: The warehouse is another.
        """
        if self._dialect != "duckdb":
            raise ValueError(f"{self._dialect} hands over no Arrow batches here")
        return self._run(select_results(tuple(rules), self._dialect, self._table)).to_arrow_reader(BATCH)

    def counts(self, rules: Sequence[Rule]) -> list[int]:
        """
        Count for how many customers each rule holds, in one scan.

        Raises:
            InvalidRule: One of the rules has no form in this SQL.
        """
        return list(self._run(count_matches(tuple(rules), self._dialect, self._table)).fetchone())

    def changes(self, rule: Rule, segment: str, members: Members = SEGMENT_MEMBERS) -> Iterator[Sequence[Any]]:
        """
        Give who would enter or leave a segment, up to `BATCH` at a time: the key, and whether the customer enters.

        Args:
            rule: Whom the segment is to hold.
            segment: Its name in the table of members.
            members: The table of members.

        Raises:
            InvalidRule: The rule has no form in this SQL.
        """
        cursor = self._run(select_changes(rule, segment, self._dialect, self._table, members))
        while batch := cursor.fetchmany(BATCH):
            yield batch

    def update_members(self, rule: Rule, segment: str, members: Members = SEGMENT_MEMBERS) -> Change:
        """
        Bring the members of a segment up to date, in one transaction; DuckDB and PostgreSQL only.

        Args:
            rule: Whom the segment is to hold.
            segment: Its name in the table of members.
            members: The table of members.

        Raises:
            InvalidRule: The rule has no form in this SQL.
            ValueError: The warehouse is another.
        """
        if not TRAITS[self._dialect].is_executed:
            raise ValueError(f"{self._dialect} is not written to; take `changes`, and write them with your own tools")
        changes = select_changes(rule, segment, self._dialect, self._table, members)
        leave, enter = write_changes(segment, _CHANGES, self._dialect, members)
        with self._transaction():
            self._run(f"CREATE TEMPORARY TABLE {_CHANGES} AS {changes}")
            row = self._run(_COUNT_CHANGES).fetchone()
            self._run(leave)
            self._run(enter)
            self._run(f"DROP TABLE {_CHANGES}")
        changed_count, entered_count = cast("tuple[int, int]", row)
        return Change(entered_count, changed_count - entered_count)

    def _run(self, statement: str) -> Any:
        # A cursor of DuckDB's is another connection: it sees neither this one's transaction nor its temporary tables.
        runner = self._connection if TRAITS[self._dialect].is_executed else self._connection.cursor()
        return runner.execute(statement) or runner

    def _transaction(self) -> AbstractContextManager[Any]:
        if self._dialect == "postgres":
            return cast("AbstractContextManager[Any]", self._connection.transaction())
        return self._duckdb_transaction()

    @contextmanager
    def _duckdb_transaction(self) -> Iterator[None]:
        self._connection.begin()
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()


def require_driver(dialect: Dialect) -> None:
    """
    Raises:
        ModuleNotFoundError: The driver of a warehouse is not installed; says how to install it.
    """
    driver = TRAITS[dialect].driver
    try:
        found = find_spec(driver)
    except ModuleNotFoundError:  # of the package that the module would be in
        found = None
    if found is None:
        raise ModuleNotFoundError(
            f"{dialect} needs the module {driver}: install it with the extra, khaywe[{dialect}]. "
            f"Its SQL can be written without, but nobody has run it yet.",
            name=driver,
        )
