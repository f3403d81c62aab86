"""What is remarked about a rule that can be saved all the same."""

import json
from typing import Any

import pytest

from rules import Variable, parse
from rules.catalog import Catalog

A, B, ON = {"var": "a"}, {"var": "b"}, {"var": "on"}
KNOWN = {
    "a": Variable("a", "decimal", "none", nullable=False, description=""),
    "b": Variable("b", "bool", "none", nullable=False, description=""),
    "on": Variable("on", "date", "none", nullable=False, description=""),
    "tags": Variable("tags", "list[str]", "none", nullable=True, description=""),
}
OVER = {">": [A, 1]}


def warnings(rule: Any, wanted: Any = "number") -> list[tuple[str, str]]:
    """Return code and pointer of what is remarked about a rule."""
    found = parse(json.dumps(rule), Catalog("earn", wanted, KNOWN)).warnings
    return [(one.code, one.pointer) for one in found]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"if": [OVER, 1, 0]}, []),
        ({"if": [OVER, {"*": [2, 3]}, {"<": [A, 0]}, 1]}, []),
        ({"if": [True, 1, 0]}, [("constant_condition", "/if/0"), ("unreachable_branch", "/if/2")]),
        ({"?:": [0, 1, 2]}, [("constant_condition", "/?:/0"), ("unreachable_branch", "/?:/1")]),
        (
            {"if": [{"and": [True, {"<": [1, 2]}]}, 1, OVER, 2, 3]},
            [("constant_condition", "/if/0/and"), ("unreachable_branch", "/if/2/>")],
        ),
        ({"if": [OVER, 1, True, 2]}, [("constant_condition", "/if/2")]),
        ({"if": [OVER, 1, {">": [A, 1]}, 2, 3]}, [("unreachable_branch", "/if/3")]),
        ({"if": [OVER, 1, {">": [{"var": ["a"]}, 1]}, 2, 3]}, [("unreachable_branch", "/if/3")]),
        ({"if": [OVER, 1, {">": [A, 1.5]}, 2, 3]}, []),
        ({"if": [{"or": [OVER, False]}, 1]}, [("constant_condition", "/if/0/or/1")]),
        ({"if": [{"and": [B, True, OVER]}, 1]}, [("constant_condition", "/if/0/and/1")]),
        ({"or": [A, 5]}, []),
        ({"or": [5, A]}, [("constant_condition", "/or/0")]),
        (
            {"if": [OVER, {"if": [None, 1, 2]}, 0]},
            [("constant_condition", "/if/1/if/0"), ("unreachable_branch", "/if/1/if/1")],
        ),
        ({"if": [{"!": {"missing": ["tags"]}}, 1]}, []),
        (
            {"if": [{"some": [{"var": "tags"}, {"and": [{"==": [{"var": ""}, "x"]}, True]}]}, 1]},
            [("constant_condition", "/if/0/some/1/and/1")],
        ),
        (
            {"if": [{"some": [["a"], {"var": ""}]}, 1, 2]},
            [("constant_condition", "/if/0/some"), ("unreachable_branch", "/if/2")],
        ),
        ({"if": [{"==": [A, "100"]}, 1]}, [("text_folded", "/if/0/==/1")]),
        ({"if": [{"in": [A, ["1", 2, "3"]]}, 1]}, [("text_folded", "/if/0/in/1/0"), ("text_folded", "/if/0/in/1/2")]),
        (
            {"if": [{"<=": ["2026-01-01", ON, "2026-02-01"]}, 1]},
            [("text_folded", "/if/0/<=/0"), ("text_folded", "/if/0/<=/2")],
        ),
    ],
    ids=str,
)
def test_what_may_not_have_been_meant(rule: Any, expected: list[tuple[str, str]]) -> None:
    """Each place once; a rule is never refused for it."""
    assert warnings(rule) == expected


def test_remarks_say_what_is_the_matter() -> None:
    """In words for the author."""
    rule = parse('{"if":[{"==":[{"var":"a"},"1"]},1,false,2]}', Catalog("earn", "number", KNOWN))
    assert [one.message for one in rule.warnings] == [
        "this condition is always false: it reads no variable",
        "this is never reached: its condition is always false",
        "the text '1' is read as a number",
    ]
