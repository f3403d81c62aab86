"""The trap of absent numbers, in places less plain than a comparison with a literal."""

import json
from decimal import Decimal
from typing import Any

import pytest

from rules import InvalidRule, Variable, compile_rule, parse
from rules.catalog import Catalog

N, M, SURE, FAR = {"var": "n"}, {"var": "m"}, {"var": "sure"}, {"var": "far"}
VARIABLES = [
    Variable("n", "decimal", "none", nullable=True, description=""),
    Variable("m", "decimal", "none", nullable=True, description=""),
    Variable("sure", "decimal", "none", nullable=False, description=""),
    Variable("far", "decimal", "none", nullable=True, description="", null_as=Decimal(99_999)),
    Variable("ok", "bool", "none", nullable=True, description=""),
]
KNOWN = Catalog("segment", "bool", {one.name: one for one in VARIABLES})
TRAP = {"<": [N, 30]}
FINE = {">": [N, 30]}


def traps(rule: Any) -> list[str]:
    """Return the places where an absent number would match."""
    try:
        parse(json.dumps(rule), KNOWN)
    except InvalidRule as refusal:
        return [one.pointer if one.code == "null_unsafe" else one.code for one in refusal.problems]
    return []


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        # Inside sums, with absence counting as 0.
        ({"<": [{"+": [N, 1]}, 30]}, ["/<"]),
        ({"<": [{"+": [N, 31]}, 30]}, []),
        ({">": [{"-": [100, N]}, 50]}, ["/>"]),
        ({">": [{"*": [{"+": [N, 1]}, 10]}, 5]}, ["/>"]),
        ({"<": [{"/": [10, N]}, 5]}, ["/<"]),
        ({"<": [{"min": [N, 5]}, 3]}, ["/<"]),
        ({"<": [{"max": [N, 5]}, 3]}, []),
        ({"<=": [0, {"%": [N, 7]}, 3]}, ["/<="]),
        ({"<=": [N, N]}, ["/<="]),
        ({"<": [{"-": [N]}, {"+": [1, 1]}]}, ["/<"]),
        ({"<": [{"+": [{"var": ["n", 50]}, 1]}, 30]}, []),
        ({"<": [{"+": [N, SURE]}, 30]}, []),
        ({"<": [{"+": [N, M]}, 30]}, []),
        ({"<": [{"if": [{"var": "ok"}, N, 5]}, 30]}, []),
        ({"<": [{"+": [FAR, 1]}, 30]}, []),
        ({">": [{"+": [FAR, 1]}, 30]}, []),
        # By polarity.
        ({"!": FINE}, ["/!/>"]),
        ({"!": TRAP}, []),
        ({"!!": TRAP}, ["/!!/<"]),
        ({"!": {"!": TRAP}}, ["/!/!/<"]),
        ({"if": [TRAP, True, False]}, ["/if/0/<"]),
        ({"if": [TRAP, False, True]}, []),
        ({"if": [FINE, False, True]}, ["/if/0/>"]),
        ({"if": [FINE, False, False]}, []),
        ({"if": [FINE, True]}, []),
        ({"if": [{">": [SURE, 1]}, FINE, TRAP]}, ["/if/2/<"]),
        ({"==": [FINE, False]}, ["/==/0/>"]),
        ({"==": [TRAP, False]}, []),
        ({"===": [TRAP, True]}, ["/===/0/<"]),
        ({"!=": [FINE, True]}, ["/!=/0/>"]),
        ({"!==": [TRAP, True]}, []),
        # Equality is no trap: null equals only null.
        ({"==": [N, 0]}, []),
        ({"!": {"!=": [N, 0]}}, []),
        ({"==": [{"+": [N, 0]}, 0]}, []),
    ],
    ids=str,
)
def test_absent_numbers_do_not_match_by_accident(rule: Any, expected: list[str]) -> None:
    """What is refused would match, and what is not would not, as far as the rule says it all."""
    assert traps(rule) == expected


@pytest.mark.parametrize("rule", [{"<": [{"+": [N, 1]}, 30]}, {">": [{"-": [100, N]}, 50]}, {"!": {">": [N, 30]}}])
def test_the_remedy_leaves_them_out(rule: Any) -> None:
    """Written into the rule, the suggestion makes who has no number not match."""
    with pytest.raises(InvalidRule) as refusal:
        parse(json.dumps(rule), KNOWN)
    remedy = refusal.value.problems[0].suggestion
    assert remedy
    mended = json.dumps(rule).replace(json.dumps(N), remedy)
    assert compile_rule(parse(mended, KNOWN))({"sure": Decimal(1)}) is False


def test_where_no_number_helps_there_is_no_suggestion() -> None:
    """Between nothing and itself, everything matches."""
    with pytest.raises(InvalidRule) as refusal:
        parse('{"<=":[{"var":"n"},{"var":"n"}]}', KNOWN)
    assert refusal.value.problems[0].suggestion is None


def test_the_guides_rules_raise_no_alarm() -> None:
    """As they are written there."""
    parse('{"and":[{">":[{"var":"total_revenue"},1000]},{"<":[{"var":"last_purchase_days_ago"},30]}]}', "segment")
    parse('{"if":[{">":[{"var":"transaction_amount"},100]},{"*":[{"var":"transaction_amount"},0.1]},0]}', "earn")
