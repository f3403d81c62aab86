"""
The typed form of a rule: what functions, traces and SQL are all made from.

A literal, a variable, a list written in the rule and the call of an operator are all there is over customers. Rules of
the ledger know operators that do something to each item of a list: what they do is a body, and what a body reads is
local to it. What operators mean stands in `rules.operators` alone; a back end visits the nodes and looks them up.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from rules.catalog import MAX_ITEMS, ResultType, Unit, Variable, VariableType

Value = Decimal | bool | str | date | tuple[Any, ...] | None
"""What a rule calculates with. A null list is an empty one."""

Type = ResultType | Literal["object", "null", "unknown"]
"""``object`` is an item of a list of objects; ``null`` is the type of the literal null; ``unknown`` that of a part
already refused, and of the items of an empty list. The last two fit anywhere."""

KindUnit = Unit | Literal["any"]
"""A number written in a rule has ``any`` unit: 100 is money in one place and points in another."""


class Kind(msgspec.Struct, frozen=True):
    """What is known about a value before there is one."""

    type: Type
    unit: KindUnit = "any"
    nullable: bool = False
    item: "Kind | None" = None
    """Of a list: the kind of its items."""
    most: int = 0
    """Of a list: how many items it has at most."""
    fields: tuple[Variable, ...] = ()
    """Of an object: what it holds."""


NAMING: Final = frozenset({"missing", "missing_some"})
"""Operators whose arguments are variables' names instead of values."""

UNKNOWN: Final = Kind("unknown")
BOOL: Final = Kind("bool", "none")
TEXT: Final = Kind("str", "none")

_TYPES: Final[dict[VariableType, ResultType]] = {
    "decimal": "number",
    "int": "number",
    "bool": "bool",
    "str": "str",
    "date": "date",
    "list[str]": "list",
    "list[object]": "list",
}


def kind_of(variable: Variable, if_null: Value = None) -> Kind:
    """Return a variable's kind, which is not nullable if something else counts instead of null."""
    nullable = variable.nullable and if_null is None
    match variable.type:
        case "list[str]":
            return Kind("list", variable.unit, nullable, TEXT, MAX_ITEMS)
        case "list[object]":
            return Kind("list", variable.unit, nullable, Kind("object", "none", fields=variable.fields), MAX_ITEMS)
        case _:
            return Kind(_TYPES[variable.type], variable.unit, nullable)


class Const(msgspec.Struct, frozen=True):
    """A literal."""

    value: Value
    kind: Kind
    pointer: str
    """Where it stands in the rule's text: JSON pointer, RFC 6901."""


class Items(msgspec.Struct, frozen=True):
    """A list written in the rule."""

    values: tuple[Value, ...]
    kind: Kind
    pointer: str


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
        return kind_of(self.variable, self.if_null)


class Local(msgspec.Struct, frozen=True):
    """What a body reads: the item at hand, a field of it, or what was accumulated so far."""

    name: str
    """As written: empty for the item itself, a field's name; in ``reduce`` also ``current.price``."""
    of: Literal["item", "accumulator"]
    whole: Kind
    """Of the item or accumulator itself; unknown inside a list that has no items."""
    field: Variable | None = None
    default: Value = None
    pointer: str = ""

    @property
    def if_null(self) -> Value:
        """What counts instead of null: the rule's default, or else the catalog's."""
        return self.field.null_as if self.field and self.default is None else self.default

    @property
    def kind(self) -> Kind:
        """The kind of the field or of the whole, not nullable if something else counts instead of null."""
        if self.field:
            return kind_of(self.field, self.if_null)
        return self.whole if self.default is None else msgspec.structs.replace(self.whole, nullable=False)


class Body(msgspec.Struct, frozen=True):
    """What an operator of lists does to each item."""

    root: "Node"
    parameters: tuple[str, ...]
    """What it sees: ``item``, and inside ``reduce`` the ``accumulator``."""

    @property
    def kind(self) -> Kind:
        """The kind of what it yields."""
        return self.root.kind

    @property
    def pointer(self) -> str:
        """Where it stands in the rule's text."""
        return self.root.pointer


class Call(msgspec.Struct, frozen=True):
    """An operator on its arguments."""

    operator: str
    arguments: tuple["Node", ...]
    kind: Kind
    pointer: str
    """Ends in the operator: ``/if/0/>``."""


Node = Const | Items | Var | Local | Body | Call
Nodes = tuple[Node, ...]


def inner_nodes(node: Node) -> Nodes:
    """Return the arguments of a call; what is inside a body happens elsewhere, and nothing else has any inside."""
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
        case Items():
            return list(node.values)
        case Body():
            return canonical(node.root)
        case Var() | Local():
            name = name_of(node)
            return {"var": [name] if node.default is None else [name, node.default]}
        case Call(operator, arguments) if operator in NAMING:
            named = [name_of(argument) for argument in arguments if isinstance(argument, Var | Local)]
            counted = [argument.value for argument in arguments if isinstance(argument, Const)]
            return {operator: [*counted, named] if operator == "missing_some" else named}
        case Call():
            return {node.operator: [canonical(argument) for argument in node.arguments]}


def name_of(node: Var | Local) -> str:
    """Return the name that a rule reads something by."""
    return node.variable.name if isinstance(node, Var) else node.name
