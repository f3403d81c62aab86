"""Segments: rules over 2,000,000 customers of 20 columns, in DuckDB; and whether SQL and closures agree, at length."""

import json
import time
from collections.abc import Callable
from random import Random
from typing import Any

import duckdb
import psycopg
from psycopg import sql

from bench.figures import figure, note
from bench.ledgers import settings_for, temporary_home
from bench.ruling import SEGMENT_RULE, rule_of_25
from khaywe.wiring import open_database
from rules import Rule, parse
from rules.sql import Dialect
from rules.sql.execute import Warehouse
from tests.agreement import TABLE, create_table, mismatches, table_rows
from tests.random_rules import Generator, rows

CUSTOMERS = 2_000_000
RULES, ROWS = 3_000, 1_500
SEED = 20_261_126

_CREATE = """
CREATE TABLE customers AS SELECT
    i AS customer_id,
    CASE WHEN has_bought THEN (random() * 5000)::DECIMAL(12, 2) END AS total_revenue,
    CASE WHEN has_bought THEN (random() * 80)::INTEGER END AS purchase_count,
    CASE WHEN has_bought THEN (random() * 300)::DECIMAL(12, 2) END AS average_basket,
    CASE WHEN has_bought THEN (random() * 700)::INTEGER END AS last_purchase_days_ago,
    (random() * 20000)::DECIMAL(12, 0) AS points_balance,
    CASE WHEN random() < 0.9 THEN DATE '2018-01-01' + (random() * 2800)::INTEGER END AS member_since,
    ['CH', 'LI', 'AT', 'DE', 'FR', NULL][1 + (random() * 5)::INTEGER] AS country,
    CASE WHEN random() < 0.9 THEN random() < 0.4 END AS accepts_marketing,
    CASE WHEN random() < 0.5 THEN [['vip', 'wine', 'bio', 'blocked'][1 + (random() * 3)::INTEGER]] END AS tags,
    {more}
FROM (SELECT i, hash(i) % 10 < 7 AS has_bought FROM range({count}) numbers(i))
"""
_BUYERS = '{">":[{"var":"total_revenue"},1000]}'
_MORE = ", ".join(f"(random() * 1000)::DECIMAL(12, 2) AS feature_{number}" for number in range(10))


def run() -> None:
    """Measure the guide's segment rule, fifty rules in one scan, and writing who comes and goes."""
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2")
        connection.execute(_CREATE.format(count=CUSTOMERS, more=_MORE))
        connection.execute("CREATE TABLE segment_members (segment_id TEXT, customer_id BIGINT)")
        warehouse = Warehouse("duckdb", connection)
        guide = parse(SEGMENT_RULE, "segment")
        fifty = [parse(json.dumps(one), "segment") for one in _fifty()]
        warehouse.counts([guide]), warehouse.counts(fifty)  # compiled once, as a server would have them
        figure("segment_scan_s", _middle(lambda: warehouse.counts([guide])), "s")
        figure("segment_keys_s", _middle(lambda: sum(map(len, warehouse.keys(guide)))), "s")
        figure("segment_50_scan_s", _middle(lambda: warehouse.counts(fifty)), "s")
        figure("segment_change_s", _changes(warehouse), "s")


def _fifty() -> list[Any]:
    """Return rules as marketing has them: small ones, with other numbers each, and a few of 25 operators."""
    revenue, last, country = {"var": "total_revenue"}, {"var": "last_purchase_days_ago"}, {"var": "country"}
    found: list[Any] = [rule_of_25() for _ in range(5)]
    for number in range(15):
        found += [
            {"and": [{">": [revenue, 100 * number]}, {"<": [last, 30 + number]}]},
            {"and": [{"in": [country, ["CH", "LI"]]}, {"<=": [10, {"var": ["average_basket", 0]}, 100 + number]}]},
            {"or": [{"in": ["vip", {"var": "tags"}]}, {">=": [{"var": "member_since"}, f"20{10 + number}-01-01"]}]},
        ]
    return found


def _changes(warehouse: Warehouse) -> float:
    """Fill a small segment and one of most customers, then move their bounds to and fro; return the slowest."""
    taken = []
    for segment, template in (("regulars", SEGMENT_RULE), ("buyers", _BUYERS)):
        for limit in (1000, 1100, 900, 1500):
            rule = parse(template.replace("1000", str(limit)), "segment")
            started = time.perf_counter()
            change = warehouse.update_members(rule, segment)
            taken.append(time.perf_counter() - started)
            note(f"{segment}: {change.entered_count} entered, {change.left_count} left in {taken[-1]:.3f} s")
    return max(taken)


def _middle(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return sorted(taken)[len(taken) // 2]


def agree() -> None:
    """Count on how many random rows of random rules closures and SQL differ; none is expected."""
    random = Random(SEED)
    rules, facts = Generator(random).rules(RULES), table_rows(found := rows(ROWS, random))
    with duckdb.connect() as connection:
        connection.execute(create_table())
        places = ",".join("?" * len(facts[0]))
        connection.executemany(f"INSERT INTO {TABLE.name} VALUES ({places})", facts)
        _count(rules, found, "duckdb", lambda statement: connection.execute(statement).fetchall())
    with (
        temporary_home() as home,
        open_database(settings_for(home)) as database,
        psycopg.connect(database.owner_url) as session,
        session.cursor() as cursor,
    ):
        cursor.execute(create_table().encode())
        with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(TABLE.name))) as copy:
            for row in facts:
                copy.write_row(row)
        _count(rules, found, "postgres", lambda statement: cursor.execute(statement.encode()).fetchall())


def _count(rules: list[Rule], facts: list[dict[str, object]], dialect: Dialect, run_sql: Callable[[str], Any]) -> None:
    differing = list(mismatches(rules, facts, dialect, run_sql))
    for line in differing[:10]:
        note(line)
    figure(f"sql_agreement_{dialect}", len(differing), f"mismatches of {len(rules) * len(facts)}")
