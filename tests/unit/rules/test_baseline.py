"""The official tests of jsonlogic.com, as far as this typed subset accepts them."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from rules import InvalidRule, Variable, check_facts, compile_rule, parse
from rules.catalog import Catalog, VariableType

BASELINE = Path(__file__).parents[4] / "shared/jsonlogic-tests/jsonlogic-com-tests-baseline.json"
RESULTS: list[Any] = ["number", "bool", "str", "list", "null"]
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
    text, variables, facts = prepared(case)
    for wanted in RESULTS:
        known = Catalog("earn", wanted, variables)
        try:
            evaluate = compile_rule(parse(text, known))
        except InvalidRule:
            continue
        value = evaluate(check_facts(facts, known))
        return [list(value) if isinstance(value, tuple) else value]
    return []


def prepared(case: dict[str, Any]) -> tuple[str, dict[str, Variable], dict[str, Any]]:
    """Return the rule of a case, the variables its data suggest, and those of the data that can be facts."""
    given = case.get("data")
    facts = given if isinstance(given, dict) else {}
    variables = {name: known for name, fact in facts.items() for known in variable(name, fact)}
    text = json.dumps(inlined(case["rule"], facts), default=float)
    return text, variables, {name: fact for name, fact in facts.items() if name in variables}


def variable(name: str, fact: Any) -> list[Variable]:
    """Return the variable that a fact is of, if it can be one."""
    if type(fact) in TYPES:
        return [Variable(name, TYPES[type(fact)], "none", nullable=fact is None, description="")]
    if isinstance(fact, list) and fact and all(isinstance(item, dict) for item in fact):
        fields = tuple(found for field in fact[0] for found in variable(field, fact[0][field]))
        return [Variable(name, "list[object]", "none", nullable=False, description="", fields=fields)]
    return []


def inlined(rule: Any, facts: dict[str, Any]) -> Any:
    """Write lists of plain values into the rule: they are no facts here, but a rule may hold them."""
    if isinstance(rule, list):
        return [inlined(inner, facts) for inner in rule]
    if not isinstance(rule, dict):
        return rule
    named = rule.get("var")
    fact = facts.get(named) if isinstance(named, str) else None
    if isinstance(fact, list) and not any(isinstance(item, dict) for item in fact):
        return fact
    return {name: inlined(inner, facts) for name, inner in rule.items()}


def test_what_is_accepted_agrees(cases: list[dict[str, Any]]) -> None:
    """No rule may have another value here than everywhere else."""
    accepted = [(case, value) for case in cases for value in outcomes(case)]
    differing = [
        case["description"]
        for case, value in accepted
        if (type(value), value) != (type(case["result"]), case["result"])
    ]
    assert not differing
    assert len(accepted) == 198


def test_what_is_refused_is_refused_for_its_reason(cases: list[dict[str, Any]]) -> None:
    """How many, and why: a change here is a change of the language."""
    refused = [case for case in cases if not outcomes(case)]
    reasons = Counter(reason(case) for case in refused)
    assert len(cases) - len(refused) == 198
    assert reasons == {
        # Paths into objects and lists, data that is no object, and names that the data do not hold.
        "unknown_variable": 39,
        # Comparing, calculating or choosing between values of different types; lists where a value is wanted.
        "type_mismatch": 32,
        "wrong_arity": 6,
        "dynamic_var": 3,
    }


def reason(case: dict[str, Any]) -> str:
    """Return the code of a rule's first problem, that of a wrong result aside."""
    text, variables, _ = prepared(case)
    with pytest.raises(InvalidRule) as refusal:
        parse(text, Catalog("earn", "number", variables))
    codes = [problem.code for problem in refusal.value.problems]
    return next((code for code in codes if code != "result_type"), "result_type")
