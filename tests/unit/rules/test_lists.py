"""Operators that go through the lines of a basket, item by item."""

import json
import time
from decimal import Decimal
from typing import Any

import pytest

from rules import InvalidFacts, InvalidRule, RoundingMode, Variable, check_facts, compile_rule, parse
from rules.catalog import Catalog, ResultType
from rules.explain import award_sentence, explain, match_sentence
from rules.facts import read_facts
from rules.ir import canonical


def field(name: str, kind: Any, unit: str = "none", **more: Any) -> Variable:
    """Return a variable or field."""
    return Variable(name, kind, unit, more.pop("nullable", False), "", **more)


LINES = field(
    "lines",
    "list[object]",
    nullable=True,
    fields=(
        field("amount", "decimal", "money"),
        field("quantity", "int", "count"),
        field("category", "str", nullable=True, enum=("wine", "bread")),
        field("discount", "decimal", "money", nullable=True),
        field("points", "decimal", "points", nullable=True, null_as=Decimal(2)),
        field("labels", "list[str]", nullable=True),
    ),
)
VARIABLES = {
    one.name: one
    for one in (
        LINES,
        field("tags", "list[str]", nullable=True),
        field("total", "decimal", "money"),
        field("usd", "decimal", "money:USD"),
        field("no", "decimal", nullable=True),
    )
}
BASKET: dict[str, object] = {
    "total": 30,
    "usd": 1,
    "tags": ["vip", "new", ""],
    "lines": [
        {"amount": Decimal("12.50"), "quantity": 2, "category": "wine", "labels": ["red", "dry"]},
        {"amount": Decimal(4), "quantity": 1, "category": "bread", "discount": Decimal("0.50")},
        {"amount": Decimal("13.50"), "quantity": 3, "points": 7},
    ],
}
EMPTY: dict[str, object] = {"total": 0, "usd": 0}
ITEMS, TAGS, IT = {"var": "lines"}, {"var": "tags"}, {"var": ""}
AMOUNT, CATEGORY, POINTS, DISCOUNT = ({"var": name} for name in ("amount", "category", "points", "discount"))
CURRENT, SUM = {"var": "current.amount"}, {"var": "accumulator"}
WINE = {"==": [CATEGORY, "wine"]}
SUM_OF_WINE = {"reduce": [{"filter": [ITEMS, WINE]}, {"+": [SUM, CURRENT]}, 0]}


def known(wanted: ResultType) -> Catalog:
    """Return a catalog with a basket, of rules that yield a type."""
    return Catalog("earn", wanted, VARIABLES)


def value(rule: Any, wanted: ResultType, facts: dict[str, object] = BASKET) -> Any:
    """Evaluate a rule on a basket."""
    return compile_rule(parse(json.dumps(rule), known(wanted)))(check_facts(facts, known(wanted)))


def refused(rule: Any, wanted: ResultType = "number") -> list[tuple[str, str]]:
    """Return code and pointer of everything that is wrong with a rule."""
    with pytest.raises(InvalidRule) as refusal:
        parse(json.dumps(rule), known(wanted))
    return [(one.code, one.pointer) for one in refusal.value.problems]


