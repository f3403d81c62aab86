"""Closures and PostgreSQL make the same of the same facts; DuckDB's half is in tests/property/rules."""

from random import Random

import psycopg
from psycopg import sql

from tests.agreement import TABLE, create_table, mismatches, table_rows
from tests.random_rules import Generator, rows


def test_postgresql_agrees(empty_url: str) -> None:
    """600 random rules of 1,500 rows: what is equal how is said at `mismatches`."""
    random = Random(20_261_125)
    rules, facts = Generator(random).rules(600), rows(1_500, random)
    with psycopg.connect(empty_url) as connection, connection.cursor() as cursor:
        cursor.execute(create_table().encode())
        with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(TABLE.name))) as copy:
            for row in table_rows(facts):
                copy.write_row(row)
        found = mismatches(rules, facts, "postgres", lambda text: cursor.execute(text.encode()).fetchall())
        assert list(found) == []
