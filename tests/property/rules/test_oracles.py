"""Random rules on random facts, beside two engines that are not ours: the same results, but for what we say differs."""

import json
import math
import random
import shutil
import subprocess
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import datalogic_py
import pytest

from rules import Variable, check_facts, compile_rule
from rules.catalog import Catalog
from rules.ir import canonical
from tests.ruling.random_rules import random_facts, random_rules
from tests.ruling.written import written

ROOT = Path(__file__).parents[3]
JSON_LOGIC_JS = ROOT / ".venv/oracle/node_modules/json-logic-js/logic.js"


def known(name: str, kind: Any, unit: str = "none", *, nullable: bool = True, **more: Any) -> Variable:
    """Return a variable or field."""
    return Variable(name, kind, unit, nullable, "", **more)


FIELDS = (
    known("amount", "decimal", "money", nullable=False),
    known("discount", "decimal", "money"),
    known("quantity", "int", "count"),
    known("points", "decimal", "points"),
    known("category", "str"),
    known("returned", "bool"),
)
VARIABLES = [
    known("revenue", "decimal", "money"),
    known("paid", "decimal", "money", nullable=False),
    known("points", "decimal", "points"),
    known("visits", "int", "count"),
    known("share", "int"),
    known("country", "str"),
    known("tier", "str", nullable=False, enum=("gold", "silver")),
    known("agrees", "bool"),
    known("since", "date"),
    known("tags", "list[str]"),
]
CATALOG = Catalog("earn", "bool", {one.name: one for one in VARIABLES})
WITH_LINES = CATALOG.extended([known("lines", "list[object]", fields=FIELDS)])


def plain(value: Any) -> Any:
    """Return a value as JSON has it: floats, ISO text, lists, no nulls inside objects."""
    match value:
        case bool() | None:
            return value
        case Decimal() | int():
            return float(value)
        case date():
            return value.isoformat()
        case tuple() | list():
            return [plain(item) for item in value]
        case dict():
            return {name: plain(inner) for name, inner in value.items() if inner is not None}
        case _:
            return value


def same(ours: Any, theirs: Any) -> bool:
    """Tell whether two results are the same: numbers to one in a thousand million, anything else exactly."""
    if isinstance(ours, float) and isinstance(theirs, int | float) and not isinstance(theirs, bool):
        return math.isclose(ours, theirs, rel_tol=1e-9)
    return type(ours) is type(theirs) and ours == theirs


def rows_of(catalog: Catalog, count: int, seed: int, *, absent: float = 0.3) -> list[dict[str, Any]]:
    """Return checked facts."""
    chance, variables = random.Random(seed), list(catalog.variables.values())
    return [check_facts(random_facts(variables, chance, absent=absent), catalog) for _ in range(count)]


@pytest.mark.parametrize(("catalog", "seed"), [(CATALOG, 1), (WITH_LINES, 2)], ids=["customers", "lists"])
def test_json_logic_js_agrees_where_much_is_absent(catalog: Catalog, seed: int) -> None:
    """The reference, with the deviations that docs/rules.md names: 300 rules on 200 rows."""
    node = shutil.which("node")
    if not node or not JSON_LOGIC_JS.exists():
        pytest.skip("json-logic-js is not there; `make oracle` fetches it, with npm")
    rules = list(random_rules(catalog, 300, seed, for_ledger=catalog is WITH_LINES))
    rows = rows_of(catalog, 200, seed)
    asked = (
        '{"rules":['
        + ",".join(rule.text for rule in rules)
        + '],"rows":'
        + json.dumps([plain(one) for one in rows])
        + "}"
    )
    script = str(ROOT / "tests/ruling/oracle.js")
    answered = subprocess.run(
        [node, script, str(JSON_LOGIC_JS)], input=asked, capture_output=True, text=True, check=True
    )
    differing = []
    for rule, theirs in zip(rules, json.loads(answered.stdout), strict=True):
        evaluate = compile_rule(rule)
        for row, their in zip(rows, theirs, strict=True):
            our = plain(evaluate(row))
            if not same(our, their):
                differing.append((rule.text, our, their, row))
    assert differing == []


def test_datalogic_agrees_where_nothing_is_absent() -> None:
    """
    Another engine, in Rust: 300 rules on 100 rows without nulls.

    Nor with zero divisors or empty texts: it refuses to divide, an empty text is not missing there and is found in
    another, and a branch that yields nothing stops its min and max.
    """
    rows = [row for row in rows_of(CATALOG, 200, 3, absent=0) if row["share"] and row["country"]][:100]
    differing = []
    engine = datalogic_py.Engine()
    for rule in random_rules(CATALOG, 300, 3):
        evaluate, other = compile_rule(rule), engine.compile(written(for_datalogic(canonical(rule.root))))
        for row in rows:
            our, their = plain(evaluate(row)), theirs(other, row)
            if their is not REFUSED and not same(our, their):
                differing.append((rule.text, our, their, row))
    assert differing == []


REFUSED = object()


def theirs(rule: datalogic_py.Rule, row: dict[str, Any]) -> Any:
    """Evaluate a rule over there; it refuses null in min and max."""
    try:
        return rule.evaluate(plain(row))
    except datalogic_py.EvaluateError as refusal:
        if "operator: m" not in str(refusal):
            raise
        return REFUSED


def for_datalogic(rule: Any) -> Any:
    """Spell a rule in the other dialect: there null == 0, and there are starts_with and ends_with."""
    if isinstance(rule, list):
        return [for_datalogic(inner) for inner in rule]
    if not isinstance(rule, dict):
        return rule
    ((name, arguments),) = rule.items()
    spelling = {"==": "===", "!=": "!==", "startsWith": "starts_with", "endsWith": "ends_with"}
    return {spelling.get(name, name): for_datalogic(arguments)}