@pytest.mark.parametrize(
    ("rule", "of_basket", "of_nothing"),
    [
        ({"some": [ITEMS, WINE]}, True, False),
        ({"all": [ITEMS, WINE]}, False, False),
        ({"all": [ITEMS, {">": [AMOUNT, 1]}]}, True, False),
        ({"none": [ITEMS, WINE]}, False, True),
        ({"none": [ITEMS, {">": [AMOUNT, 100]}]}, True, True),
        ({"some": [TAGS, {"==": [IT, "vip"]}]}, True, False),
        ({"all": [TAGS, IT]}, False, False),
        ({"some": [ITEMS, {"in": ["red", {"var": "labels"}]}]}, True, False),
        ({"some": [ITEMS, {"some": [{"var": "labels"}, {"==": [IT, "dry"]}]}]}, True, False),
        ({"some": [ITEMS, {"missing": ["category"]}]}, True, False),
        ({"all": [ITEMS, {"missing_some": [2, ["category", "discount", "amount"]]}]}, False, False),
        ({"some": [ITEMS, {">": [POINTS, 6]}]}, True, False),
        ({"some": [ITEMS, {"==": [POINTS, 2]}]}, True, False),
        ({"some": [ITEMS, {"<": [{"var": ["discount", 99]}, 1]}]}, True, False),
        ({"some": [ITEMS, IT]}, True, False),
        ({"in": ["vip", {"merge": [TAGS, "a", ["b", "c"]]}]}, True, False),
        ({"in": [2, {"map": [ITEMS, {"var": "quantity"}]}]}, True, False),
        ({"!!": {"filter": [ITEMS, {">": [AMOUNT, 100]}]}}, False, False),
        ({"all": [[], False]}, False, False),
        ({"none": [[], {"==": [{"var": "anything"}, 1]}]}, True, True),
        ({"some": [None, {"var": ""}]}, False, False),
        ({"some": [[0, None, 3], {">": [IT, 2]}]}, True, True),
        ({"some": [[0, None], {"==": [{"var": ["", 7]}, 7]}]}, True, True),
        ({"reduce": [ITEMS, {"or": [SUM, {">": [CURRENT, 13]}]}, False]}, True, False),
        ({"reduce": [ITEMS, {"!!": {"missing": ["current.category"]}}, False]}, True, False),
    ],
    ids=str,
)
def test_rules_that_ask_about_items(rule: Any, of_basket: bool, of_nothing: bool) -> None:  # columns of the table
    """Of an empty list, all holds of nothing and none of everything; an absent list is an empty one."""
    assert value(rule, "bool") is of_basket
    assert value(rule, "bool", EMPTY) is of_nothing


@pytest.mark.parametrize(
    ("rule", "of_basket", "of_nothing"),
    [
        (SUM_OF_WINE, "12.50", 0),
        ({"reduce": [ITEMS, {"+": [SUM, {"*": [{"var": "current.quantity"}, 2]}]}, 5]}, 17, 5),
        ({"reduce": [ITEMS, {"+": [SUM, {"var": "current.points"}]}, 0]}, 11, 0),
        ({"reduce": [TAGS, {"+": [SUM, 1]}, 0]}, 3, 0),
        ({"reduce": [TAGS, {"+": [SUM, {"if": [{"var": "current"}, 1, 0]}]}, 0]}, 2, 0),
        ({"reduce": [{"map": [ITEMS, AMOUNT]}, {"max": [SUM, {"var": "current"}]}, 0]}, "13.50", 0),
        ({"reduce": [ITEMS, CURRENT, None]}, "13.50", None),
        ({"reduce": [ITEMS, CURRENT, {"var": "total"}]}, "13.50", 0),
        ({"reduce": [[1, 2, 3], {"*": [SUM, {"var": "current"}]}, 1]}, 6, 6),
    ],
    ids=str,
)
def test_rules_that_calculate_over_items(rule: Any, of_basket: Any, of_nothing: Any) -> None:
    """A sum is a reduction; what it begins with counts where there is nothing."""
    expected, of_nothing = [None if one is None else Decimal(one) for one in (of_basket, of_nothing)]
    assert value(rule, "number") == expected
    assert value(rule, "number", EMPTY) == of_nothing


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"map": [ITEMS, CATEGORY]}, ("wine", "bread", None)),
        ({"map": [{"filter": [ITEMS, WINE]}, {"*": [AMOUNT, 2]}]}, (Decimal(25),)),
        ({"filter": [TAGS, IT]}, ("vip", "new")),
        ({"merge": [TAGS, {"map": [ITEMS, {"cat": [CATEGORY, "!"]}]}]}, ("vip", "new", "", "wine!", "bread!", "!")),
        ({"merge": []}, ()),
        ({"merge": 1}, (Decimal(1),)),
        ({"merge": [[1], 2, [None]]}, (Decimal(1), Decimal(2), None)),
        ({"map": [[1, 2], {"map": [["a"], IT]}]}, (("a",), ("a",))),
        ({"if": [{"some": [ITEMS, WINE]}, TAGS, {"merge": ["x"]}]}, ("vip", "new", "")),
    ],
    ids=str,
)
def test_rules_that_yield_lists(rule: Any, expected: Any) -> None:
    """Lists of texts, of numbers, of lists."""
    assert value(rule, "list") == expected


