import json
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rules import InvalidRule, RoundingMode, Rule, Variable, check_facts, compile_rule, parse, round_to_units
from rules.catalog import Catalog, ResultType, VariableType
from rules.ir import canonical
from rules.operators import OPERATORS
from rules.scopes import CATALOGS

TYPES: dict[str, VariableType] = {"amount": "decimal", "count": "int", "flag": "bool", "text": "str", "day": "date"}
VARIABLES = [
    Variable(prefix + name, kind, "none", prefix == "no_", "", frozenset())
    for prefix in ("", "no_")
    for name, kind in TYPES.items()
]
NO_DEADLINE = settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module", autouse=True)
def _scopes() -> Iterator[None]:
    """Add a scope per result type, with a nullable and a certain variable of every type."""
    with pytest.MonkeyPatch.context() as patch:
        scopes: tuple[ResultType, ...] = ("number", "bool", "str")
        for scope in scopes:
            patch.setitem(CATALOGS, scope, Catalog("earn", scope, {variable.name: variable for variable in VARIABLES}))
        yield


# The reference: JSON in, value out, no types, one function.


def reference(rule: Any, facts: Mapping[str, Any]) -> Any:
    """Evaluate a rule the naive way, under a decimal context of 34 digits."""
    if not isinstance(rule, dict):
        return rule
    ((name, given),) = rule.items()
    sources = given if isinstance(given, list) else [given]
    if name == "var":
        value = facts.get(sources[0])
        return sources[1] if value is None and len(sources) > 1 else value
    if name in {"if", "?:"}:
        while len(sources) > 1:
            condition, then, *sources = sources
            if reference(condition, facts):
                return reference(then, facts)
        return reference(sources[0], facts) if sources else None
    return applied(name, sources, [reference(source, facts) for source in sources])


def applied(name: str, sources: list[Any], values: list[Any]) -> Any:
    """Apply an operator to the values of all its arguments."""
    if name in {"and", "or"}:
        return next((value for value in values if bool(value) is (name == "or")), values[-1])
    if name in {"!", "!!"}:
        return bool(values[0]) is (name == "!!")
    if name in {"==", "===", "!=", "!=="}:
        equal = (values[0] is None) is (values[1] is None) and values[0] == values[1]
        return equal is name.startswith("=")
    if name in {"<", "<=", ">", ">="} and is_day(sources):
        return None not in values and all(ordered(name, *pair) for pair in pairwise(values))
    numbers = [Decimal(0 if value is None else value) for value in values]
    if name in {"<", "<=", ">", ">="}:
        return all(ordered(name, *pair) for pair in pairwise(numbers))
    return calculated(name, numbers)


def is_day(sources: list[Any]) -> bool:
    """Whether dates are compared, which here are always variables."""
    return any(isinstance(source, dict) and "day" in str(source.get("var")) for source in sources)


