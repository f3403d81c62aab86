import json
from datetime import date
from decimal import Decimal

import pytest

from rules import InvalidRule, Variable, check_facts, compile_rule, parse
from rules.catalog import Catalog, ResultType, Unit, VariableType
from rules.scopes import CATALOGS

A, B, NO = {"var": "a"}, {"var": "b"}, {"var": "no_number"}
ON, NO_DATE, NO_FLAG, NO_TEXT = {"var": "on"}, {"var": "no_date"}, {"var": "no_flag"}, {"var": "no_text"}

FACTS: dict[str, object] = {
    "a": Decimal(7),
    "b": Decimal("-2.5"),
    "zero": Decimal(0),
    "count": 3,
    "on": date(2026, 1, 31),
    "text": "gold",
}


def variable(name: str, kind: VariableType, *, nullable: bool = False, unit: Unit = "none") -> Variable:
    """Return a variable of the scopes of these tests."""
    return Variable(name, kind, unit, nullable, "", frozenset())


@pytest.fixture(autouse=True)
def scopes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the scopes `number`, `bool` and `str`, with variables of every type."""
    variables = [
        variable("a", "decimal"),
        variable("b", "decimal"),
        variable("zero", "decimal"),
        variable("count", "int"),
        variable("on", "date"),
        variable("text", "str"),
        variable("no_number", "decimal", nullable=True),
        variable("no_date", "date", nullable=True),
        variable("no_flag", "bool", nullable=True),
        variable("no_text", "str", nullable=True),
        variable("money", "decimal", unit="money", nullable=True),
        variable("points", "decimal", unit="points", nullable=True),
    ]
    scopes: tuple[ResultType, ...] = ("number", "bool", "str")
    for scope in scopes:
        monkeypatch.setitem(CATALOGS, scope, Catalog("earn", scope, {found.name: found for found in variables}))


def value(rule: object, scope: str = "number") -> object:
    """Evaluate a rule on `FACTS`."""
    return compile_rule(parse(json.dumps(rule), scope))(check_facts(FACTS, scope))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (A, 7),
        ({"var": "count"}, 3),
        (NO, None),
        ({"var": ["no_number", 4]}, 4),
        ({"var": ["no_number", None]}, None),
        ({"var": ["a", 4]}, 7),
        ({"+": [{"var": ["money", 4]}, 1]}, 5),
        ({"+": A}, 7),
        ({"+": [A, B, 1]}, "5.5"),
        ({"+": [1, A]}, 8),
        ({"+": [A, NO, None]}, 7),
        ({"-": A}, -7),
        ({"-": [NO]}, 0),
        ({"-": [A, B]}, "9.5"),
        ({"-": [NO, B]}, "2.5"),
        ({"*": [A, B]}, "-17.5"),
        ({"*": [A, B, 2]}, -35),
        ({"*": [A, NO]}, 0),
        ({"/": [A, 2]}, "3.5"),
        ({"/": [A, B]}, "-2.8"),
        ({"/": [NO, 2]}, 0),
        ({"/": [A, {"var": "zero"}]}, None),
        ({"/": [A, NO]}, None),
        ({"%": [A, 4]}, 3),
        ({"%": [{"-": A}, 4]}, -3),
        ({"%": [A, -4]}, 3),
        ({"%": [A, B]}, 2),
        ({"%": [A, {"var": "zero"}]}, None),
        ({"%": [{"*": [10**17, 10**17]}, 0.000000007]}, "3E-9"),
        ({"min": [A, B, 1]}, "-2.5"),
        ({"max": [B, NO]}, 0),
        ({"min": [A, NO]}, 0),
        ({"and": [A, B]}, "-2.5"),
        ({"and": [A, 0, B]}, 0),
        ({"and": [NO, A]}, None),
        ({"or": [0, A, B]}, 7),
        ({"or": [NO, 0]}, 0),
        ({"or": [0, NO]}, None),
        ({"if": [True, A]}, 7),
        ({"if": [False, A]}, None),
        ({"if": ["", 1, NO_TEXT, 2, 3]}, 3),
        ({"if": ["0", 1, 2]}, 1),
        ({"?:": [NO_DATE, 1, ON, 2, 3]}, 2),
        ({"if": [{">": [A, 5]}, {"*": [A, 2]}, {">": [A, 1]}, {"+": [A, 1]}]}, 14),
        ({"if": [{"<": [A, 5]}, {"*": [A, 2]}, {">": [A, 1]}, {"+": [A, 1]}]}, 8),
        ({"if": [{"<": [A, 5]}, {"*": [A, 2]}]}, None),
        ({"+": [{"if": [False, 1]}, {"var": "money"}]}, 0),
    ],
    ids=str,
)
def test_rules_that_yield_numbers(rule: object, expected: object) -> None:
    """Null counts as 0 in arithmetic; division by zero yields null; `and` and `or` return an operand."""
    assert (None if expected is None else Decimal(str(expected))) == value(rule)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (NO_FLAG, None),
        ({"!": NO_FLAG}, True),
        ({"!": [A]}, False),
        ({"!!": ["0"]}, True),
        ({"!!": [""]}, False),
        ({"!!": [{"var": "zero"}]}, False),
        ({"!!": [ON]}, True),
        ({"!!": [NO_DATE]}, False),
        ({"!!": [None]}, False),
        ({"==": [A, 7.0]}, True),
        ({"===": [A, 8]}, False),
        ({"!=": [A, 7]}, False),
        ({"!==": [A, 8]}, True),
        ({"==": [{"var": "text"}, "gold"]}, True),
        ({"==": [{"var": "text"}, "Gold"]}, False),
        ({"==": [ON, {"var": "on"}]}, True),
        ({"==": [NO, None]}, True),
        ({"==": [NO, 0]}, False),
        ({"==": [NO_FLAG, False]}, False),
        ({"!=": [NO_TEXT, ""]}, True),
        ({"==": [None, None]}, True),
        ({"<": [A, 7]}, False),
        ({"<=": [A, 7]}, True),
        ({">": [A, B]}, True),
        ({">=": [B, A]}, False),
        ({"<": [{"var": ["no_number", 0]}, 30]}, True),
        ({">": [{"var": ["no_number", 0]}, -1]}, True),
        ({"<": [5, A]}, True),
        ({"<": [None, 1]}, True),
        ({"<": [1, A, 10]}, True),
        ({"<": [1, A, 7]}, False),
        ({"<=": [1, A, 7]}, True),
        ({"<=": [8, A, 9]}, False),
        ({"<=": [0, {"var": ["no_number", 0]}, 0]}, True),
        ({"<=": [ON, ON]}, True),
        ({"<": [ON, ON]}, False),
        ({"<=": [NO_DATE, ON]}, False),
        ({">=": [ON, NO_DATE]}, False),
        ({"<=": [NO_DATE, NO_DATE]}, False),
        ({">=": [ON, None]}, False),
        ({"<=": [ON, ON, ON]}, True),
        ({"<=": [ON, NO_DATE, ON]}, False),
        ({"and": [{">": [A, 1]}, {"<": [B, 0]}, True]}, True),
    ],
    ids=str,
)
def test_rules_that_yield_truth(rule: object, expected: bool | None) -> None:
    """Null equals only null, orders as 0 among numbers and not at all among dates."""
    assert expected is value(rule, "bool")


def test_rules_that_yield_text() -> None:
    """Operators that return an operand return text as well."""
    assert value({"or": [NO_TEXT, {"var": "text"}]}, "str") == "gold"


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ({"+": [{"var": "money"}, {"var": "points"}]}, "unit_mismatch"),
        ({">": [{"var": "money"}, {"var": "points"}]}, "unit_mismatch"),
        ({"==": [{"var": "money"}, A]}, "unit_mismatch"),
        ({"max": [{"var": "money"}, {"var": "points"}]}, "unit_mismatch"),
        ({"if": [True, {"var": "money"}, {"var": "points"}]}, "unit_mismatch"),
        ({"*": [{"var": "money"}, A, {"var": "points"}]}, "unit_mismatch"),
        ({"/": [{"var": "money"}, {"var": "points"}]}, "unit_mismatch"),
        ({"/": [A, {"var": "points"}]}, "unit_mismatch"),
        ({"%": [{"var": "money"}, {"var": "points"}]}, "unit_mismatch"),
        ({"+": [{"/": [{"var": "money"}, A]}, {"var": "points"}]}, "unit_mismatch"),
        ({"+": [{"/": [{"var": "money"}, {"var": "money"}]}, {"var": "points"}]}, "unit_mismatch"),
        ({"+": [{"*": [{"var": "money"}, A]}, {"var": "points"}]}, "unit_mismatch"),
        ({"+": [{"*": [A, B]}, {"var": "points"}]}, "unit_mismatch"),
    ],
    ids=str,
)
def test_units_do_not_mix(rule: object, code: str) -> None:
    """Money is not points, and a plain number is neither."""
    with pytest.raises(InvalidRule) as refusal:
        value(rule)
    assert code in [problem.code for problem in refusal.value.problems]


@pytest.mark.parametrize(
    "rule",
    [
        {"+": [{"*": [{"var": "money"}, 0.1]}, {"var": "points"}]},
        {"+": [{"/": [{"var": "points"}, 100]}, {"var": "money"}]},
        {"+": [{"%": [{"var": "money"}, 10]}, {"var": "money"}]},
        {"+": [{"/": [{"var": "money"}, {"var": "money"}]}, A]},
        {"*": [{"var": "money"}, A]},
    ],
    ids=str,
)
def test_a_literal_takes_the_unit_it_needs(rule: object) -> None:
    """A tenth of the amount plus a bonus in points is a sum of points."""
    value(rule)
