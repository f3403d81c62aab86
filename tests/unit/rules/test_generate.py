"""The functions that rules are made into: nothing of a rule is ever run as code, and nothing is asked for in vain."""

import decimal
import json
import re
from collections.abc import Callable
from decimal import Decimal
from types import CodeType
from typing import Any

import pytest

from rules import Variable, check_facts, compile_rule, parse
from rules.catalog import Catalog
from rules.explain import compile_traced, explain

HOSTILE = [
    "'] or __import__('os').system('true') or facts['",
    '"""\n__import__("os")\n"""',
    "__builtins__",
    "facts",
    "c0",
    "v0 := 1",
    "{facts}",
    "\\",
    "None",
    "é\N{RIGHT-TO-LEFT OVERRIDE}",
]


def code_of(function: Any) -> list[CodeType]:
    """Return the code of a function and of what it defines."""
    found = [function.__code__]
    for code in found:
        found += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return found


@pytest.mark.parametrize("text", HOSTILE)
def test_names_and_texts_are_never_source(text: str) -> None:
    """Whatever a variable is called and a text says, both are looked up and compared, and that is all."""
    known = Catalog("earn", "bool", {text: Variable(text, "str", "none", nullable=True, description="")})
    asked: Any = {"var": text}
    written = text if text.isprintable() else "x"
    rule = parse(
        json.dumps({"and": [{"==": [asked, written]}, {"!": {"missing": text}}, {"in": [asked, [written]]}]}), known
    )
    evaluate = compile_rule(rule)
    assert evaluate({text: written}) is True
    assert evaluate({text: "other"}) is False
    for code in code_of(evaluate):
        assert all(re.fullmatch(r"c\d+|get", name) for name in code.co_names)
        assert all(re.fullmatch(r"facts|[tv]\d+", name) for name in code.co_varnames)
        assert all(constant in (None, True, False, text) for constant in code.co_consts)
    assert evaluate.__globals__["__builtins__"] == {}
    assert explain(rule, {text: written}).result is True


@pytest.mark.parametrize("text", HOSTILE)
def test_nor_are_names_of_fields(text: str) -> None:
    """What is done to each item is a function of its own, made in the same way."""
    field = Variable(text, "decimal", "none", nullable=True, null_as=Decimal(1), description="")
    lines = Variable("lines", "list[object]", "none", nullable=True, description="", fields=(field,))
    body = {"+": [{"var": "accumulator"}, {"var": f"current.{text}"}]}
    rule = parse(json.dumps({"reduce": [{"var": "lines"}, body, 0]}), Catalog("earn", "number", {"lines": lines}))
    evaluate: Any = compile_rule(rule)
    assert evaluate({"lines": ({text: Decimal(2)}, {})}) == 3
    made = {name: value for name, value in evaluate.__globals__.items() if hasattr(value, "__code__")}
    made = {name: value for name, value in made.items() if value.__code__.co_filename == "<rule>"}
    assert set(made) == {"rule", "body0"}
    for code in code_of(made["body0"]):
        assert all(re.fullmatch(r"c\d+|get", name) for name in code.co_names)
        assert all(re.fullmatch(r"item|accumulator|t\d+", name) for name in code.co_varnames)
        assert all(constant in (None, text) for constant in code.co_consts)


def test_numbers_are_compared_exactly_under_any_context() -> None:
    """Plain operators compare decimals digit by digit, beside other decimals and whole numbers alike."""
    big = Decimal("123456789012345678901234567890.1")
    with decimal.localcontext(decimal.Context(prec=1, traps=[decimal.Inexact, decimal.Rounded])):
        assert big > Decimal(123456789012345678901234567890)
        assert big > 123456789012345678901234567890
        assert big == Decimal("123456789012345678901234567890.10")
        assert {big, Decimal(1)} & {Decimal("123456789012345678901234567890.10")}
        assert min(big, 1) == 1


def deepest() -> Any:
    """As many levels and arguments as the bounds allow, everything in the leftmost place."""
    rule: Any = {"if": [{"var": "transaction_amount"}, 1]}  # may yield nothing, which counts as 0 around it
    for _ in range(14):
        rule = {"+": [rule, *[1] * 17]}
    return rule


BIG = [
    {"+": [{"+": [{"var": "transaction_amount"}] * 32}] * 7 + [{"+": [1] * 23}]},
    deepest(),
    {
        "if": [
            {"and": [{"!!": {"var": "transaction_amount"}}] * 64},
            1,
            {"or": [{"var": "transaction_amount"}] * 64},
            2,
            3,
        ]
    },
    {"if": [{">": [{"var": "transaction_amount"}, 1]}, 1] * 20 + [0]},
]


@pytest.mark.parametrize("rule", BIG, ids=range(len(BIG)))
@pytest.mark.parametrize("make", [compile_rule, compile_traced])
def test_the_code_of_a_rule_grows_with_its_nodes_only(rule: Any, make: Callable[[Any], Any]) -> None:
    """However it is nested: a doubling at every level would be thousands of times as much."""
    checked = parse(json.dumps(rule), "earn")
    facts = check_facts({"transaction_amount": Decimal(5), "currency": "CHF", "source": "s"}, checked)
    evaluate = make(checked)
    assert len(evaluate.__code__.co_code) < 256 * 100
    evaluate(facts)


def test_what_is_settled_is_not_asked_for_further() -> None:
    """Neither form reads a fact behind the clause that decides."""
    rule = parse('{"if":[{"==":[{"var":"currency"},"CHF"]},1,{">":[{"var":"transaction_amount"},1]},2,3]}', "earn")
    assert compile_rule(rule)({"currency": "CHF"}) == 1
    assert compile_traced(rule)({"currency": "CHF"})[0] == 1
    assert explain(rule, {"currency": "CHF"}).skipped == ("/if/2/>",)