def ordered(name: str, left: Any, right: Any) -> bool:
    """Compare two values."""
    return bool({"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[name])


def calculated(name: str, numbers: list[Decimal]) -> Decimal | None:
    """Apply an arithmetic operator."""
    if name in {"min", "max"}:
        return min(numbers) if name == "min" else max(numbers)
    if name in {"/", "%"} and numbers[1] == 0:
        return None
    if name == "%":
        with localcontext(prec=9999):
            rest = numbers[0] - int(numbers[0] / numbers[1]) * numbers[1]
        return +rest
    if name == "-" and len(numbers) == 1:
        return -numbers[0]
    step = {"+": Decimal.__add__, "-": Decimal.__sub__, "*": Decimal.__mul__, "/": Decimal.__truediv__}[name]
    return reduce(step, numbers)


# Random rules of each type, and facts for them.


def written(rule: Any) -> str:
    """Write a rule as JSON, its decimals digit by digit."""
    return msgspec.json.Encoder(decimal_format="number").encode(rule).decode()


def variable(name: str) -> st.SearchStrategy[Any]:
    """A variable that may or may not be null."""
    return st.sampled_from([{"var": name}, {"var": "no_" + name}, {"var": ["no_" + name]}])


def call(names: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An operator with exactly these arguments."""
    return st.builds(lambda name, *given: {name: list(given)}, st.sampled_from(names.split()), *arguments)


def calls(names: str, argument: st.SearchStrategy[Any], most: int = 4) -> st.SearchStrategy[Any]:
    """An operator with one or more arguments of a kind."""
    return st.builds(
        lambda name, given: {name: given}, st.sampled_from(names.split()), st.lists(argument, min_size=1, max_size=most)
    )


some_numbers = st.sampled_from(["0", "1", "-1", "2", "7", "100", "0.10", "1.15", "999999999999999999"]).map(Decimal)
some_numbers |= st.decimals(-(10**17), 10**17, places=9)
dates = variable("day")


def rules(depth: int) -> dict[str, st.SearchStrategy[Any]]:
    """Strategies for rules of each type, up to a depth."""
    number = some_numbers | variable("amount") | variable("count") | st.just({"var": ["no_amount", Decimal(3)]})
    flag = st.booleans() | variable("flag")
    text = st.sampled_from(["", "0", "gold", "é"]) | variable("text")
    if depth == 0:
        return {"number": number, "bool": flag, "str": text}
    below = rules(depth - 1)
    n, b, s = below["number"], below["bool"], below["str"]
    anything = n | b | s | dates | st.none()
    nonzero = some_numbers.filter(bool) | variable("amount") | variable("count")

    def choices(branch: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        pair = (anything, branch)
        shapes = [pair, (*pair, branch), (*pair, *pair), (*pair, *pair, branch)]
        return st.one_of(*[call("if ?:", *shape) for shape in shapes], calls("and or", branch))

    numbers = [calls("+ * min max", n), calls("-", n, 2), call("/ %", n, nonzero), choices(n)]
    flags = [calls("! !!", anything, 1), choices(b)]
    flags += [call("== === != !==", kind, kind | st.none()) for kind in (n, b, s, dates)]
    for kind in (n, dates):
        flags += [call("< <= > >=", kind, kind), call("< <=", kind, kind, kind)]
    return {"number": st.one_of(n, *numbers), "bool": st.one_of(b, *flags), "str": st.one_of(s, choices(s))}


def fact_strategies() -> dict[str, st.SearchStrategy[Any]]:
    """Facts of every type, null where they may be."""
    tiny_or_huge = st.builds(
        lambda digits, power: Decimal(digits).scaleb(power), st.integers(-999, 999), st.integers(-30, 30)
    )
    by_type = {
        "decimal": st.decimals(-(10**9), 10**9, places=2) | tiny_or_huge.filter(bool) | st.just(Decimal(0)),
        "int": st.integers(-(10**18), 10**18),
        "bool": st.booleans(),
        "str": st.sampled_from(["", "0", "gold", "silver"]),
        "date": st.dates(date(2025, 12, 30), date(2026, 1, 2)),
    }
    return {
        found.name: by_type[found.type] | st.none() if found.nullable else by_type[found.type] for found in VARIABLES
    }


facts = st.fixed_dictionaries(fact_strategies())
typed_rules = st.one_of(*[st.tuples(st.just(scope), strategy) for scope, strategy in rules(3).items()])


def checked(text: str, scope: str) -> Rule:
    """Parse a rule, passing over those that would trip over absent numbers."""
    try:
        return parse(text, scope)
    except InvalidRule as refusal:
        assume(any(problem.code != "null_unsafe" for problem in refusal.problems))
        raise


@NO_DEADLINE
@given(typed_rules, st.lists(facts, min_size=1, max_size=4))
def test_a_typed_rule_never_fails_and_equals_the_reference(typed: tuple[str, Any], rows: list[dict[str, Any]]) -> None:
    """Whatever passes the checks has the value the naive interpreter gives it, on any facts."""
    scope, rule = typed
    evaluate = compile_rule(checked(written(rule), scope))
    for row in rows:
        with localcontext(prec=34, rounding=ROUND_HALF_EVEN):
            expected = reference(rule, row)
        actual = evaluate(check_facts(row, scope))
        assert expected == actual
        assert isinstance(actual, bool) is isinstance(expected, bool)


@NO_DEADLINE
@given(typed_rules)
def test_the_canonical_form_is_a_spelling_of_the_same_rule(typed: tuple[str, Any]) -> None:
    """Parsing it again gives the same digest."""
    scope, rule = typed
    parsed = checked(written(rule), scope)
    again = checked(written(canonical(parsed.root)), scope)
    assert again.digest == parsed.digest


keys = st.sampled_from([*OPERATORS, "var", "method", "~/", "", "\ud800"]) | st.text(max_size=3)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(sorted(TYPES))
anything_json = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=2), max_leaves=40
)


@NO_DEADLINE
@given(
    anything_json.map(json.dumps) | st.text(max_size=40) | st.text(alphabet='{}[]":,+-.eE0123456789varif', max_size=60)
)
def test_any_text_is_a_rule_or_is_refused(text: str) -> None:
    """Parsing ends in a rule or in problems that can be sent as JSON; in nothing else."""
    refusal = refusal_of(text)
    assert refusal is None or json.dumps([refusal.detail, refusal.members], ensure_ascii=False).encode()


def refusal_of(text: str) -> InvalidRule | None:
    """Return how a text is refused as a rule, if it is."""
    try:
        parse(text, "number")
    except InvalidRule as refusal:
        return refusal
    return None


def nearest(value: Fraction, mode: RoundingMode) -> int:
    """Round a fraction by the definition of each mode."""
    down, tie = value.numerator // value.denominator, value - value.numerator // value.denominator == Fraction(1, 2)
    if value == down:
        return down
    positive = value > 0
    up_is_right = {
        "floor": False,
        "ceil": True,
        "down": not positive,
        "up": positive,
        "half_up": positive if tie else value - down > Fraction(1, 2),
        "half_down": not positive if tie else value - down > Fraction(1, 2),
        "half_even": down % 2 == 1 if tie else value - down > Fraction(1, 2),
    }
    return down + up_is_right[mode]


@NO_DEADLINE
@given(
    st.builds(lambda digits, power: Decimal(digits).scaleb(power), st.integers(), st.integers(-12, 3))
    | st.builds(lambda digits: Decimal(f"{digits}.5"), st.integers()),
    st.sampled_from(list(RoundingMode)),
    st.integers(0, 6),
)
def test_rounding_equals_its_definition_on_fractions(value: Decimal, mode: RoundingMode, scale: int) -> None:
    """In every mode, at every size and scale."""
    assert nearest(Fraction(value) * 10**scale, mode) == round_to_units(value, mode=mode, scale=scale)
