"""
Typing rules, which operators choose from: each takes the arguments and returns the kind of the result.

They see to it that what a rule becomes never meets a value it cannot handle, and that units do not mix.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, Literal

from msgspec.structs import replace

from rules.ir import BOOL, TEXT, UNKNOWN, Const, Kind, KindUnit, Node, Nodes, Type

MAX_OFFSET: Final = 1_000
"""Characters from either end of a text that a rule may count."""


class Mistyped(Exception):
    """An operator cannot take these arguments."""

    def __init__(
        self,
        code: Literal["type_mismatch", "unit_mismatch", "zero_divisor"],
        message: str,
        at: Node | None = None,
    ) -> None:
        """
        Args:
            code: Code of the `RuleProblem` this becomes.
            message: What is wrong, to be read after the operator's name.
            at: The argument at fault; None for the call as a whole.
        """
        super().__init__(message)
        self.code = code
        self.at = at


def truth(_: Nodes) -> Kind:
    """Any values -> true or false."""
    return BOOL


def alternatives(nodes: Nodes) -> Kind:
    """Values of one kind -> one of them."""
    return united([node.kind for node in nodes])


def branches(nodes: Nodes) -> Kind:
    """Condition, value, condition, value …, value -> one of the values, or null where the last is missing."""
    no_else = len(nodes) % 2 == 0
    kind = alternatives(nodes[1::2] if no_else else (*nodes[1::2], nodes[-1]))
    return replace(kind, nullable=kind.nullable or no_else)


def equality(nodes: Nodes) -> Kind:
    """Values of one kind -> true or false. Lists and objects are equal to nothing but null."""
    alternatives(nodes)
    types = [node.kind.type for node in nodes]
    if "object" in types or types.count("list") > 1:
        raise Mistyped("type_mismatch", f"cannot take {' and '.join(types)}")
    return BOOL


def ordering(nodes: Nodes) -> Kind:
    """Numbers of one unit, or dates -> true or false. Text has no order: collations differ."""
    _common_type(nodes, "number", "date")
    _common_unit(nodes)
    return BOOL


def total(nodes: Nodes) -> Kind:
    """Numbers of one unit -> a number of that unit."""
    _common_type(nodes, "number")
    return Kind("number", _common_unit(nodes))


def product(nodes: Nodes) -> Kind:
    """Numbers, at most one with a unit. A literal may be a rate (points per euro), so it frees the unit."""
    _common_type(nodes, "number")
    units = [node.kind.unit for node in nodes]
    measured = [unit for unit in units if unit not in {"any", "none"}]
    if len(measured) > 1:
        raise Mistyped("unit_mismatch", f"multiplies {' by '.join(measured)}")
    return Kind("number", "any" if "any" in units else next(iter(measured), "none"))


def quotient(nodes: Nodes) -> Kind:
    """Two numbers -> their ratio: plain if the units are the same, of any unit if one is a literal."""
    _common_type(nodes, "number")
    nullable = _can_be_zero(nodes[1])
    match nodes[0].kind.unit, nodes[1].kind.unit:
        case ("any", _) | (_, "any"):
            return Kind("number", "any", nullable)
        case unit, "none":
            return Kind("number", unit, nullable)
        case unit, divisor if unit == divisor:
            return Kind("number", "none", nullable)
        case unit, divisor:
            raise Mistyped("unit_mismatch", f"divides {unit} by {divisor}")


def remainder(nodes: Nodes) -> Kind:
    """Two numbers of one unit -> what a division leaves, in that unit."""
    return Kind("number", total(nodes).unit, _can_be_zero(nodes[1]))


def membership(nodes: Nodes) -> Kind:
    """A value and a list of its kind, or text and text -> whether the second contains the first."""
    needle, haystack = nodes
    if haystack.kind.type != "list":
        _common_type(nodes, "str")
        return BOOL
    item = haystack.kind.item or UNKNOWN
    sought = needle.kind.type
    if sought in {"list", "object"} or (sought not in {item.type, "null", "unknown"} and item.type != "unknown"):
        raise Mistyped("type_mismatch", f"looks for {sought} in a list of {item.type}")
    united([needle.kind, item])
    return BOOL


def texts(nodes: Nodes) -> Kind:
    """Texts -> a text."""
    _common_type(nodes, "str")
    return TEXT


def text_test(nodes: Nodes) -> Kind:
    """Two texts -> true or false."""
    texts(nodes)
    return BOOL


def part_of_text(nodes: Nodes) -> Kind:
    """A text and one or two whole numbers written in the rule -> a text."""
    texts(nodes[:1])
    for node in nodes[1:]:
        _require_whole(node)
    return Kind("str", "none", nodes[0].kind.nullable)


def names(nodes: Nodes) -> Kind:
    """Variables -> the names of some of them."""
    return Kind("list", "none", item=TEXT, most=len(nodes))


def rounded(nodes: Nodes) -> Kind:
    """A number and the decimal places to keep, written in the rule -> a number of that unit."""
    _common_type(nodes[:1], "number")
    for node in nodes[1:]:
        _require_whole(node, range(10))
    return Kind("number", nodes[0].kind.unit)


def _require_whole(node: Node, allowed: range = range(-MAX_OFFSET, MAX_OFFSET + 1)) -> None:
    value = node.value if isinstance(node, Const) else None
    if node.kind == UNKNOWN:
        return
    if not isinstance(value, Decimal) or value != value.to_integral_value() or int(value) not in allowed:
        raise Mistyped(
            "type_mismatch",
            f"takes a whole number from {allowed[0]} to {allowed[-1]} here, written in the rule",
            node,
        )


def united(kinds: Iterable[Kind]) -> Kind:
    """
    Return the one kind that several values have.

    Raises:
        Mistyped: They are of different types or units, or hold different things.
    """
    kinds = list(kinds)
    found, unit = _one_type(kinds), _one_unit(kinds)
    nullable = any(kind.nullable for kind in kinds)
    items = [kind.item for kind in kinds if kind.item]
    fields = {kind.fields for kind in kinds if kind.type == "object"}
    if len(fields) > 1:
        raise Mistyped("type_mismatch", "mixes items of different lists")
    most = max((kind.most for kind in kinds), default=0)
    return Kind(found, unit, nullable, united(items) if items else None, most, next(iter(fields), ()))


def _common_type(nodes: Iterable[Node], *allowed: Type) -> Type:
    return _one_type([node.kind for node in nodes], *allowed)


def _common_unit(nodes: Iterable[Node]) -> KindUnit:
    return _one_unit([node.kind for node in nodes])


def _one_type(kinds: list[Kind], *allowed: Type) -> Type:
    types = {kind.type for kind in kinds}
    known = types - {"null", "unknown"}
    if len(known) > 1 or (allowed and not known.issubset(allowed)):
        raise Mistyped("type_mismatch", f"cannot take {' and '.join(kind.type for kind in kinds)}")
    if known:
        return known.pop()
    return "unknown" if "unknown" in types else "null"


def _one_unit(kinds: list[Kind]) -> KindUnit:
    units = {kind.unit for kind in kinds} - {"any"}
    if len(units) > 1:
        raise Mistyped("unit_mismatch", f"mixes {' and '.join(sorted(units))}")
    return units.pop() if units else "any"


def _can_be_zero(divisor: Node) -> bool:
    """Whether a division may yield null; raises `Mistyped` when it always would."""
    if not isinstance(divisor, Const) or divisor.kind == UNKNOWN:
        return True
    if not divisor.value:
        raise Mistyped("zero_divisor", "divides by zero", divisor)
    return False