def test_items_themselves_can_be_kept() -> None:
    """A filter keeps whole lines, and they are what they were."""
    kept = value({"filter": [ITEMS, {">": [AMOUNT, 10]}]}, "list")
    assert [line["amount"] for line in kept] == [Decimal("12.50"), Decimal("13.50")]
    assert value({"map": [ITEMS, IT]}, "list") == value(ITEMS, "list")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"filter": [{"var": "total"}, True]}, ("type_mismatch", "/filter/0/var")),
        ({"reduce": [{"var": "total"}, 1, 0]}, ("type_mismatch", "/reduce/0/var")),
        ({"some": [ITEMS, {"==": [{"var": "total"}, 1]}]}, ("unknown_variable", "/some/1/==/0/var")),
        ({"some": [ITEMS, {"==": [{"var": "amout"}, 1]}]}, ("unknown_variable", "/some/1/==/0/var")),
        ({"reduce": [ITEMS, {"var": "amount"}, 0]}, ("unknown_variable", "/reduce/1/var")),
        ({"reduce": [ITEMS, {"var": ""}, 0]}, ("unknown_variable", "/reduce/1/var")),
        ({"+": [SUM, 1]}, ("unknown_variable", "/+/0/var")),
        ({"reduce": [ITEMS, {"+": [SUM, CURRENT]}, {"var": "usd"}]}, ("unit_mismatch", "/reduce/1/+")),
        ({"reduce": [ITEMS, CURRENT, {"var": "usd"}]}, ("unit_mismatch", "/reduce")),
        ({"reduce": [ITEMS, {"var": "current.category"}, 0]}, ("type_mismatch", "/reduce")),
        ({"reduce": [TAGS, {"merge": [{"var": "current"}]}, 0]}, ("type_mismatch", "/reduce/1/merge")),
        ({"reduce": [TAGS, 1, {"merge": [1]}]}, ("type_mismatch", "/reduce/2/merge")),
        ({"reduce": [TAGS, 1]}, ("wrong_arity", "/reduce")),
        ({"merge": [TAGS, 1]}, ("type_mismatch", "/merge")),
        ({"merge": [{"map": [ITEMS, AMOUNT]}, {"map": [ITEMS, POINTS]}]}, ("unit_mismatch", "/merge")),
        ({"merge": [ITEMS, {"map": [ITEMS, {"var": "labels"}]}]}, ("type_mismatch", "/merge")),
        ({"some": [ITEMS, {"==": [IT, IT]}]}, ("type_mismatch", "/some/1/==")),
        ({"==": [TAGS, TAGS]}, ("type_mismatch", "/==")),
        ({"some": [ITEMS, {"in": [IT, []]}]}, ("type_mismatch", "/some/1/in")),
        ({"some": [ITEMS, {"==": [CATEGORY, "wien"]}]}, ("enum_value", "/some/1/==/1")),
        ({"some": [TAGS, {"missing": [""]}]}, ("type_mismatch", "/some/1/missing/0")),
        ({"some": [ITEMS, {"<": [DISCOUNT, 5]}]}, ("null_unsafe", "/some/1/<")),
        ({"none": [ITEMS, {">": [DISCOUNT, 5]}]}, ("null_unsafe", "/none/1/>")),
        ({"some": [ITEMS, {"==": [{"var": ["amount", "x"]}, 5]}]}, ("type_mismatch", "/some/1/==/0/var/1")),
        ({"some": [[0, None, "3"], IT]}, ("type_mismatch", "/some/0")),
        ({"map": [[[]], 1]}, ("type_mismatch", "/map/0/0")),
        ({"map": [ITEMS, {"*": [AMOUNT, {"var": "quantity"}]}]}, ("unit_mismatch", "/map/1/*")),
        ({"filter": [[1, 2], {">": [IT, "x"]}]}, ("type_mismatch", "/filter/1/>")),
    ],
    ids=str,
)
def test_faults_around_lists_are_refused_at_their_place(rule: Any, expected: tuple[str, str]) -> None:
    """Inside, nothing but the item is seen, and it is typed."""
    assert expected in refused(rule)


def test_two_kinds_of_items_do_not_mix() -> None:
    """Lines of a basket and items of another list are different things."""
    other = field("others", "list[object]", fields=(field("a", "str"),))
    catalog = Catalog("earn", "list", VARIABLES | {"others": other})
    with pytest.raises(InvalidRule, match="mixes items of different lists"):
        parse('{"merge":[{"var":"lines"},{"var":"others"}]}', catalog)


