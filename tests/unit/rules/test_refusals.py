"""What must never be saved, each with its code and place, in rules of every scope."""

import json
from typing import Any, get_args

import pytest

from rules import InvalidRule, RuleProblem, Variable, parse
from rules.catalog import Catalog
from rules.problems import Code, below

RUNS_CODE = (
    '{"method":[{"method":[{"method":[{"method":[{"method":[{"method":["","__reduce_ex__",[2]]},"__getitem__",[0]]},'
    '"__globals__"]},"get",["__builtins__"]]},"get",["eval"]]},"__call__",["6*7"]]}'
)
READ = {"earn": '{"var":"transaction_amount"}', "segment": '{"var":"total_revenue"}'}


def problems(text: str, scope: str) -> list[RuleProblem]:
    """Return what is wrong with a rule."""
    with pytest.raises(InvalidRule) as refusal:
        parse(text, scope)
    return list(refusal.value.problems)


@pytest.mark.parametrize("scope", ["earn", "segment"])
@pytest.mark.parametrize(
    ("text", "code", "pointer"),
    [
        (RUNS_CODE, "unknown_operator", "/method"),
        ('{"log":"x"}', "unknown_operator", "/log"),
        ('{"+":' * 39 + "1" + "}" * 39, "too_deep", "/+" * 16),
        ('{">":[%s,[' + ",".join("1" * 100_000) + "]]}", "too_large", ""),
        ('{"in":[%s,[' + ",".join("1" * 10_000) + "]]}", "list_too_long", "/in/1"),
        ('{"+":[%s,1e999]}', "number_out_of_bounds", "/+/1"),
        ('{"+":[%s,-1e-999]}', "number_out_of_bounds", "/+/1"),
        ('{"==":["a\\u0000b","c"]}', "control_character", "/==/0"),
        ('{"==":["a\\u009bb","c"]}', "control_character", "/==/0"),
        ('{"+":["\\ud800"]}', "control_character", "/+/0"),
        ('{"if":[%s]}', "wrong_arity", "/if"),
        ('{"<":[1,2,%s,4]}', "wrong_arity", "/<"),
        ('{"+":[{"var":{"cat":["total_","revenue"]}},1]}', "dynamic_var", "/+/0/var"),
        ('{"/":[%s,0.000]}', "zero_divisor", "/~1/1"),
        ('{"%%":[%s,0]}', "zero_divisor", "/%/1"),
        ('{"==":[%s,"text"]}', "type_mismatch", "/=="),
        ('{"<":[%s,true]}', "type_mismatch", "/<"),
    ],
    ids=range(17),
)
def test_bad_rules_are_refused_when_they_are_saved(scope: str, text: str, code: str, pointer: str) -> None:
    """Never at run time."""
    found = problems(text % READ[scope] if "%s" in text else text, scope)
    assert (code, pointer) in [(one.code, one.pointer) for one in found]


@pytest.mark.parametrize(
    ("rule", "pointer"),
    [
        ({"==": [{"var": "country"}, 41]}, "/=="),
        ({"===": [{"var": "total_revenue"}, "1000"]}, "/==="),
        ({">": [{"var": "total_revenue"}, "a lot"]}, "/>"),
        ({">": [{"var": "country"}, 100]}, "/>"),
        ({"in": [{"var": "purchase_count"}, ["one", "two"]]}, "/in"),
        ({"!=": [{"var": "member_since"}, 2024]}, "/!="),
    ],
    ids=str,
)
def test_text_is_not_compared_with_numbers(rule: Any, pointer: str) -> None:
    """A segment of nobody, or of everybody, is never what was meant."""
    assert [(one.code, one.pointer) for one in problems(json.dumps(rule), "segment")] == [("type_mismatch", pointer)]


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ('{"ad":[true]}', "and"),
        ('{"fliter":[1]}', "filter"),
        ('{"starts_with":["a","b"]}', "startsWith"),
        ('{"%%":1}', "%"),
    ],
)
def test_an_unknown_operator_is_answered_with_the_likely_one(text: str, suggestion: str) -> None:
    """Did you mean …?"""
    assert problems(text, "earn")[0].suggestion == suggestion


def test_problems_come_in_the_order_of_the_checks() -> None:
    """What has to be mended first is told first; bounds follow, and warnings are never among them."""
    assert get_args(Code)[:12] == (
        "json",
        "not_an_operator",
        "unknown_operator",
        "wrong_arity",
        "unknown_variable",
        "dynamic_var",
        "type_mismatch",
        "unit_mismatch",
        "enum_value",
        "zero_divisor",
        "result_type",
        "null_unsafe",
    )
    assert get_args(Code)[-3:] == ("constant_condition", "unreachable_branch", "text_folded")


def test_many_problems_are_told_in_that_order() -> None:
    """One of nearly every kind, in one rule."""
    rule = {
        "and": [
            {"<": [{"var": "average_basket"}, 30]},
            {">": [{"/": [{"var": "total_revenue"}, 0]}, 1]},
            {"==": [{"var": "tier"}, "glod"]},
            {"<": [{"var": "total_revenue"}, {"var": "days"}]},
            {"==": [{"var": "tier"}, 1]},
            {"!": {"var": ["tier", {"cat": "x"}]}},
            {"!": {"var": "teir"}},
            {"!": [1, 2]},
            {"xor": [True, False]},
            {"or": [{}, True]},
        ]
    }
    variables = [
        Variable("average_basket", "decimal", "money", nullable=True, description=""),
        Variable("total_revenue", "decimal", "money", nullable=False, description=""),
        Variable("days", "int", "days", nullable=False, description=""),
        Variable("tier", "str", "none", nullable=False, description="", enum=("gold",)),
    ]
    known = Catalog("segment", "number", {one.name: one for one in variables})
    with pytest.raises(InvalidRule) as refusal:
        parse(json.dumps({"!": rule}), known)
    assert [one.code for one in refusal.value.problems] == list(get_args(Code)[1:11])
    with pytest.raises(InvalidRule) as refusal:
        parse(json.dumps(rule), known.yielding("bool"))
    assert [one.code for one in refusal.value.problems] == [*get_args(Code)[1:10], "null_unsafe"]


def test_pointers_escape_what_separates() -> None:
    """RFC 6901: `~` is `~0` and `/` is `~1`."""
    assert below("/a", "~/") == "/a/~0~1"
    assert [one.pointer for one in problems('{"/":[1,{"~1/":1}]}', "earn")] == ["/~1/1/~01~1"]
