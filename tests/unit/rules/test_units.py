"""Units per currency: money of one never meets money of another, nor points."""

import json
from typing import Any

import pytest

from rules import InvalidRule, Variable, parse
from rules.catalog import Catalog

UNITS = {"chf": "money", "usd": "money:USD", "eur": "money:EUR", "points": "points", "days": "days", "plain": "none"}
KNOWN = {name: Variable(name, "decimal", unit, nullable=False, description="") for name, unit in UNITS.items()}
CHF, USD, EUR, POINTS, PLAIN = ({"var": name} for name in ("chf", "usd", "eur", "points", "plain"))


def codes(rule: Any, wanted: Any = "number") -> list[str]:
    """Return what is wrong with a rule."""
    try:
        parse(json.dumps(rule), Catalog("earn", wanted, KNOWN))
    except InvalidRule as refusal:
        return [one.code for one in refusal.problems]
    return []


@pytest.mark.parametrize(("left", "right"), [(CHF, USD), (USD, EUR), (CHF, POINTS), (USD, POINTS), (USD, PLAIN)])
@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "%", "min", "max", "or", "if", "merge"])
def test_measures_of_two_kinds_do_not_calculate_together(operator: str, left: Any, right: Any) -> None:
    """Neither in sums nor as alternatives."""
    rule = {operator: [True, left, right] if operator == "if" else [left, right]}
    if operator in {"*", "/"} and right is PLAIN:
        assert codes(rule) == []
    else:
        assert "unit_mismatch" in codes(rule)


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">=", "==", "===", "!=", "!=="])
def test_nor_are_they_compared(operator: str) -> None:
    """A hundred francs are not a hundred dollars."""
    assert codes({operator: [CHF, USD]}, "bool") == ["unit_mismatch"]
    assert codes({operator: [USD, USD]}, "bool") == []
    assert codes({operator: [USD, 100]}, "bool") == []


def test_a_product_has_one_measure_at_most() -> None:
    """Dollars squared are nothing; a rate turns dollars into points."""
    assert codes({"*": [USD, USD]}) == ["unit_mismatch"]
    assert codes({"*": [USD, PLAIN, 2]}) == []
    assert codes({"+": [{"*": [USD, 2]}, POINTS]}) == []
    assert codes({"+": [{"*": [USD, PLAIN]}, POINTS]}) == ["unit_mismatch"]


def test_a_ratio_of_one_currency_is_a_plain_number() -> None:
    """And it multiplies anything."""
    assert codes({"*": [{"/": [USD, USD]}, CHF]}) == []
    assert codes({"/": [USD, EUR]}) == ["unit_mismatch"]


def test_a_number_and_null_take_any_unit() -> None:
    """What is written in a rule is what stands beside it."""
    assert codes({"+": [USD, 5, None]}) == []
    assert codes({"if": [{"==": [USD, None]}, 0, USD]}) == []
