"""
The typed form of a rule: what closures, traces and SQL are all made from.

Three nodes suffice: a literal, a variable, and a call of an operator. What operators mean stands in
`rules.operators` alone; a back end visits the nodes and looks the operator up. The second half are the typing
rules the operators choose from: each takes the arguments and returns the kind of the result.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from rules.catalog import ResultType, Unit, Variable, VariableType

Value = Decimal | bool | str | date | tuple[Any, ...] | None
"""What a rule calculates with. A null list is an empty one."""

Type = ResultType | Literal["null", "unknown"]
"""``null`` is the type of the literal null; ``unknown`` that of a part already refused. Both fit anywhere."""

KindUnit = Unit | Literal["any"]
"""A number written in a rule has ``any`` unit: 100 is money in one place and points in another."""


class Kind(msgspec.Struct, frozen=True):
    """What is known about a value before there is one."""

    type: Type
    unit: KindUnit = "any"
    nullable: bool = False
    item: Type = "unknown"
    """Of a list: the type of its items."""


MAX_OFFSET: Final = 1_000
"""Characters from either end of a text that a rule may count."""

NAMING: Final = frozenset({"missing", "missing_some"})
"""Operators whose arguments are variables' names instead of values."""

UNKNOWN: Final = Kind("unknown")
BOOL: Final = Kind("bool", "none")

_TYPES: Final[dict[VariableType, ResultType]] = {
    "decimal": "number",
    "int": "number",
    "bool": "bool",
    "str": "str",
    "date": "date",
    "list[str]": "list",
    "list[object]": "list",
}


class Const(msgspec.Struct, frozen=True):
    """A literal."""

    value: Value
    kind: Kind
    pointer: str
    """Where it stands in the rule's text: JSON pointer, RFC 6901."""


class Var(msgspec.Struct, frozen=True):
    """A variable of the catalog."""

    variable: Variable
    default: Value
    """Taken instead of null; None for no default."""
    pointer: str

    @property
    def if_null(self) -> Value:
        """What counts instead of null: the rule's default, or else the catalog's."""
        return self.variable.null_as if self.default is None else self.default

    @property
    def kind(self) -> Kind:
        """The variable's kind, not nullable if something else counts instead of null."""
        kind = _TYPES[self.variable.type]
        nullable = self.variable.nullable and self.if_null is None
        return Kind(kind, self.variable.unit, nullable, "str" if kind == "list" else "unknown")


class Call(msgspec.Struct, frozen=True):
    """An operator on its arguments."""

    operator: str
    arguments: tuple["Node", ...]
    kind: Kind
    pointer: str
    """Ends in the operator: ``/if/0/>``."""


class Items(msgspec.Struct, frozen=True):
    """A list written in the rule, to look for something in."""

    values: tuple[Value, ...]
    kind: Kind
    pointer: str


Node = Const | Var | Call | Items
Nodes = tuple[Node, ...]


def inner_nodes(node: Node) -> Nodes:
    """Return the arguments of a call; nothing else has any inside."""
    return node.arguments if isinstance(node, Call) else ()


def walk(node: Node) -> Iterator[Node]:
    """Give a node and everything in it, arguments before what is called with them."""
    for inner in inner_nodes(node):
        yield from walk(inner)
    yield node


def canonical(node: Node) -> object:
    """Return the JSON of a node in its one canonical spelling: arguments always in a list, digits as written."""
    match node:
        case Const():
            return node.value
        case Var(default=None):
            return {"var": [node.variable.name]}
        case Var():
            return {"var": [node.variable.name, node.default]}
        case Items():
            return list(node.values)
        case Call(operator, arguments) if operator in NAMING:
            named = [argument.variable.name for argument in arguments if isinstance(argument, Var)]
            counted = [argument.value for argument in arguments if isinstance(argument, Const)]
            return {operator: [*counted, named] if operator == "missing_some" else named}
        case Call():
            return {node.operator: [canonical(argument) for argument in node.arguments]}


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
    return Kind(_common_type(nodes), _common_unit(nodes), any(node.kind.nullable for node in nodes))


def branches(nodes: Nodes) -> Kind:
    """Condition, value, condition, value …, value -> one of the values, or null where the last is missing."""
    no_else = len(nodes) % 2 == 0
    kind = alternatives(nodes[1::2] if no_else else (*nodes[1::2], nodes[-1]))
    return Kind(kind.type, kind.unit, kind.nullable or no_else)


def equality(nodes: Nodes) -> Kind:
    """Values of one kind -> true or false."""
    alternatives(nodes)
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
    if haystack.kind.type == "list":
        if needle.kind.type not in {haystack.kind.item, "null", "unknown"} and haystack.kind.item != "unknown":
            raise Mistyped("type_mismatch", f"looks for {needle.kind.type} in a list of {haystack.kind.item}")
    else:
        _common_type(nodes, "str")
    return BOOL


def texts(nodes: Nodes) -> Kind:
    """Texts -> a text."""
    _common_type(nodes, "str")
    return Kind("str", "none")


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


def names(_: Nodes) -> Kind:
    """Variables -> the names of some of them."""
    return Kind("list", "none", item="str")


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


def _common_type(nodes: Iterable[Node], *allowed: Type) -> Type:
    types = {node.kind.type for node in nodes}
    known = types - {"null", "unknown"}
    if len(known) > 1 or (allowed and not known.issubset(allowed)):
        raise Mistyped("type_mismatch", f"cannot take {' and '.join(node.kind.type for node in nodes)}")
    if known:
        return known.pop()
    return "unknown" if "unknown" in types else "null"


def _common_unit(nodes: Iterable[Node]) -> KindUnit:
    units = {node.kind.unit for node in nodes} - {"any"}
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
