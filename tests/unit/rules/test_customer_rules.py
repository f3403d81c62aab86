"""Rules about customers: texts, lists, and what is absent."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from rules import InvalidRule, Variable, check_facts, compile_rule, parse
from rules.catalog import Catalog
from rules.scopes import CATALOGS

REVENUE, LAST, BASKET = {"var": "total_revenue"}, {"var": "last_purchase_days_ago"}, {"var": "average_basket"}
COUNTRY, TAGS, SINCE = {"var": "country"}, {"var": "tags"}, {"var": "member_since"}
GUIDE = {"and": [{">": [REVENUE, 1000]}, {"<": [LAST, 30]}]}

REGULAR: dict[str, object] = {
    "total_revenue": Decimal("1200.50"),
    "purchase_count": 14,
    "average_basket": Decimal("85.75"),
    "last_purchase_days_ago": 3,
    "member_since": date(2024, 2, 29),
    "country": "CH",
    "accepts_marketing": True,
    "tags": ["vip", "wine"],
}
STRANGER: dict[str, object] = {}
"""Somebody about whom nothing is known."""


def matches(rule: Any, facts: dict[str, object]) -> object:
    """Tell whether a customer is in the segment of a rule."""
    return compile_rule(parse(json.dumps(rule), "segment"))(check_facts(facts, "segment"))


def codes(rule: Any, scope: str = "segment") -> list[tuple[str, str]]:
    """Return code and pointer of every problem of a rule."""
    with pytest.raises(InvalidRule) as refusal:
        parse(json.dumps(rule), scope)
    return [(problem.code, problem.pointer) for problem in refusal.value.problems]


def test_the_guides_segment_is_accepted_as_written_and_leaves_out_who_never_bought() -> None:
    """The catalog says that never is longer ago than any rule asks for."""
    assert matches(GUIDE, REGULAR) is True
    assert matches(GUIDE, REGULAR | {"last_purchase_days_ago": None}) is False
    assert matches(GUIDE, STRANGER) is False
    assert matches({">": [LAST, 365]}, STRANGER) is True


@pytest.mark.parametrize(
    ("rule", "of_regular", "of_stranger"),
    [
        ({"in": [COUNTRY, ["CH", "LI"]]}, True, False),
        ({"!": {"in": [COUNTRY, ["CH", "LI"]]}}, False, True),
        ({"in": [COUNTRY, ["CH", None]]}, True, True),
        ({"in": [COUNTRY, []]}, False, False),
        ({"in": ["vip", TAGS]}, True, False),
        ({"in": ["H", COUNTRY]}, True, False),
        ({"in": ["", {"cat": [COUNTRY, ""]}]}, True, False),
        ({"in": [{"var": "purchase_count"}, ["14", 15]]}, True, False),
        ({"in": [COUNTRY, TAGS]}, False, False),
        ({"in": [{"substr": [COUNTRY, 1]}, COUNTRY]}, True, False),
        ({"startsWith": [COUNTRY, {"substr": [COUNTRY, 0, 1]}]}, True, False),
        ({"startsWith": [COUNTRY, "C"]}, True, False),
        ({"endsWith": [COUNTRY, "C"]}, False, False),
        ({"==": [{"cat": [COUNTRY, "-", COUNTRY]}, "CH-CH"]}, True, False),
        ({"==": [{"substr": [COUNTRY, -1]}, "H"]}, True, False),
        ({"==": [{"substr": [COUNTRY, 0, -1]}, "C"]}, True, False),
        ({"==": [{"substr": [COUNTRY, 0, -5]}, ""]}, True, False),
        ({"==": [{"substr": [COUNTRY, -9, 1]}, "C"]}, True, False),
        ({"!!": [{"missing": ["country", "tags"]}]}, False, True),
        ({"!": [{"missing": "country"}]}, True, False),
        ({"!": [{"missing_some": [1, ["country", "average_basket"]]}]}, True, False),
        ({"!!": TAGS}, True, False),
        ({">=": [SINCE, "2024-02-29"]}, True, False),
        ({"==": [{"var": "purchase_count"}, "14"]}, True, False),
        ({"===": [COUNTRY, "CH"]}, True, False),
        ({"==": [COUNTRY, None]}, False, True),
        ({"!=": [SINCE, None]}, True, False),
        ({"<=": [10, BASKET, "100"]}, True, False),
        ({"!!": {"var": "accepts_marketing"}}, True, False),
    ],
)
def test_operators_on_somebody_known_and_somebody_unknown(
    rule: dict[str, Any],
    of_regular: bool,  # a column of the table
    of_stranger: bool,
) -> None:
    """What is absent matches only where a rule asks for absence."""
    assert bool(matches(rule, REGULAR)) is of_regular
    assert bool(matches(rule, STRANGER)) is of_stranger


@pytest.mark.parametrize(
    ("rule", "pointer"),
    [
        ({"<": [BASKET, 30]}, "/<"),
        ({"<=": [BASKET, 0]}, "/<="),
        ({">": [BASKET, -1]}, "/>"),
        ({">": [30, BASKET]}, "/>"),
        ({"<=": [-5, BASKET, 5]}, "/<="),
        ({"!": {">": [BASKET, 30]}}, "/!/>"),
        ({"or": [{"!!": TAGS}, {"!": [{"and": [{">=": [BASKET, 30]}, True]}]}]}, "/or/1/!/0/and/0/>="),
    ],
)
def test_absent_numbers_do_not_match_by_accident(rule: dict[str, Any], pointer: str) -> None:
    """A comparison that 0 would pass is refused where the number may be absent, and the suggestion mends it."""
    assert codes(rule) == [("null_unsafe", pointer)]
    with pytest.raises(InvalidRule) as refusal:
        parse(json.dumps(rule), "segment")
    suggestion = refusal.value.problems[0].suggestion
    assert suggestion is not None
    mended = json.loads(json.dumps(rule).replace(json.dumps(BASKET), suggestion))
    assert matches(mended, STRANGER) is False


@pytest.mark.parametrize("rule", [{"<": [{"var": ["average_basket", 0]}, 30]}, {">": [BASKET, 30]}, {"<": [LAST, 30]}])
def test_comparisons_that_say_what_absence_counts_as_are_accepted(rule: dict[str, Any]) -> None:
    """A default, a far bound from the catalog, or a comparison that 0 does not pass."""
    matches(rule, REGULAR)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({">": [REVENUE, "much"]}, ("type_mismatch", "/>")),
        ({"===": [REVENUE, "100"]}, ("type_mismatch", "/===")),
        ({">": [SINCE, "2024-02-30"]}, ("type_mismatch", "/>")),
        ({">": [COUNTRY, "A"]}, ("type_mismatch", "/>")),
        ({"in": [COUNTRY, [1, 2]]}, ("type_mismatch", "/in")),
        ({"in": [COUNTRY, ["CH", 2]]}, ("type_mismatch", "/in/1")),
        ({"in": [COUNTRY, [["CH"]]]}, ("type_mismatch", "/in/1/0")),
        ({"in": [1, TAGS]}, ("type_mismatch", "/in")),
        ({"==": [{"substr": [COUNTRY, {"var": "purchase_count"}]}, "C"]}, ("type_mismatch", "/==/0/substr/1/var")),
        ({"==": [{"substr": [COUNTRY, 0.5]}, "C"]}, ("type_mismatch", "/==/0/substr/1")),
        ({"!": {"missing": ["contry"]}}, ("unknown_variable", "/!/missing/0")),
        ({"!": {"missing": []}}, ("wrong_arity", "/!/missing")),
        ({"!": {"missing": [["country"] * 51]}}, ("wrong_arity", "/!/missing")),
        ({"==": [{"substr": [COUNTRY, {"var": "nothing"}]}, "C"]}, ("unknown_variable", "/==/0/substr/1/var")),
        ({"!": {"missing_some": ["1", ["country"]]}}, ("type_mismatch", "/!/missing_some/0")),
        ({"missing": ["country"]}, ("result_type", "")),
        ({">": [{"floor": [REVENUE]}, 1]}, ("unknown_operator", "/>/0/floor")),
        ({"==": [{"+": [REVENUE, LAST]}, 1]}, ("unit_mismatch", "/==/0/+")),
        ({"in": [COUNTRY, ["CH"] * 1001]}, ("list_too_long", "/in/1")),
    ],
)
def test_faults_are_refused_at_their_place(rule: dict[str, Any], expected: tuple[str, str]) -> None:
    """Each fault has its code and pointer."""
    assert expected in codes(rule)


def test_words_a_variable_never_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tier that does not exist would select nobody, silently."""
    tier = Variable("tier", "str", "none", nullable=True, description="", scopes=frozenset(), enum=("gold", "silver"))
    monkeypatch.setitem(CATALOGS, "segment", Catalog("segment", "bool", {"tier": tier}))
    assert codes({"==": [{"var": "tier"}, "glod"]}) == [("enum_value", "/==/1")]
    assert codes({"in": [{"var": "tier"}, ["gold", "bronze"]]}) == [("enum_value", "/in/1")]
    assert matches({"in": [{"var": "tier"}, ["gold", "silver"]]}, {"tier": "gold"}) is True