def test_suggestions_name_what_is_seen_inside() -> None:
    """A misspelt field gets its neighbour."""
    with pytest.raises(InvalidRule) as refusal:
        parse('{"map":[{"var":"lines"},{"var":"amout"}]}', known("list"))
    assert refusal.value.problems[0].suggestion == "amount"
    assert "where nothing else is seen" in refusal.value.problems[0].message


INNER = {"some": [{"var": "labels"}, {"==": [IT, "red"]}]}


@pytest.mark.parametrize(
    ("rule", "pointer"),
    [
        ({"map": [ITEMS, {"filter": [{"var": "labels"}, {"!": {"!": {"==": [IT, "red"]}}}]}]}, "/map"),
        ({"and": [True, {"some": [ITEMS, {"or": [INNER, INNER]}]}]}, "/and/1/some"),
        ({"map": [ITEMS, {"some": [["a"] * 999, {"and": [IT, IT]}]}]}, "/map"),
        ({"some": [{"merge": [TAGS] * 32}, {"in": [IT, ["x"] * 1000]}]}, "/some"),
        ({"some": [[1], {"some": [["a"] * 600, {"some": [["a"] * 900, {"!": IT}]}]}]}, "/some/1/some"),
    ],
    ids=range(5),
)
def test_lists_inside_lists_are_refused_where_they_could_take_for_ever(rule: Any, pointer: str) -> None:
    """The worst case is known beforehand, because every list is bounded."""
    assert ("too_many_steps", pointer) in refused(rule, "bool")


def test_the_slowest_rules_take_moments() -> None:
    """A million steps at most; the bound here is for slow machines."""
    rule = {"filter": [ITEMS, {"none": [{"var": "labels"}, {"==": [IT, "a"]}]}]}
    lines = [{"amount": 1, "quantity": 1, "labels": ["x"] * 500} for _ in range(500)]
    checked = parse(json.dumps(rule), known("list"))
    facts = check_facts(EMPTY | {"lines": lines}, known("list"))
    started = time.perf_counter()
    assert len(compile_rule(checked)(facts)) == 500
    assert time.perf_counter() - started < 2


def test_long_lists_are_no_facts() -> None:
    """Five hundred lines are a wholesaler's basket."""
    check_facts(BASKET | {"tags": ["a"] * 500}, known("bool"))
    with pytest.raises(InvalidFacts, match="takes at most 500 items, not 501") as refusal:
        check_facts(BASKET | {"tags": ["a"] * 501}, known("bool"))
    assert refusal.value.pointer == "/tags"


@pytest.mark.parametrize(
    ("lines", "pointer"),
    [
        ([{"amount": 1, "quantity": 1}, {"amount": "1", "quantity": 1}], "/lines/1/amount"),
        ([{"amount": 1, "quantity": 1, "a/b": 1}], "/lines/0/a~1b"),
        ([{"amount": 1}], "/lines/0/quantity"),
        ([1], "/lines/0"),
        ([{"amount": 1.5, "quantity": 1}], "/lines/0/amount"),
        ({}, "/lines"),
    ],
)
def test_lines_that_do_not_fit_are_refused(lines: Any, pointer: str) -> None:
    """Each field is checked as a fact is."""
    with pytest.raises(InvalidFacts) as refusal:
        check_facts(BASKET | {"lines": lines}, known("bool"))
    assert refusal.value.pointer == pointer


def test_lines_are_read_from_json_by_what_their_fields_are() -> None:
    """Amounts may be text, as elsewhere."""
    text = '{"total":"1","usd":1,"lines":[{"amount":"12.50","quantity":2}]}'
    (line,) = read_facts(text, known("bool"))["lines"]  # type: ignore[misc]
    assert (line["amount"], line["quantity"], line["labels"]) == (Decimal("12.50"), Decimal(2), None)
    with pytest.raises(InvalidFacts, match="takes a list of objects"):
        read_facts('{"total":"1","usd":1,"lines":[1]}', known("bool"))


