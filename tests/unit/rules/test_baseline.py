"""The official tests of jsonlogic.com, as far as this typed subset accepts them."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from rules import InvalidRule, Variable, compile_rule, parse
from rules.catalog import Catalog, VariableType

BASELINE = Path(__file__).parents[4] / "shared/jsonlogic-tests/jsonlogic-com-tests-baseline.json"
RESULTS: list[Any] = ["number", "bool", "str", "null"]
TYPES: dict[type, VariableType] = {Decimal: "decimal", bool: "bool", str: "str", type(None): "decimal"}


@pytest.fixture
def cases() -> list[dict[str, Any]]:
    """The cases, numbers as decimals."""
    if not BASELINE.exists():
        pytest.skip("the official JSONLogic tests are not beside this clone")
    decoded = json.loads(BASELINE.read_text(), parse_float=Decimal, parse_int=Decimal)
    return [case for case in decoded if isinstance(case, dict)]


def outcomes(case: dict[str, Any]) -> list[Any]:
    """Return the value of a case in a list, or an empty list if no scope accepts the rule."""
    given = case.get("data")
    facts = {name: fact for name, fact in given.items() if type(fact) in TYPES} if isinstance(given, dict) else {}
    text = json.dumps(case["rule"], default=float)
    variables = {
        name: Variable(name, TYPES[type(fact)], "none", nullable=True, description="") for name, fact in facts.items()
    }
    for wanted in RESULTS:
        try:
            return [compile_rule(parse(text, Catalog("earn", wanted, variables)))(facts)]
        except InvalidRule:
            continue
    return []


def test_what_is_accepted_agrees(cases: list[dict[str, Any]]) -> None:
    """No rule may have another value here than everywhere else."""
    accepted = [(case, value) for case in cases for value in outcomes(case)]
    differing = [
        case["description"]
        for case, value in accepted
        if (type(value), value) != (type(case["result"]), case["result"])
    ]
    assert not differing
    assert len(accepted) >= 100


def test_what_is_refused_is_refused_for_its_reason(cases: list[dict[str, Any]]) -> None:
    """How many, and why: a change here is a change of the language."""
    refused = [case for case in cases if not outcomes(case)]
    reasons = Counter(reason(case) for case in refused)
    assert len(cases) - len(refused) == 148
    assert reasons == {
        # Operators of lists (map, filter, reduce, all, none, some, merge), log and method.
        "unknown_operator": 47,
        # Paths into objects and lists, and data that is no object: a fact has one name.
        "unknown_variable": 43,
        # Comparing or calculating with values of different types.
        "type_mismatch": 31,
        "wrong_arity": 6,
        "dynamic_var": 3,
    }


def reason(case: dict[str, Any]) -> str:
    """Return the code of a rule's first problem, that of a wrong result aside."""
    with pytest.raises(InvalidRule) as refusal:
        parse(json.dumps(case["rule"], default=float), Catalog("earn", "number", {}))
    codes = [problem.code for problem in refusal.value.problems]
    return next((code for code in codes if code != "result_type"), "result_type")
