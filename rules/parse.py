"""From the text of a rule to its typed form, or to a list of everything that is wrong with it."""

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from hashlib import sha256
from typing import Final, NamedTuple, NoReturn, cast

import msgspec

from rules.catalog import Catalog
from rules.ir import NAMING, UNKNOWN, Call, Const, Items, Kind, Mistyped, Node, Value, Var, canonical
from rules.nulls import null_traps
from rules.operators import OPERATORS
from rules.problems import Code, InvalidRule, RuleProblem
from rules.scopes import catalog

MAX_BYTES: Final = 32 * 1024
MAX_DEPTH: Final = 16
MAX_NODES: Final = 256
MAX_LIST_ITEMS: Final = 1000
MAX_CHARACTERS: Final = 256
MAX_INTEGER_DIGITS: Final = 18
MAX_FRACTION_DIGITS: Final = 9

MAX_VARIABLES: Final = 50

_LEDGER_SCOPES: Final = frozenset({"earn", "burn"})
_FOLDING: Final = frozenset({"==", "!=", "<", "<=", ">", ">="})
"""Operators that read a number or a date out of text, as condition builders write it. ``===`` never does."""
_NUMERIC: Final = re.compile(rf"-?[0-9]{{1,{MAX_INTEGER_DIGITS}}}(\.[0-9]{{1,{MAX_FRACTION_DIGITS}}})?")
_ISO_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_VAR_ARITY: Final = range(1, 3)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and halves of surrogate pairs, which no UTF-8 can carry."""

_LITERALS: Final = {
    bool: Kind("bool"),
    Decimal: Kind("number"),
    str: Kind("str"),
    type(None): Kind("null", nullable=True),
}


class Rule(msgspec.Struct, frozen=True):
    """A rule that has passed every check."""

    text: str
    catalog: Catalog
    """What it was checked against."""
    root: Node
    digest: str
    """SHA-256 of the canonical form, hexadecimal: the same digest is the same calculation."""


class _Part(NamedTuple):
    """Decoded JSON and its place."""

    source: object
    pointer: str


_ENCODE: Final = msgspec.json.Encoder(decimal_format="number").encode  # dates become ISO text


def parse(text: str, scope: Catalog | str) -> Rule:
    """
    Check a rule and turn it into its typed form.

    Args:
        text: JSONLogic, as JSON.
        scope: What the rule is for, or a catalog of its own: decides which variables it sees and what it must yield.

    Raises:
        InvalidRule: The rule is malformed, too big, ill-typed or reads what it may not; names every problem.
    """
    known = catalog(scope)
    checker = _Checker(known)
    root = checker.node(_Part(_read(text), ""), 1)
    wanted = known.yields
    if root.kind.type not in {wanted, "unknown"}:
        checker.refuse("result_type", "", f"a rule for {known.scope} yields a {wanted}, this one a {root.kind.type}")
    checker.problems += null_traps(root)
    if checker.problems:
        raise InvalidRule(checker.problems)
    return Rule(text, known, root, sha256(_ENCODE(canonical(root))).hexdigest())


def _read(text: str) -> object:
    """Decode JSON into dicts, lists, text, booleans, None and Decimals; never into floats."""
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise InvalidRule([RuleProblem("too_large", "", f"a rule has at most {MAX_BYTES} bytes")])
    try:
        return json.loads(
            text,
            parse_float=_number,
            parse_int=_number,
            parse_constant=_no_constant,
            object_pairs_hook=_no_duplicates,
        )
    except RecursionError:
        raise InvalidRule([RuleProblem("too_deep", "", f"a rule has at most {MAX_DEPTH} levels")]) from None
    except ValueError as error:
        raise InvalidRule([RuleProblem("json", "", f"not JSON: {error}")]) from error


def _number(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent of twenty digits; the bounds refuse it where its place is known
        return Decimal("NaN")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has the same key twice")
    return members


class _Checker:
    """Builds the typed form, collecting problems; a part that is refused stands as an unknown."""

    def __init__(self, known: Catalog) -> None:
        self.scope = known.scope
        self.variables = known.variables
        self.problems: list[RuleProblem] = []
        self.node_count = 0
        self.read: set[str] = set()

    def refuse(self, code: Code, pointer: str, message: str, suggestion: str | None = None) -> Const:
        self.problems.append(RuleProblem(code, pointer, message, suggestion))
        return Const(None, UNKNOWN, pointer)

    def node(self, part: _Part, depth: int) -> Node:
        self.node_count += 1
        if self.node_count == MAX_NODES + 1:
            return self.refuse("too_many_nodes", part.pointer, f"a rule has at most {MAX_NODES} nodes")
        if self.node_count > MAX_NODES:
            return Const(None, UNKNOWN, part.pointer)
        if depth > MAX_DEPTH:
            return self.refuse("too_deep", part.pointer, f"a rule has at most {MAX_DEPTH} levels")
        if isinstance(part.source, dict):
            return self.operation(part.source, part.pointer, depth)
        return self.literal(part)

    def literal(self, part: _Part) -> Const:
        refusal = _literal_refusal(part.source)
        if refusal:
            return self.refuse(refusal[0], part.pointer, refusal[1])
        return Const(cast("Value", part.source), _LITERALS[type(part.source)], part.pointer)

    def operation(self, source: dict[str, object], pointer: str, depth: int) -> Node:
        name = next(iter(source), "")
        if len(source) != 1 or len(name) > MAX_CHARACTERS or _CONTROL.search(name):
            return self.refuse("not_an_operator", pointer, "an object has one key, the name of an operator")
        at = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        given = source[name]
        if isinstance(given, list):
            parts = [_Part(item, f"{at}/{index}") for index, item in enumerate(given)]
        else:
            parts = [_Part(given, at)]
        return self.variable(parts, at) if name == "var" else self.call(name, parts, at, depth)

    def call(self, name: str, parts: list[_Part], at: str, depth: int) -> Node:
        operator = OPERATORS.get(name)
        if operator is None:
            self.refuse("unknown_operator", at, f"{name!r} is no operator", _nearest(name, (*OPERATORS, "var")))
        elif len(parts) not in operator.arity:
            self.refuse("wrong_arity", at, _wrong_arity(name, operator.arity, parts))
            operator = None
        elif operator.for_ledger_only and self.scope not in _LEDGER_SCOPES:
            self.refuse("unknown_operator", at, f"{name!r} works in earn and burn rules only")
            operator = None
        if name in NAMING and operator is not None:
            arguments = self.names(name, parts, at)
        elif name == "in" and len(parts) == len(("needle", "haystack")) and isinstance(parts[1].source, list):
            arguments = self.with_items(parts, depth)
        else:
            arguments = tuple([self.node(part, depth + 1) for part in parts])
        if operator is None:
            return Const(None, UNKNOWN, at)
        arguments = self.folded(name, arguments)
        self.check_enum(arguments)
        try:
            return Call(name, arguments, operator.typing(arguments), at)
        except Mistyped as fault:
            return self.refuse(fault.code, fault.at.pointer if fault.at else at, f"{name!r} {fault}")

    def names(self, name: str, parts: list[_Part], at: str) -> tuple[Node, ...]:
        """Read what ``missing`` and ``missing_some`` take: variables, named by text."""
        counted: list[Node] = []
        if name == "missing_some":
            counted = [self.node(parts[0], 1)]
            parts = parts[1:]
        if len(parts) == 1 and isinstance(parts[0].source, list):
            inside = parts[0]
            assert isinstance(inside.source, list)
            parts = [_Part(item, f"{inside.pointer}/{index}") for index, item in enumerate(inside.source)]
        if not 0 < len(parts) <= MAX_VARIABLES:
            self.refuse("wrong_arity", at, f"{name!r} takes 1 to {MAX_VARIABLES} names of variables")
            return ()
        if counted and (not isinstance(counted[0], Const) or not isinstance(counted[0].value, Decimal)):
            self.refuse("type_mismatch", counted[0].pointer, f"{name!r} takes a number first, written in the rule")
        return (*counted, *[self.variable([part], part.pointer) for part in parts])

    def with_items(self, parts: list[_Part], depth: int) -> tuple[Node, ...]:
        """Read a value and the list that is written beside it."""
        listed = parts[1]
        assert isinstance(listed.source, list)
        self.node_count += 1
        if refusal := _literal_refusal(listed.source) if len(listed.source) > MAX_LIST_ITEMS else None:
            return (self.node(parts[0], depth + 1), self.refuse(refusal[0], listed.pointer, refusal[1]))
        items = []
        for index, source in enumerate(listed.source):
            part = _Part(source, f"{listed.pointer}/{index}")
            if isinstance(source, dict | list):
                items.append(self.refuse("type_mismatch", part.pointer, "a list to look in holds literals only"))
            else:
                items.append(self.literal(part))
        needle = self.node(parts[0], depth + 1)
        items = [self.folded_literal(item, needle.kind) for item in items]
        types = {item.kind.type for item in items} - {"null"}
        if len(types) > 1:
            self.refuse("type_mismatch", listed.pointer, f"a list holds {' and '.join(sorted(types))}")
        item_type = types.pop() if len(types) == 1 else "unknown"
        kind = Kind("list", "any", item=item_type)
        return (needle, Items(tuple(item.value for item in items), kind, listed.pointer))

    def folded(self, name: str, arguments: tuple[Node, ...]) -> tuple[Node, ...]:
        """Read numbers and dates that are written as text, where something of that kind stands beside them."""
        if name not in _FOLDING:
            return arguments
        kinds = [node.kind for node in arguments if node.kind.type in {"number", "date"}]
        if not kinds:
            return arguments
        return tuple([self.folded_literal(node, kinds[0]) if isinstance(node, Const) else node for node in arguments])

    def folded_literal(self, node: Const, beside: Kind) -> Const:
        if not isinstance(node.value, str):
            return node
        value: Value = None
        if beside.type == "number" and _NUMERIC.fullmatch(node.value):
            value = Decimal(node.value)
            kind = _LITERALS[Decimal]
        elif beside.type == "date" and _ISO_DATE.fullmatch(node.value):
            kind = Kind("date")
            with suppress(ValueError):
                value = date.fromisoformat(node.value)
        return node if value is None else Const(value, kind, node.pointer)

    def check_enum(self, arguments: tuple[Node, ...]) -> None:
        """Refuse texts that a variable beside them never has."""
        allowed = {text for node in arguments if isinstance(node, Var) for text in node.variable.enum}
        if not allowed:
            return
        for node in arguments:
            values = node.values if isinstance(node, Items) else (node.value,) if isinstance(node, Const) else ()
            for value in values:
                if isinstance(value, str) and value not in allowed:
                    message = f"{value!r} is none of {', '.join(sorted(allowed))}"
                    self.refuse("enum_value", node.pointer, message, _nearest(value, allowed))

    def variable(self, parts: list[_Part], at: str) -> Node:
        if len(parts) not in _VAR_ARITY:
            return self.refuse("wrong_arity", at, _wrong_arity("var", _VAR_ARITY, parts))
        for part in parts:
            if isinstance(part.source, (dict, list)):
                return self.refuse("dynamic_var", part.pointer, "a variable's name and default are literals")
        name = str(parts[0].source)[:MAX_CHARACTERS]
        variable = self.variables.get(name)
        if variable is None:
            message = f"{name!r} is no variable of {self.scope}"
            return self.refuse("unknown_variable", parts[0].pointer, message, _nearest(name, self.variables))
        self.read.add(name)
        if len(self.read) == MAX_VARIABLES + 1:
            self.refuse("too_many_variables", at, f"a rule reads at most {MAX_VARIABLES} variables")
        node = Var(variable, None, at)
        return self.with_default(node, self.literal(parts[1])) if len(parts) > 1 else node

    def with_default(self, node: Var, default: Const) -> Node:
        if default.kind.type not in {node.kind.type, "null", "unknown"}:
            message = f"{node.variable.name!r} is a {node.kind.type}, its default a {default.kind.type}"
            return self.refuse("type_mismatch", default.pointer, message)
        return Var(node.variable, default.value, node.pointer)


def _literal_refusal(source: object) -> tuple[Code, str] | None:
    match source:
        case list() if len(source) > MAX_LIST_ITEMS:
            return "list_too_long", f"a list has at most {MAX_LIST_ITEMS} items"
        case list():
            return "type_mismatch", "a list cannot stand here"
        case str() if len(source) > MAX_CHARACTERS:
            return "string_too_long", f"a text has at most {MAX_CHARACTERS} characters"
        case str() if _CONTROL.search(source):
            return "control_character", "a text has no control characters"
        case Decimal() if not _in_bounds(source):
            digits = f"{MAX_INTEGER_DIGITS} digits before the point and {MAX_FRACTION_DIGITS} after"
            return "number_out_of_bounds", f"a number has at most {digits}"
    return None


def _in_bounds(number: Decimal) -> bool:
    if not number.is_finite() or number.adjusted() >= MAX_INTEGER_DIGITS:
        return False
    return cast("int", number.as_tuple().exponent) >= -MAX_FRACTION_DIGITS


def _wrong_arity(name: str, arity: range, parts: list[_Part]) -> str:
    wanted = f"{arity[0]}" if len(arity) == 1 else f"{arity[0]} to {arity[-1]}"
    return f"{name!r} takes {wanted} argument(s), not {len(parts)}"


def _nearest(name: str, names: Iterable[str]) -> str | None:
    return next(iter(get_close_matches(name.lower(), names, n=1)), None)
