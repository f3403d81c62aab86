"""What has no exact form in SQL is refused with its place, before any SQL exists."""

import json
import subprocess
import sys
from typing import Any

import pytest

from rules import InvalidRule, Rule, Variable, parse
from rules.catalog import Catalog
from rules.scopes import catalog
from rules.sql import DIALECTS, IN_SQL, TRAITS, Dialect, Members, Table, check_sql, require_sql
from rules.sql.statements import select_keys

REVENUE, BASKET, COUNT = {"var": "total_revenue"}, {"var": ["average_basket", 0]}, {"var": "purchase_count"}
COUNTRY, TAGS, SINCE = {"var": "country"}, {"var": "tags"}, {"var": "member_since"}

PLAIN = Catalog(
    "segment",
    "bool",
    {name: Variable(name, "decimal", "none", True, "") for name in "abcd"}
    | {
        "i": Variable("i", "int", "none", True, ""),
        "lines": Variable("lines", "list[object]", "none", True, ""),
        "other": Variable("other", "bool", "none", True, "", source="visits.other"),
    },
)


def problems(rule: Any, dialect: Dialect = "duckdb", known: Catalog | str = "segment") -> list[tuple[str, str]]:
    """Return code and place of everything that SQL has no form for."""
    return [(one.code, one.pointer) for one in check_sql(parse(json.dumps(rule), known), dialect)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_guides_segment_has_a_form_everywhere(dialect: Dialect) -> None:
    """As written."""
    assert problems({"and": [{">": [REVENUE, 1000]}, {"<": [{"var": "last_purchase_days_ago"}, 30]}]}, dialect) == []


@pytest.mark.parametrize(
    ("rule", "pointer"),
    [
        ({">": [{"/": [REVENUE, BASKET]}, 1]}, "/>/0/~1"),
        ({">": [{"%": [REVENUE, 5]}, 1]}, "/>/0/%"),
        ({">": [{"%": [COUNT, 2.5]}, 1]}, "/>/0/%"),
        ({">": [{"%": [5, COUNT]}, 1]}, "/>/0/%"),
        ({"in": ["country", {"missing": ["country"]}]}, "/in/1/missing"),
        ({"in": ["a", {"if": [COUNTRY, TAGS, TAGS]}]}, "/in/1/if/1/var"),
        ({">": [{"*": [REVENUE, 10**15]}, 1]}, "/>/0/*"),
        ({">": [{"/": [{"*": [REVENUE, 10**12]}, 0.001]}, 1]}, "/>/0/~1"),
    ],
)
def test_what_has_no_exact_form(rule: Any, pointer: str) -> None:
    """With the place of what cannot be said."""
    assert ("not_in_sql", pointer) in problems(rule)


def test_truth_of_lists_has_a_form() -> None:
    """Only the list itself has not."""
    asked = {"if": [TAGS, {"!!": {"missing": ["country"]}}, {"!": {"missing_some": [1, ["tags"]]}}]}
    assert problems({"and": [asked, {"!": [{"or": [TAGS, {"missing": ["tags"]}]}]}]}) == []


def test_two_products_of_columns_but_not_three() -> None:
    """A fourth column would need more than 38 digits; it is told once, where it is too much."""
    columns = [{"var": name} for name in "abcd"]
    assert problems({">": [{"*": columns[:3]}, 5]}, known=PLAIN) == []
    too_much = {"+": [{"*": [{"*": columns[:3]}, columns[3]]}, 1]}
    assert problems({">": [too_much, 5]}, known=PLAIN) == [("not_in_sql", "/>/0/+/0/*")]


def test_whole_numbers_that_leave_64_bits_are_decimals() -> None:
    """And therefore have no remainder."""
    big = {"*": [{"var": "i"}, 10**12]}
    assert problems({">": [{"+": [big, big]}, 1]}, known=PLAIN) == []
    assert problems({">": [{"%": [big, 7]}, 1]}, known=PLAIN) == [("not_in_sql", "/>/0/%")]
    fraction_counts = {"%": [{"var": ["i", 0.5]}, 7]}
    assert problems({">": [fraction_counts, 1]}, known=PLAIN) == [("not_in_sql", "/>/0/%")]


@pytest.mark.parametrize(
    ("rule", "pointer"),
    [
        ({"==": [{"substr": [COUNTRY, 1]}, "H"]}, "/==/0/substr"),
        ({">": [REVENUE, 1234567890.123456]}, "/>/1"),
        ({"in": [BASKET, [1, 12345678901.12345]]}, "/in/1"),
        ({"<": [{"var": ["average_basket", 12345678901.12345]}, 5]}, "/</0/var"),
        ({"<": [SINCE, "1969-12-31"]}, "/</1"),
    ],
)
def test_what_clickhouse_would_get_wrong(rule: Any, pointer: str) -> None:
    """Bytes for characters, numbers through floats, days before 1970."""
    assert problems(rule, "clickhouse") == [("not_in_sql", pointer)]
    assert problems(rule, "trino") == []


def test_operators_of_the_ledger_have_no_form() -> None:
    """Nor has anything that SQL has not been taught."""
    rule = parse('{"round":[{"var":"transaction_amount"},2]}', "earn")
    assert [(one.code, one.pointer) for one in check_sql(rule, "duckdb")] == [("not_in_sql", "/round")]
    assert not {"round", "floor", "ceil", "some", "reduce"} & IN_SQL


def test_lists_of_objects_are_no_columns() -> None:
    """Even for their truth."""
    assert problems({"!!": {"var": "lines"}}, known=PLAIN) == [("not_in_sql", "/!!/var")]


def test_variables_are_columns_of_one_table() -> None:
    """Of the one the rule is asked of; a column may be named."""
    rule = parse('{"and":[{"var":"other"},{"!!":{"var":"a"}}]}', PLAIN)
    assert check_sql(rule, "duckdb") == ()
    with pytest.raises(InvalidRule, match=r"'other' is visits\.other, no column of customers"):
        require_sql(rule, "duckdb", Table())
    assert '"seen"' in select_keys(rule, "duckdb", Table(columns=(("other", "seen"),)))
    assert '"other"' in select_keys(rule, "duckdb", Table("v", source="visits"))


def test_sql_does_not_grow_without_bounds() -> None:
    """A text cut from its end is written several times."""
    text: Any = COUNTRY
    for _ in range(12):
        text = {"substr": [text, -5, -1]}
    assert problems({"==": [text, "x"]}) == [("not_in_sql", "/==")]
    both: Any = COUNTRY
    for _ in range(6):
        both = {"and": [{"!!": both}, {"or": [{"!": TAGS}, True]}]}
    assert problems(both) == []


@pytest.mark.parametrize("name", ['a"b', "a`b", "a.b", "a\\b", "", "a;b"])
def test_names_that_cannot_be_quoted(name: str) -> None:
    """Or that a dialect would change in silence."""
    for make in (lambda: Table(name), lambda: Table(columns=(("a", name),)), lambda: Members(segment=name)):
        with pytest.raises(ValueError, match="is no name of a table or column"):
            make()


def test_every_dialect_has_traits() -> None:
    """Two of them are executed."""
    assert tuple(TRAITS) == DIALECTS
    assert [dialect for dialect in DIALECTS if TRAITS[dialect].is_executed] == ["duckdb", "postgres"]


def test_rules_come_without_ibis() -> None:
    """Checking whether a rule has a form in SQL costs no import of a compiler; `khaywe --help` stays instant."""
    code = "import sys, rules, rules.sql, khaywe.cli; sys.exit('ibis' in sys.modules or 'duckdb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def rule_of(source: Any) -> Rule:
    """Return a rule for segments."""
    return parse(json.dumps(source), catalog("segment"))


def test_statements_are_remembered() -> None:
    """By rule, dialect and table; another spelling of the table is another statement."""
    rule = rule_of({">": [REVENUE, 5]})
    assert select_keys(rule, "duckdb") is select_keys(rule_of({">": [REVENUE, 5]}), "duckdb")
    assert select_keys(rule, "duckdb") != select_keys(rule, "duckdb", Table(key="id"))
