"""Segments over real tables: who is in them, how many, and who comes and goes; in DuckDB and in PostgreSQL alike."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import duckdb
import psycopg
import pytest

from rules import InvalidRule, Rule, parse
from rules.sql import DIALECTS
from rules.sql.execute import Change, Warehouse, require_driver
from rules.sql.statements import select_keys

GUIDE = {"and": [{">": [{"var": "total_revenue"}, 1000]}, {"<": [{"var": "last_purchase_days_ago"}, 30]}]}
BUYERS = {">": [{"var": "purchase_count"}, 0]}
VIPS = {"in": ["v'i\\p", {"var": "tags"}]}

TABLES = """
CREATE TABLE customers (
    customer_id INTEGER PRIMARY KEY, total_revenue DECIMAL(12, 2), last_purchase_days_ago INTEGER,
    purchase_count INTEGER, tags TEXT[]
);
INSERT INTO customers VALUES
    (1, 1200.50, 3, 14, ARRAY['wine', 'v''i\\p']),
    (2, 1000, 3, 2, NULL),
    (3, 1200.50, NULL, 1, ARRAY[]::TEXT[]),
    (4, NULL, NULL, NULL, NULL),
    (5, 9000, 29, 7, ARRAY['v''i\\p']),
    (6, 9000, 30, 7, ARRAY['wine']);
CREATE TABLE segment_members (segment_id TEXT, customer_id INTEGER, PRIMARY KEY (segment_id, customer_id));
INSERT INTO segment_members VALUES ('regulars', 1), ('regulars', 6), ('it''s', 6);
"""


def rule(source: Any) -> Rule:
    """Return a rule for segments."""
    return parse(json.dumps(source), "segment")


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest) -> Iterator[Warehouse]:
    """Provide six customers and two segments."""
    if request.param == "duckdb":
        with duckdb.connect() as connection:
            connection.execute(TABLES)
            yield Warehouse("duckdb", connection)
    else:
        with psycopg.connect(request.getfixturevalue("empty_url")) as connection:
            connection.execute(TABLES.encode())
            yield Warehouse("postgres", connection)


def keys(warehouse: Warehouse, source: Any) -> list[int]:
    """Return whom a rule selects."""
    return sorted(key for batch in warehouse.keys(rule(source)) for key in batch)


def members(warehouse: Warehouse, segment: str) -> list[int]:
    """Return who is in a segment."""
    found = warehouse._run("SELECT segment_id, customer_id FROM segment_members").fetchall()
    return sorted(key for name, key in found if name == segment)


def test_the_guides_segment_leaves_out_who_never_bought(warehouse: Warehouse) -> None:
    """Customer 3 has no date of a last purchase, customer 4 nothing at all."""
    assert keys(warehouse, GUIDE) == [1, 5]
    assert keys(warehouse, {"!": [GUIDE]}) == [2, 3, 4, 6]


def test_texts_are_quoted(warehouse: Warehouse) -> None:
    """Quotes and backslashes reach the warehouse as they are."""
    assert keys(warehouse, VIPS) == [1, 5]


def test_several_rules_are_counted_in_one_scan(warehouse: Warehouse) -> None:
    """In the order of the rules."""
    assert warehouse.counts([rule(GUIDE), rule(BUYERS), rule(VIPS)]) == [2, 5, 2]


def test_members_are_brought_up_to_date(warehouse: Warehouse) -> None:
    """Who enters, who leaves; nobody else, and the second time nobody at all."""
    (changes,) = warehouse.changes(rule(GUIDE), "regulars")
    assert sorted(map(tuple, changes)) == [(5, True), (6, False)]
    assert warehouse.update_members(rule(GUIDE), "regulars") == Change(1, 1)
    assert members(warehouse, "regulars") == [1, 5]
    assert warehouse.update_members(rule(GUIDE), "regulars") == Change(0, 0)
    assert list(warehouse.changes(rule(GUIDE), "regulars")) == []
    assert warehouse.update_members(rule(BUYERS), "it's") == Change(4, 0)
    assert (members(warehouse, "it's"), members(warehouse, "regulars")) == ([1, 2, 3, 5, 6], [1, 5])


def test_a_failed_update_changes_nothing(warehouse: Warehouse) -> None:
    """Neither the members nor what a next update needs."""
    warehouse._run("ALTER TABLE segment_members RENAME COLUMN segment_id TO segment")
    with pytest.raises((duckdb.Error, psycopg.Error)):
        warehouse.update_members(rule(GUIDE), "regulars")
    warehouse._run("ALTER TABLE segment_members RENAME COLUMN segment TO segment_id")
    assert warehouse.update_members(rule(GUIDE), "regulars") == Change(1, 1)


def test_arrow(warehouse: Warehouse) -> None:
    """DuckDB hands over columns as they are."""
    if warehouse._dialect != "duckdb":
        with pytest.raises(ValueError, match="postgres hands over no Arrow batches"):
            warehouse.arrow([rule(GUIDE)])
        return
    table = warehouse.arrow([rule(GUIDE), rule(BUYERS)]).read_all().sort_by("customer_id")
    assert table.column_names == ["customer_id", "r1", "r2"]
    assert table.column("r1").to_pylist() == [True, False, False, False, True, False]
    assert table.column("r2").to_pylist() == [True, True, True, False, True, True]


def test_what_has_no_form_is_refused_before_anything_runs(warehouse: Warehouse) -> None:
    """With the place."""
    with pytest.raises(InvalidRule) as refusal:
        warehouse.counts([rule({">": [{"/": [{"var": "total_revenue"}, {"var": ["average_basket", 1]}]}, 2]})])
    assert [one.pointer for one in refusal.value.problems] == ["/>/0/~1"]


@pytest.mark.parametrize("dialect", DIALECTS[2:])
def test_other_warehouses_say_what_to_install(dialect: Any) -> None:
    """And that nobody has run their SQL yet."""
    with pytest.raises(ModuleNotFoundError, match=rf"khaywe\[{dialect}\]"):
        require_driver(dialect)


def test_other_warehouses_are_only_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a connection as the DB-API describes it, with a driver that is there."""
    monkeypatch.setattr("rules.sql.execute.require_driver", lambda _: None)
    with duckdb.connect() as connection:
        connection.execute(TABLES)
        warehouse = Warehouse("trino", connection)  # DuckDB happens to understand this one
        assert keys(warehouse, GUIDE) == [1, 5]
        with pytest.raises(ValueError, match="trino is not written to; take `changes`"):
            warehouse.update_members(rule(GUIDE), "regulars")


def test_statements_are_written_by_many_threads() -> None:
    """As requests of a server do."""
    rules = [rule({">": [{"var": "total_revenue"}, number]}) for number in range(200)]
    alone = [select_keys(one, "bigquery") for one in rules]
    select_keys.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda one: select_keys(one, "bigquery"), rules)) == alone
