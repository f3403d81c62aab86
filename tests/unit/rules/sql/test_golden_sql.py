"""
The SQL of every dialect, as it was read and found good: tests/golden/sql, one file for each.

After a change that is meant, write them anew and read what ``git diff`` says about them::

    KHAYWE_WRITE_GOLDEN=1 .venv/bin/pytest tests/unit/rules/sql/test_golden_sql.py
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from rules import InvalidRule, parse
from rules.ir import Call, walk
from rules.sql import DIALECTS, IN_SQL, Dialect, Members, Table
from rules.sql.statements import count_matches, select_changes, select_keys, select_results, write_changes

GOLDEN: Final = Path(__file__).parents[3] / "golden" / "sql"

REVENUE, COUNT, LAST = {"var": "total_revenue"}, {"var": "purchase_count"}, {"var": "last_purchase_days_ago"}
BASKET, BASKET_OR_0 = {"var": "average_basket"}, {"var": ["average_basket", 0]}
COUNTRY, TAGS, SINCE, MARKETING = (
    {"var": "country"},
    {"var": "tags"},
    {"var": "member_since"},
    {"var": "accepts_marketing"},
)
GUIDE = {"and": [{">": [REVENUE, 1000]}, {"<": [LAST, 30]}]}

RULES: Final[dict[str, Any]] = {
    "the guide's segment": GUIDE,
    "truth of a number, a text, a boolean, a list, a date": {
        "and": [{"!!": one} for one in (COUNT, COUNTRY, MARKETING, TAGS, SINCE)]
    },
    "not true of what may be absent": {"or": [{"!": one} for one in (BASKET, COUNTRY, MARKETING, TAGS, SINCE)]},
    "a number and its default": {"<": [{"var": ["average_basket", 99.5]}, 30]},
    "between numbers": {"<=": [10, BASKET, "100"]},
    "between dates": {"<": ["2024-01-01", SINCE, "2024-12-31"]},
    "order of dates": {">=": [SINCE, "2024-02-29"]},
    "equal to a literal": {"or": [{"==": [COUNTRY, "CH"]}, {"!=": [COUNT, 14]}, {"===": [BASKET, 0.5]}]},
    "equal to null": {"and": [{"==": [COUNTRY, None]}, {"!==": [SINCE, None]}, {"==": [REVENUE, None]}]},
    "equal to another column": {"or": [{"==": [BASKET, {"/": [REVENUE, 4]}]}, {"!=": [MARKETING, {"!": MARKETING}]}]},
    "and, or return an operand": {"==": [{"or": [{"and": [BASKET, 5]}, REVENUE]}, 7]},
    "if without else, and its other name": {
        "==": [{"if": [{">": [COUNT, 3]}, "often", {"?:": [COUNT, "once"]}]}, "often"]
    },
    "one type for all branches": {">": [{"if": [MARKETING, 2, LAST, REVENUE, {"*": [REVENUE, 0.1]}]}, 1]},
    "plus, minus": {">": [{"-": [{"+": [REVENUE, BASKET_OR_0, 1]}, {"-": [BASKET_OR_0]}]}, 100]},
    "whole numbers": {">": [{"-": [{"*": [COUNT, 2]}, {"%": [COUNT, 5]}]}, 3]},
    "products": {">": [{"*": [REVENUE, 0.15, 3]}, 100.25]},
    "division, exact and not": {"or": [{">": [{"/": [REVENUE, 100]}, 5]}, {">": [{"/": [REVENUE, 3]}, 5]}]},
    "min, max": {"<": [{"min": [LAST, 365]}, {"max": [{"%": [LAST, 7]}, 2.5]}]},
    "in a list": {"and": [{"in": [COUNTRY, ["CH", "LI"]]}, {"in": [COUNT, [1, 2.5, "3"]]}, {"in": [BASKET, [1, 2.5]]}]},
    "in a list with null": {"!": {"in": [COUNTRY, ["CH", None]]}},
    "in an empty list": {"or": [{"in": [COUNTRY, []]}, {"in": ["vip", TAGS]}]},
    "in a column of lists": {"or": [{"in": ['it\'s \\ "vip"', TAGS]}, {"in": [COUNTRY, TAGS]}]},
    "in a text": {"in": ["ü%_", COUNTRY]},
    "starts, ends with": {"and": [{"startsWith": [COUNTRY, "C"]}, {"endsWith": [COUNTRY, COUNTRY]}]},
    "joined texts": {"==": [{"cat": [COUNTRY, "-", "it's"]}, "CH-it's"]},
    "part of a text": {"or": [{"==": [{"substr": [COUNTRY, 1, 1]}, "H"]}, {"==": [{"substr": [COUNTRY, -1]}, "H"]}]},
    "all but the end of a text": {"==": [{"substr": [COUNTRY, -2, -1]}, "C"]},
    "missing": {"!": {"missing": ["country", "tags", "average_basket"]}},
    "missing some": {"!!": {"missing_some": [2, ["country", "tags", "total_revenue"]]}},
}


def statements(dialect: Dialect) -> Iterator[tuple[str, str]]:
    """Give each statement with its name, and what is refused with the reason."""
    for name, source in RULES.items():
        rule = parse(json.dumps(source), "segment")
        try:
            yield name, select_keys(rule, dialect)
        except InvalidRule as refusal:
            yield name, "".join(f"-- {one.code} at {one.pointer}: {one.message}\n" for one in refusal.problems)
    guide = parse(json.dumps(GUIDE), "segment")
    number = parse(json.dumps({"*": [REVENUE, 0.1]}), guide.catalog.yielding("number"))
    table = Table("Customers", "id", "shop", columns=(("total_revenue", "Revenue in all"),))
    yield "several rules in one scan", select_results((guide, number), dialect, table)
    yield "how many of each", count_matches((guide, guide), dialect, table)
    yield "who comes and goes", select_changes(guide, "it's", dialect, table, Members())
    yield "coming and going", ";\n".join(write_changes("it's", "changes", dialect, Members()))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_sql_reads_as_before(dialect: Dialect) -> None:
    """Letter by letter; who upgrades Ibis or sqlglot sees here what that does."""
    text = "\n".join(f"-- {name} --\n{statement.rstrip()}\n" for name, statement in statements(dialect))
    file = GOLDEN / f"{dialect}.sql"
    if os.environ.get("KHAYWE_WRITE_GOLDEN"):
        file.write_text(text)
    assert file.read_text() == text


def test_every_operator_is_in_them() -> None:
    """Whatever SQL has a form for."""
    rules = [parse(json.dumps(source), "segment") for source in RULES.values()]
    assert {node.operator for rule in rules for node in walk(rule.root) if isinstance(node, Call)} == IN_SQL
