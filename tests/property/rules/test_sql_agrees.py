"""Closures and DuckDB make the same of the same facts; PostgreSQL's half is in tests/integration/rules."""

from random import Random

import duckdb

from tests.agreement import TABLE, create_table, mismatches, table_rows
from tests.random_rules import VARIABLES, Generator, rows


def test_duckdb_agrees() -> None:
    """600 random rules of 1,500 rows: what is equal how is said at `mismatches`."""
    random = Random(20_261_124)
    rules, facts = Generator(random).rules(600), rows(1_500, random)
    with duckdb.connect() as connection:
        connection.execute(create_table())
        places = ",".join("?" * (len(VARIABLES) + 1))
        connection.executemany(f"INSERT INTO {TABLE.name} VALUES ({places})", table_rows(facts))
        found = mismatches(rules, facts, "duckdb", lambda statement: connection.execute(statement).fetchall())
        assert list(found) == []