@pytest.mark.parametrize(
    ("body", "initial"),
    [({"*": [SUM, SUM]}, 10), ({"/": [SUM, 1000000000]}, 1), ({"cat": [SUM, SUM]}, "ab")],
    ids=str,
)
def test_values_that_outgrow_their_bounds_yield_nothing(body: Any, initial: Any) -> None:
    """Squared at every line, a number would fill the memory; nothing is what comes of it, and a note says so."""
    wanted: ResultType = "str" if isinstance(initial, str) else "number"
    rule = parse(json.dumps({"reduce": [TAGS, body, initial]}), known(wanted))
    facts = check_facts(EMPTY | {"tags": ["x"] * 500}, known(wanted))
    assert compile_rule(rule)(facts) is None
    assert [note.code for note in explain(rule, facts).notes] == ["outgrown"]


def test_only_rules_of_the_ledger_go_through_lists() -> None:
    """There is no form of it in SQL, and the rule says so."""
    assert parse(json.dumps(SUM_OF_WINE), known("number")).is_for_ledger_only
    assert parse('{"!!":[{"var":"lines"}]}', known("bool")).is_for_ledger_only
    assert not parse('{"!!":[{"var":"tags"}]}', known("bool")).is_for_ledger_only
    with pytest.raises(InvalidRule, match="works in earn and burn rules only"):
        parse('{"some":[{"var":"tags"},{"var":""}]}', "segment")


def test_the_trace_tells_lists_and_results_but_no_single_items() -> None:
    """Of five hundred lines nobody reads every step."""
    facts = check_facts(BASKET, known("number"))
    rule = parse(json.dumps({"if": [{"some": [ITEMS, WINE]}, {"*": [SUM_OF_WINE, 0.5]}, 0]}), known("number"))
    trace = explain(rule, facts)
    assert [(step.at, step.text) for step in trace.steps] == [
        ("/if/0/some", "some(3 items of lines): yes"),
        ("/if/1/*/0/reduce/0/filter", "filter(3 items of lines): 1 of 3 items"),
        ("/if/1/*/0/reduce", "reduce(1 item, from 0): 12.50"),
        ("/if/1/*", "12.50 \N{MULTIPLICATION SIGN} 0.5 = 6.250"),
        ("/if", "if(yes, 6.250, 0): 6.250"),
    ]
    assert (trace.skipped, set(trace.facts)) == ((), {"lines"})
    assert award_sentence(rule, facts, RoundingMode.FLOOR, 0, "points") == (
        "6 points: some of 3 items of lines fit, so 12.50 \N{MULTIPLICATION SIGN} 0.5 = 6.25, rounded down to 6."
    )
    rule = parse(json.dumps(SUM_OF_WINE), known("number"))
    sentence = award_sentence(rule, facts, RoundingMode.FLOOR, 0, "points")
    assert sentence == "12 points: reduce(1 item, from 0) = 12.5, rounded down to 12."


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({"all": [ITEMS, WINE]}, "Does not match: not all of 3 items of lines fit."),
        ({"all": [ITEMS, IT]}, "Matches: all of 3 items of lines fit."),
        ({"all": [[], IT]}, "Does not match: there are 0 items."),
        ({"none": [ITEMS, WINE]}, "Does not match: some of 3 items of lines fit."),
        ({"none": [TAGS, {"==": [IT, "x"]}]}, "Matches: none of 3 items of tags fit."),
        ({"!!": {"map": [ITEMS, IT]}}, "Matches: map(3 items of lines): 3 items."),
        (
            {"!!": {"merge": [[1] * 11]}},
            "Matches: merge(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 more): 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 more.",
        ),
        ({"!": {"missing": ["no"]}}, 'Does not match: missing(no): "no".'),
    ],
    ids=str,
)
def test_sentences_about_lists(rule: Any, sentence: str) -> None:
    """Counts instead of contents."""
    wanted = parse(json.dumps(rule), known("bool"))
    assert match_sentence(wanted, check_facts(BASKET, known("bool"))) == sentence


def test_the_canonical_form_of_bodies_is_a_spelling_of_the_same_rule() -> None:
    """Bodies are written as they were, locals by their names."""
    spelling = {
        "reduce": [
            {"filter": [ITEMS, {"!": {"missing": "category"}}]},
            {"+": [SUM, {"var": ["current.discount", 1]}]},
            0,
        ]
    }
    rule = parse(json.dumps(spelling), known("number"))
    assert canonical(rule.root) == {
        "reduce": [
            {"filter": [{"var": ["lines"]}, {"!": [{"missing": ["category"]}]}]},
            {"+": [{"var": ["accumulator"]}, {"var": ["current.discount", 1]}]},
            0,
        ]
    }
