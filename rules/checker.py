"""From decoded JSON to the typed form of a rule, collecting everything that is wrong with it."""

from collections.abc import Iterable
from decimal import Decimal
from difflib import get_close_matches
from typing import Final, NamedTuple, cast

from rules import list_kinds, names
from rules.catalog import Catalog
from rules.ir import NAMING, UNKNOWN, Body, Call, Const, Items, Kind, Local, Node, Nodes, Value, Var
from rules.kinds import Mistyped
from rules.literals import CONTROL, MAX_CHARACTERS, MAX_LIST_ITEMS, folded, literal, refusal_of
from rules.names import Names
from rules.operators import OPERATORS, Operator
from rules.problems import Code, RuleProblem, below

MAX_DEPTH: Final = 16
MAX_NODES: Final = 256
MAX_VARIABLES: Final = 50

_LEDGER_SCOPES: Final = frozenset({"earn", "burn"})
_EQUALITIES: Final = frozenset({"==", "!=", "===", "!=="})
_FOLDING: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})
"""Operators that read a number or a date out of text, as condition builders write it. ``===`` never does."""
_VAR_ARITY: Final = range(1, 3)


class Part(NamedTuple):
    """Decoded JSON and its place."""

    source: object
    pointer: str


class Checker:
    """Builds the typed form; a part that is refused stands as an unknown, so that its fault has no echo."""

    def __init__(self, known: Catalog) -> None:
        self.scope = known.scope
        self.names = names.of_catalog(known)
        self.problems: list[RuleProblem] = []
        self.warnings: list[RuleProblem] = []
        self.node_count = 0
        self.read: set[str] = set()

    def refuse(self, code: Code, pointer: str, message: str, suggestion: str | None = None) -> Const:
        """Note what is wrong, and return what stands for the part that is."""
        self.problems.append(RuleProblem(code, pointer, message, suggestion))
        return Const(None, UNKNOWN, pointer)

    def node(self, part: Part, depth: int = 1) -> Node:
        """Check a part of a rule at a depth."""
        self.node_count += 1
        if self.node_count == MAX_NODES + 1:
            return self.refuse("too_many_nodes", part.pointer, f"a rule has at most {MAX_NODES} nodes")
        if self.node_count > MAX_NODES:
            return Const(None, UNKNOWN, part.pointer)
        if depth > MAX_DEPTH:
            return self.refuse("too_deep", part.pointer, f"a rule has at most {MAX_DEPTH} levels")
        if isinstance(part.source, dict):
            return self._operation(part.source, part.pointer, depth)
        return self._literal(part)

    def _literal(self, part: Part) -> Const:
        refusal = refusal_of(part.source)
        if refusal:
            return self.refuse(refusal[0], part.pointer, refusal[1])
        return literal(cast("Value", part.source), part.pointer)

    def _operation(self, source: dict[str, object], pointer: str, depth: int) -> Node:
        name = next(iter(source), "")
        if len(source) != 1 or len(name) > MAX_CHARACTERS or CONTROL.search(name):
            return self.refuse("not_an_operator", pointer, "an object has one key, the name of an operator")
        at = below(pointer, name)
        given = source[name]
        parts = _parts(given, at) if isinstance(given, list) else [Part(given, at)]
        return self._variable(parts, at) if name == "var" else self._call(name, parts, at, depth)

    def _call(self, name: str, parts: list[Part], at: str, depth: int) -> Node:
        operator = self._operator(name, parts, at)
        if operator is None:
            for part in parts:
                self.node(part, depth + 1)
            return Const(None, UNKNOWN, at)
        arguments = self._arguments(operator, parts, at, depth)
        arguments = self._folded(name, arguments)
        self._check_enum(name, arguments)
        try:
            return Call(name, arguments, operator.typing(arguments), at)
        except Mistyped as fault:
            return self.refuse(fault.code, fault.at.pointer if fault.at else at, f"{name!r} {fault}")

    def _operator(self, name: str, parts: list[Part], at: str) -> Operator | None:
        operator = OPERATORS.get(name)
        if operator is None:
            self.refuse("unknown_operator", at, f"{name!r} is no operator", _nearest(name, (*OPERATORS, "var")))
        elif len(parts) not in operator.arity:
            self.refuse("wrong_arity", at, _wrong_arity(name, operator.arity, parts))
        elif operator.for_ledger_only and self.scope not in _LEDGER_SCOPES:
            self.refuse("unknown_operator", at, f"{name!r} works in earn and burn rules only")
        else:
            return operator
        return None

    def _arguments(self, operator: Operator, parts: list[Part], at: str, depth: int) -> Nodes:
        if operator.name in NAMING:
            return self._named(operator.name, parts, at)
        if operator.parameters:
            return self._for_each(operator, parts, depth)
        nodes: list[Node] = []
        for index, part in enumerate(parts):
            sought = nodes[0].kind if operator.name == "in" and nodes else UNKNOWN
            nodes.append(self._argument(operator, index, part, depth, sought))
        return tuple(nodes)

    def _argument(self, operator: Operator, index: int, part: Part, depth: int, sought: Kind = UNKNOWN) -> Node:
        if isinstance(part.source, list) and index in operator.written_lists:
            return self._items(part, part.source, sought)
        return self.node(part, depth + 1)

    def _for_each(self, operator: Operator, parts: list[Part], depth: int) -> Nodes:
        """Read a list, a body that sees nothing but its items, and perhaps what to begin with."""
        listed = self._argument(operator, 0, parts[0], depth)
        initial = tuple([self.node(part, depth + 1) for part in parts[2:]])
        try:
            item = list_kinds.item_of(listed)
        except Mistyped:  # as typing will say
            item = UNKNOWN
        if initial:
            inside = names.of_reduction(operator.name, item, initial[0].kind)
        else:
            inside = names.of_item(operator.name, item)
        return (listed, Body(self._inside(inside, parts[1], depth), operator.parameters), *initial)

    def _inside(self, inside: Names, part: Part, depth: int) -> Node:
        outside, self.names = self.names, inside
        body = self.node(part, depth + 1)
        self.names = outside
        return body

    def _named(self, name: str, parts: list[Part], at: str) -> Nodes:
        """Read what ``missing`` and ``missing_some`` take: variables, named by text."""
        counted: list[Node] = []
        if name == "missing_some":
            counted = [self.node(parts[0])]
            parts = parts[1:]
        if len(parts) == 1 and isinstance(parts[0].source, list):
            parts = _parts(parts[0].source, parts[0].pointer)
        if not 0 < len(parts) <= MAX_VARIABLES:
            self.refuse("wrong_arity", at, f"{name!r} takes 1 to {MAX_VARIABLES} names of variables")
            return ()
        if counted and (not isinstance(counted[0], Const) or not isinstance(counted[0].value, Decimal)):
            self.refuse("type_mismatch", counted[0].pointer, f"{name!r} takes a number first, written in the rule")
        nodes = [self._variable([part], part.pointer) for part in parts]
        for node in nodes:
            if isinstance(node, Local) and not node.field:
                self.refuse("type_mismatch", node.pointer, f"{name!r} takes names of fields here")
        return (*counted, *nodes)

    def _items(self, part: Part, sources: list[object], sought: Kind) -> Node:
        """Read a list that is written in the rule, perhaps to look for something in it."""
        self.node_count += 1
        if len(sources) > MAX_LIST_ITEMS:
            return self.refuse("list_too_long", part.pointer, f"a list has at most {MAX_LIST_ITEMS} items")
        items = []
        for inner in _parts(sources, part.pointer):
            if isinstance(inner.source, dict | list):
                items.append(self.refuse("type_mismatch", inner.pointer, "a list in a rule holds literals only"))
            else:
                items.append(self._folded_literal(self._literal(inner), sought))
        types = {item.kind.type for item in items} - {"null", "unknown"}
        if len(types) > 1:
            self.refuse("type_mismatch", part.pointer, f"a list holds {' and '.join(sorted(types))}")
        nullable = any(item.value is None for item in items)
        kind = Kind(types.pop() if len(types) == 1 else "unknown", nullable=nullable)
        kind = Kind("list", item=kind if items else None, most=len(items))
        return Items(tuple([item.value for item in items]), kind, part.pointer)

    def _folded(self, name: str, arguments: Nodes) -> Nodes:
        """Read numbers and dates that are written as text, where something of that kind stands beside them."""
        kinds = [node.kind for node in arguments if node.kind.type in {"number", "date"}]
        if name not in _FOLDING or not kinds:
            return arguments
        return tuple([self._folded_literal(node, kinds[0]) if isinstance(node, Const) else node for node in arguments])

    def _folded_literal(self, node: Const, beside: Kind) -> Const:
        found = folded(node, beside)
        if found is not node:
            message = f"the text {node.value!r} is read as a {beside.type}"
            self.warnings.append(RuleProblem("text_folded", node.pointer, message))
        return found

    def _check_enum(self, name: str, arguments: Nodes) -> None:
        """Refuse texts that are compared with a variable which never has them."""
        allowed = {text for node in arguments for text in _enum(node)}
        is_compared = name in _EQUALITIES or (name == "in" and isinstance(arguments[1], Items))
        if not allowed or not is_compared:
            return
        for node in arguments:
            values = node.values if isinstance(node, Items) else (node.value,) if isinstance(node, Const) else ()
            for value in values:
                if isinstance(value, str) and value not in allowed:
                    message = f"{value!r} is none of {', '.join(sorted(allowed))}"
                    self.refuse("enum_value", node.pointer, message, _nearest(value, allowed))

    def _variable(self, parts: list[Part], at: str) -> Node:
        if len(parts) not in _VAR_ARITY:
            return self.refuse("wrong_arity", at, _wrong_arity("var", _VAR_ARITY, parts))
        for part in parts:
            if isinstance(part.source, (dict, list)):
                return self.refuse("dynamic_var", part.pointer, "a variable's name and default are literals")
        name = str(parts[0].source)[:MAX_CHARACTERS]
        node = self.names.read(name, at)
        if node is None:
            message = f"{name!r} is no variable of {self.names.where}"
            return self.refuse("unknown_variable", parts[0].pointer, message, _nearest(name, self.names.known))
        if isinstance(node, Var):
            self.read.add(name)
            if len(self.read) == MAX_VARIABLES + 1:
                self.refuse("too_many_variables", at, f"a rule reads at most {MAX_VARIABLES} variables")
        return self._with_default(node, name, self._literal(parts[1])) if len(parts) > 1 else node

    def _with_default(self, node: Var | Local, name: str, default: Const) -> Node:
        if default.kind.type not in {node.kind.type, "null", "unknown"}:
            message = f"{name!r} is a {node.kind.type}, its default a {default.kind.type}"
            return self.refuse("type_mismatch", default.pointer, message)
        if isinstance(node, Var):
            return Var(node.variable, default.value, node.pointer)
        return Local(node.name, node.of, node.whole, node.field, default.value, node.pointer)


def _parts(sources: list[object], pointer: str) -> list[Part]:
    return [Part(source, below(pointer, index)) for index, source in enumerate(sources)]


def _enum(node: Node) -> tuple[str, ...]:
    if isinstance(node, Local):
        return node.field.enum if node.field else ()
    return node.variable.enum if isinstance(node, Var) else ()


def _wrong_arity(name: str, arity: range, parts: list[Part]) -> str:
    wanted = f"{arity[0]}" if len(arity) == 1 else f"{arity[0]} to {arity[-1]}"
    return f"{name!r} takes {wanted} argument(s), not {len(parts)}"


def _nearest(name: str, known: Iterable[str]) -> str | None:
    return next(iter(get_close_matches(name.lower(), known, n=1)), None)
