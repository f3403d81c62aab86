"""From the text of a rule to its typed form, or to a list of everything that is wrong with it."""

import json
import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from hashlib import sha256
from typing import Final, Literal, NamedTuple, NoReturn, cast, get_args

import msgspec

from ledger.errors import LedgerError
from rules.catalog import RESULT_TYPES, ResultType, catalog
from rules.ir import UNKNOWN, Call, Const, Kind, Mistyped, Node, Value, Var, canonical
from rules.operators import OPERATORS

MAX_BYTES: Final = 32 * 1024
MAX_DEPTH: Final = 16
MAX_NODES: Final = 256
MAX_LIST_ITEMS: Final = 1000
MAX_CHARACTERS: Final = 256
MAX_INTEGER_DIGITS: Final = 18
MAX_FRACTION_DIGITS: Final = 9

_VAR_ARITY: Final = range(1, 3)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and halves of surrogate pairs, which no UTF-8 can carry."""

Code = Literal[
    "json",
    "not_an_operator",
    "unknown_operator",
    "wrong_arity",
    "unknown_variable",
    "dynamic_var",
    "type_mismatch",
    "unit_mismatch",
    "zero_divisor",
    "result_type",
    "too_large",
    "too_deep",
    "too_many_nodes",
    "list_too_long",
    "string_too_long",
    "control_character",
    "number_out_of_bounds",
]
_LITERALS: Final = {
    bool: Kind("bool"),
    Decimal: Kind("number"),
    str: Kind("str"),
    type(None): Kind("null", nullable=True),
}

_RANK: Final = {code: rank for rank, code in enumerate(get_args(Code))}


class RuleProblem(msgspec.Struct, frozen=True):
    """One thing wrong with a rule."""

    code: Code
    pointer: str
    """Where in the rule: JSON pointer, RFC 6901."""
    message: str
    suggestion: str | None = None
    """The name that was probably meant."""


class InvalidRule(LedgerError):
    """A rule cannot be accepted as it is written."""

    slug = "invalid-rule"

    def __init__(self, problems: Iterable[RuleProblem]) -> None:
        """
        Args:
            problems: Everything found, in the order of the checks, then of the text.
        """
        self.problems = tuple(sorted(problems, key=lambda problem: _RANK[problem.code]))
        first = self.problems[0]
        super().__init__(
            f"The rule has {len(self.problems)} problem(s). At {first.pointer or 'its root'}: {first.message}.",
            problems=msgspec.to_builtins(self.problems),
        )


class Rule(msgspec.Struct, frozen=True):
    """A rule that has passed every check."""

    text: str
    scope: str
    type: ResultType
    root: Node
    digest: str
    """SHA-256 of the canonical form, hexadecimal: the same digest is the same calculation."""


class _Part(NamedTuple):
    """Decoded JSON and its place."""

    source: object
    pointer: str


_ENCODE: Final = msgspec.json.Encoder(decimal_format="number").encode


def parse(text: str, scope: str) -> Rule:
    """
    Check a rule and turn it into its typed form.

    Args:
        text: JSONLogic, as JSON.
        scope: What the rule is for; decides which variables it sees and which type it must yield.

    Raises:
        InvalidRule: The rule is malformed, too big, ill-typed or reads what it may not; names every problem.
    """
    checker = _Checker(scope)
    root = checker.node(_Part(_read(text), ""), 1)
    wanted = RESULT_TYPES[scope]
    if root.kind.type not in {wanted, "unknown"}:
        checker.refuse("result_type", "", f"a rule for {scope} yields a {wanted}, this one a {root.kind.type}")
    if checker.problems:
        raise InvalidRule(checker.problems)
    return Rule(text, scope, wanted, root, sha256(_ENCODE(canonical(root))).hexdigest())


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

    def __init__(self, scope: str) -> None:
        self.scope = scope
        self.variables = catalog(scope)
        self.problems: list[RuleProblem] = []
        self.node_count = 0

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
        arguments = tuple([self.node(part, depth + 1) for part in parts])
        if operator is None:
            return Const(None, UNKNOWN, at)
        try:
            return Call(name, arguments, operator.typing(arguments), at)
        except Mistyped as fault:
            return self.refuse(fault.code, fault.at.pointer if fault.at else at, f"{name!r} {fault}")

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