def test_too_many_variables_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty are enough for anybody who wants to understand the rule."""
    many = {
        f"v{n}": Variable(f"v{n}", "bool", "none", nullable=True, description="", scopes=frozenset()) for n in range(51)
    }
    monkeypatch.setitem(CATALOGS, "segment", Catalog("segment", "bool", many))
    assert codes({"and": [{"!!": {"var": name}} for name in many]})[0][0] == "too_many_variables"
    parse(json.dumps({"and": [{"!!": {"var": name}} for name in list(many)[:50]]}), "segment")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"round": [{"var": "transaction_amount"}, 1]}, "249.9"),
        ({"round": [{"var": "transaction_amount"}]}, "250"),
        ({"floor": [{"var": "transaction_amount"}]}, "249"),
        ({"ceil": [{"*": [{"var": "transaction_amount"}, -1]}]}, "-249"),
    ],
)
def test_rounding_inside_an_earn_rule(rule: dict[str, Any], expected: str) -> None:
    """To the places given, or to whole units."""
    checked = parse(json.dumps(rule), "earn")
    facts = check_facts({"transaction_amount": Decimal("249.90"), "currency": "CHF", "source": "s"}, checked)
    assert compile_rule(checked)(facts) == Decimal(expected)


def test_spellings_of_missing_are_one_rule() -> None:
    """The digest names the calculation."""
    spellings = [{"!": {"missing": ["country"]}}, {"!": [{"missing": [["country"]]}]}, {"!": {"missing": "country"}}]
    assert len({parse(json.dumps(spelling), "segment").digest for spelling in spellings}) == 1
