"""Corners that random rules seldom turn: SQL makes of them what closures make."""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from rules import check_facts, compile_rule, parse
from rules.catalog import ResultType
from tests.agreement import create_table, mismatches, table_rows
from tests.random_rules import CATALOGS, VARIABLES

SOME: dict[str, object] = {
    "amount": Decimal("12.5"),
    "count": 3,
    "flag": True,
    "text": "naïve 🎉x",
    "day": date(2024, 2, 29),
    "words": ["a", "naïve 🎉x"],
}
FULL = {one.name: SOME[one.name[:-2]] for one in VARIABLES}
EMPTY = {one.name: None if one.nullable else FULL[one.name] for one in VARIABLES}
BLANK = {one.name: "" if one.type == "str" else [] if one.type == "list[str]" else FULL[one.name] for one in VARIABLES}
FACTS: list[dict[str, object]] = [FULL, EMPTY, BLANK]

AMOUNT, COUNT, TEXT, DAY, WORDS = ({"var": f"{name}_1"} for name in ("amount", "count", "text", "day", "words"))
FLAG, NO_FLAG = {"var": "flag_1"}, {"!": {"var": "flag_1"}}
NULL = {"if": [FLAG, None, None]}


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Provide a table with somebody of whom all, nothing, and only blanks are known."""
    with duckdb.connect() as connection:
        connection.execute(create_table())
        places = ",".join("?" * (len(VARIABLES) + 1))
        connection.executemany(f"INSERT INTO facts VALUES ({places})", table_rows(FACTS))
        yield connection


@pytest.mark.parametrize(
    ("result", "source"),
    [
        ("bool", {"==": [None, TEXT]}),
        ("bool", {"!=": [None, None]}),
        ("bool", {"==": [NULL, DAY]}),
        ("bool", {"in": [None, ["a", None]]}),
        ("bool", {"in": [NULL, ["a"]]}),
        ("bool", {"in": [None, WORDS]}),
        ("bool", {"in": ["", TEXT]}),
        ("bool", {"in": [NO_FLAG, [True]]}),
        ("bool", {"in": [AMOUNT, [12.5, None, 7]]}),
        ("bool", {"in": [COUNT, [2.5]]}),
        ("bool", {"in": [TEXT, [None]]}),
        ("bool", {"in": ["b", ["a"]]}),
        ("bool", {"!!": NULL}),
        ("bool", {"<": [None, 5]}),
        ("bool", {"<": [None, DAY]}),
        ("bool", {"<=": [None, None]}),
        ("bool", {"startsWith": [None, TEXT]}),
        ("bool", {"endsWith": [TEXT, ""]}),
        ("bool", {"and": [FLAG, None]}),
        ("bool", {"==": [{"and": [FLAG, True]}, None]}),
        ("bool", {"==": [{">": [COUNT, 2]}, {"!": [{"==": [FLAG, None]}]}]}),
        ("bool", {"!!": {"if": [FLAG, DAY, DAY]}}),
        ("bool", {"!!": {"if": [FLAG, WORDS, {"missing": ["text_1"]}]}}),
        ("bool", {"!!": {"missing_some": [0, ["text_1"]]}}),
        ("bool", {"!!": {"missing_some": [3, ["text_1", "text_3"]]}}),
        ("number", {"min": [COUNT]}),
        ("number", {"max": [COUNT, 2, None]}),
        ("number", {"-": [{"*": [AMOUNT, 0.1]}]}),
        ("number", {"+": [{"*": [10**6, 10**6, COUNT]}, {"*": [10**6, 10**6, COUNT]}]}),
        ("number", {"+": [10**9, 10**9, 10**9]}),
        ("number", {"*": [{"+": [COUNT]}, {"*": [AMOUNT, AMOUNT]}]}),
        ("number", {"/": [{"/": [COUNT, 0.001]}, 3]}),
        ("number", {"%": [{"-": [COUNT]}, 2]}),
        ("number", {"or": [{"and": [AMOUNT, COUNT]}, {"var": ["amount_2", 0.5]}]}),
        ("number", {"if": [FLAG, None, {"*": [AMOUNT, AMOUNT]}]}),
        ("str", {"substr": [TEXT, 6]}),
        ("str", {"substr": [TEXT, 0, -1]}),
        ("str", {"substr": [TEXT, -2, 1]}),
        ("str", {"substr": [TEXT, -99, -99]}),
        ("str", {"cat": [TEXT, None, "'\\\""]}),
        ("date", {"or": [DAY, {"var": "day_3"}]}),
    ],
)
def test_corner(connection: duckdb.DuckDBPyConnection, result: ResultType, source: Any) -> None:
    """For somebody of whom all, nothing, and only blanks are known."""
    rule = parse(json.dumps(source), CATALOGS[result])
    assert list(mismatches([rule], FACTS, "duckdb", lambda text: connection.execute(text).fetchall())) == []


def test_closures_of_the_corners_differ() -> None:
    """The three are told apart, or nothing was compared."""
    evaluate = compile_rule(parse(json.dumps({"cat": [TEXT, "!"]}), CATALOGS["str"]))
    assert [evaluate(check_facts(one, CATALOGS["str"])) for one in FACTS] == ["naïve 🎉x!", "!", "!"]
