"""Evaluated rules in words: values, sums, and why a condition is met or not."""

from collections.abc import Mapping, Sized
from datetime import date
from decimal import Decimal
from typing import Any, Final

from ledger.program.terms import RoundingMode
from rules.ir import NAMING, UNKNOWN, Body, Call, Const, Items, Node, Var

Yielded = Mapping[str, Any]
"""What each node that was asked for yielded, by its pointer."""


def spelled(value: Any) -> str:
    """Spell a value for people."""
    match value:
        case None:
            return "absent"
        case bool():
            return "yes" if value else "no"
        case Decimal():
            # At least as many places as it was written with; what arithmetic appended is dropped.
            text = f"{value:f}"
            return text.rstrip("0").rstrip(".") if "." in text and value == value.to_integral_value() else text
        case tuple():
            return _spelled_list(value)
        case _:
            return value.isoformat() if isinstance(value, date) else f'"{value}"'


def _spelled_list(items: tuple[Any, ...]) -> str:
    if any(isinstance(item, dict) for item in items):
        return counted(items)
    shown = [spelled(item) for item in items[:_SHOWN]]
    more = [f"{len(items) - _SHOWN} more"] if len(items) > _SHOWN else []
    return ", ".join(shown + more) or "nothing"


def counted(items: Sized) -> str:
    """Say how many items there are."""
    return f"{len(items)} item{'s' * (len(items) != 1)}"


def value_of(node: Node, yielded: Yielded) -> Any:
    """Return what a node stands for; null if it was not asked for."""
    match node:
        case Const():
            return node.value
        case Items():
            return node.values
        case _:
            return yielded.get(node.pointer)


def named_value(node: Node, yielded: Yielded) -> str:
    """Spell a value, a variable with its name."""
    value = spelled(value_of(node, yielded))
    return f"{node.variable.name} {value}" if isinstance(node, Var) else value


def step_text(node: Call, yielded: Yielded) -> str:
    """Spell one operator with its arguments and result."""
    result = spelled(yielded[node.pointer])
    if any(isinstance(one, Body) for one in node.arguments):
        return f"{_through(node, yielded)}: {_outcome(node, yielded)}"
    if node.operator in _COMPARED or node.operator == "in":
        sign = _SIGNS.get(node.operator, node.operator)
        return f"{f' {sign} '.join(named_value(one, yielded) for one in node.arguments)}: {result}"
    if node.operator in _SIGNS and len(node.arguments) > 1:
        return f"{_sum_text(node, yielded)} = {result}"
    asked = [one for one in node.arguments if node.operator in NAMING or was_asked(one, yielded)]
    inside = [one.variable.name if isinstance(one, Var) else spelled(value_of(one, yielded)) for one in asked]
    return f"{node.operator}({', '.join(inside)}): {result}"


def _through(node: Call, yielded: Yielded) -> str:
    """Say what an operator goes through, item by item; what happens inside is not told."""
    listed, _, *initial = node.arguments
    items = counted(value_of(listed, yielded) or ())
    of = f" of {listed.variable.name}" if isinstance(listed, Var) else ""
    begun = "".join(f", from {spelled(value_of(one, yielded))}" for one in initial)
    return f"{node.operator}({items}{of}{begun})"


def _outcome(node: Call, yielded: Yielded) -> str:
    result = yielded[node.pointer]
    if node.operator != "filter":
        return spelled(result)
    return f"{len(result)} of {counted(value_of(node.arguments[0], yielded) or ())}"


def _sum_text(node: Call, yielded: Yielded) -> str:
    return f" {_SIGNS[node.operator]} ".join(spelled(value_of(one, yielded)) for one in node.arguments)


def _trimmed(number: Decimal) -> Decimal:
    """Drop the zeros that arithmetic appended: of 249.90 times 0.15 people say 37.485."""
    whole = number.to_integral_value()
    return whole if number == whole else number.normalize()


def was_asked(node: Node, yielded: Yielded) -> bool:
    """Tell whether a node was evaluated."""
    return isinstance(node, Const | Items | Body) or node.pointer in yielded


def way(node: Node, yielded: Yielded) -> tuple[list[str], Node]:
    """Return the reasons why a branch was taken, and the node that gave the value."""
    reasons: list[str] = []
    while isinstance(node, Call) and node.operator in {"if", "?:"}:
        *pairs, otherwise = node.arguments if len(node.arguments) % 2 else (*node.arguments, _NOTHING)
        chosen = otherwise
        for condition, then in zip(pairs[::2], pairs[1::2], strict=True):
            is_met = bool(value_of(condition, yielded))
            reasons.append(told(condition, yielded, met=is_met))
            if is_met:
                chosen = then
                break
        node = chosen
    return reasons, node


def told_sum(node: Node, yielded: Yielded) -> str:
    """Say how a value came about."""
    if isinstance(node, Call) and node.operator in _SIGNS and len(node.arguments) > 1:
        return f"{_sum_text(node, yielded)} = {spelled(_trimmed(yielded[node.pointer]))}"
    if isinstance(node, Call) and node.operator == "reduce":
        return f"{_through(node, yielded)} = {spelled(_trimmed(yielded[node.pointer]))}"
    return named_value(node, yielded)


def told(node: Node, yielded: Yielded, *, met: bool) -> str:
    """Say why a condition is met, or which clause of it fails."""
    match node:
        case Call("and" | "or"):
            text = _told_clauses(node, yielded, met=met)
        case Call("!" | "!!"):
            text = told(node.arguments[0], yielded, met=met != (node.operator == "!"))
        case Call(operator) if operator in _COMPARED:
            text = _told_comparison(node, yielded, met=met)
        case Call("some" | "all" | "none"):
            text = _told_test(node, yielded, met=met)
        case Call("in"):
            needle, haystack = (named_value(one, yielded) for one in node.arguments)
            text = f"{needle} is {'' if met else 'not '}in {haystack}"
        case Call():
            text = step_text(node, yielded)
        case _:
            text = named_value(node, yielded)
    return text


def _told_clauses(node: Call, yielded: Yielded, *, met: bool) -> str:
    """Of "and" the failing clause tells, of "or" the one that holds; otherwise all of them together do."""
    asked = [one for one in node.arguments if was_asked(one, yielded)]
    if (node.operator == "and") != met:
        return told(asked[-1], yielded, met=met)
    return " and ".join(told(one, yielded, met=met) for one in asked)


def _told_test(node: Call, yielded: Yielded, *, met: bool) -> str:
    listed = node.arguments[0]
    items = counted(value_of(listed, yielded) or ())
    items += f" of {listed.variable.name}" if isinstance(listed, Var) else ""
    if node.operator == "all":
        return f"{'all' if met else 'not all'} of {items} fit" if value_of(listed, yielded) else f"there are {items}"
    return f"{'some' if (node.operator == 'some') == met else 'none'} of {items} fit"


def _told_comparison(node: Call, yielded: Yielded, *, met: bool) -> str:
    holds, fails = _COMPARED[node.operator]
    texts = [named_value(one, yielded) for one in node.arguments]
    if texts[2:]:
        return f"{texts[1]} is {'' if met else 'not '}between {texts[0]} and {texts[2]}"
    return f"{texts[0]} {holds if met else fails} {texts[1]}"


_SHOWN: Final = 10
"""Values of a list that are spelled out."""
_NOTHING: Final = Const(None, UNKNOWN, "")
_SIGNS: Final = {
    "+": "+",
    "-": "-",
    "*": "\N{MULTIPLICATION SIGN}",
    "/": "÷",
    "%": "%",
    "==": "=",
    "===": "=",
    "!=": "≠",
    "!==": "≠",
}
_COMPARED: Final = {
    ">": ("is over", "is not over"),
    ">=": ("is at least", "is under"),
    "<": ("is under", "is not under"),
    "<=": ("is at most", "is over"),
    "==": ("is", "is not"),
    "===": ("is", "is not"),
    "!=": ("is not", "is"),
    "!==": ("is not", "is"),
}
ROUNDED: Final = {
    RoundingMode.FLOOR: "down",
    RoundingMode.DOWN: "down",
    RoundingMode.CEIL: "up",
    RoundingMode.UP: "up",
    RoundingMode.HALF_UP: "half up",
    RoundingMode.HALF_EVEN: "half to even",
    RoundingMode.HALF_DOWN: "half down",
}
