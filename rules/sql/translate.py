"""
From the typed form of a rule to Ibis.

A node is asked for its truth or for its value. Truth is never NULL, so that NOT, AND and OR are safe whatever a row
lacks.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import reduce
from itertools import pairwise
from operator import and_, ge, gt, le, lt, or_
from typing import Final

import ibis

from rules.catalog import ResultType
from rules.ir import Call, Const, Items, Kind, Node, Nodes, Var
from rules.sql.numbers import ARITHMETIC, arithmetic
from rules.sql.texts import (
    TEXT_TESTS,
    any_missing,
    concatenation,
    in_items,
    in_list,
    in_text,
    part_of_text,
    text_test,
)
from rules.sql.values import FALSE, TRUE, Expression, Sql, comparable, literal, null, of_one_type, total, truth_value

_ORDERINGS: Final[dict[str, Callable[[Expression, Expression], Expression]]] = {"<": lt, "<=": le, ">": gt, ">=": ge}

_CONDITIONS: Final = frozenset({"==", "===", "!=", "!==", "in", *_ORDERINGS, *TEXT_TESTS})
"""What asks something of values."""
_ZERO: Final = Decimal(0)
_NULL: Final = Kind("null", nullable=True)


class Translator:
    """Translates the nodes of rules over one table. The rules have passed `check.check_sql`."""

    def __init__(self, columns: Mapping[str, Expression]) -> None:
        """
        Args:
            columns: By names of variables.
        """
        self._columns = columns

    def truth(self, node: Node) -> Expression:  # noqa: PLR0911  # one for each kind of node
        """Return whether a node is true: a condition that is never NULL."""
        match node:
            case Const(value=value):
                return truth_value(value)
            case Call("!"):
                return ~self.truth(node.arguments[0])
            case Call("!!"):
                return self.truth(node.arguments[0])
            case Call("and"):
                return reduce(and_, map(self.truth, node.arguments))
            case Call("or"):
                return reduce(or_, map(self.truth, node.arguments))
            case Call("if" | "?:"):
                *pairs, otherwise = map(self.truth, _with_else(node))
                return ibis.cases(*zip(pairs[::2], pairs[1::2], strict=True), else_=otherwise)
            case Call("missing" | "missing_some"):
                return any_missing(node, self._column)
            case Call(operator) if operator in _CONDITIONS:
                return self._condition(node)
            case _:
                return _is_truthy(node, self.value(node))

    def value(self, node: Node) -> Sql:  # noqa: PLR0911  # one for each kind of node
        """Return the value of a node."""
        match node:
            case Const(value=None):
                return null("str")
            case Const(value=value):
                return literal(value)
            case Var(variable=variable, if_null=if_null):
                column = Sql(self._column(node), is_nullable=True, form="whole" if variable.type == "int" else "column")
                return column if if_null is None else column.or_else(if_null)
            case Call(operator) if operator in ARITHMETIC:
                return arithmetic(node, [self._zero_for_null(one) for one in node.arguments])
            case Call("if" | "?:"):
                return self._choice(node)
            case Call("and" | "or") if node.kind.type != "bool" or node.kind.nullable:
                return self._deciding(node)
            case Call("cat"):
                return concatenation([self.value(one) for one in node.arguments])
            case Call("substr"):
                return part_of_text(self.value(node.arguments[0]), *_offsets(node.arguments[1:]))
            case _:
                return Sql(self.truth(node))

    def _condition(self, node: Call) -> Expression:
        match node.operator:
            case "==" | "===":
                return self._equal(*node.arguments)
            case "!=" | "!==":
                return ~self._equal(*node.arguments)
            case "in":
                return self._contained(*node.arguments)
            case operator if operator in _ORDERINGS:
                return self._ordered(node)
            case _ if _has_null(node.arguments):
                return FALSE
            case operator:
                return text_test(operator, *map(self.value, node.arguments))

    def _equal(self, left: Node, right: Node) -> Expression:
        """Compare two of one type; NULL equals only NULL."""
        if left.kind.type == "null":
            left, right = right, left
        if right.kind.type == "null":
            return TRUE if left.kind.type == "null" else self._is_null(left)
        one, other = self.value(left), self.value(right)
        if left.kind.type == "number":
            one, other = comparable([one, other])
        if one.is_nullable and other.is_nullable:
            return one.expression.identical_to(other.expression)
        return total(one.expression == other.expression, one, other)

    def _is_null(self, node: Node) -> Expression:
        value = self.value(node)
        return value.expression.isnull() if value.is_nullable else FALSE

    def _ordered(self, node: Call) -> Expression:
        """Compare numbers, NULL being 0, or dates, NULL being neither before nor after anything."""
        compare = _ORDERINGS[node.operator]
        if any(one.kind.type == "date" for one in node.arguments):
            if _has_null(node.arguments):
                return FALSE
            values = [self.value(one) for one in node.arguments]
        else:
            values = comparable(map(self._zero_for_null, node.arguments))
        compared = [total(compare(left.expression, right.expression), left, right) for left, right in pairwise(values)]
        return reduce(and_, compared)

    def _contained(self, needle: Node, haystack: Node) -> Expression:
        if isinstance(haystack, Items):
            if needle.kind.type == "null":
                return truth_value(None in haystack.values)
            return in_items(self.value(needle), needle, haystack)
        if _has_null((needle, haystack)):
            return FALSE
        if isinstance(haystack, Var) and haystack.kind.type == "list":
            return in_list(self.value(needle), self._column(haystack))
        return in_text(self.value(needle), self.value(haystack))

    def _choice(self, node: Call) -> Sql:
        arguments = _with_else(node)
        conditions = [self.truth(one) for one in arguments[:-1:2]]
        values = self._of_one_type(node, [*arguments[1::2], arguments[-1]])
        branches = zip(conditions, [value.expression for value in values], strict=False)
        return _merged(ibis.cases(*branches, else_=values[-1].expression), values)

    def _deciding(self, node: Call) -> Sql:
        """Return the argument that decides an ``and`` or an ``or``."""
        values = self._of_one_type(node, node.arguments)
        *firsts, result = [value.expression for value in values]
        for argument, value in zip(node.arguments[-2::-1], firsts[::-1], strict=True):
            is_true = self.truth(argument)
            goes_on, ends = (result, value) if node.operator == "and" else (value, result)
            result = ibis.cases((is_true, goes_on), else_=ends)
        return _merged(result, values)

    def _of_one_type(self, node: Call, arguments: Nodes | list[Node]) -> list[Sql]:
        kind = node.kind.type
        values = [null(_known(kind)) if one.kind.type == "null" else self.value(one) for one in arguments]
        return of_one_type(values) if kind == "number" else values

    def _zero_for_null(self, node: Node) -> Sql:
        return literal(_ZERO) if node.kind.type == "null" else self.value(node).or_else(_ZERO)

    def _column(self, node: Var) -> Expression:
        return self._columns[node.variable.name]


def _is_truthy(node: Node, value: Sql) -> Expression:
    expression = value.expression
    match node.kind.type:
        case "bool":
            return total(expression, value)
        case "number":
            return total(expression != 0, value)
        case "str":
            return total(expression != "", value)
        case "list":
            return (expression.length() > 0).coalesce(FALSE)
        case _:  # a date
            return expression.notnull()


def _merged(expression: Expression, values: list[Sql]) -> Sql:
    return Sql(expression, any(value.is_nullable for value in values), values[0].form)


def _with_else(node: Call) -> list[Node]:
    """Return condition, value, condition, value …, otherwise."""
    arguments = list(node.arguments)
    return arguments if len(arguments) % 2 else [*arguments, Const(None, _NULL, node.pointer)]


def _has_null(nodes: Nodes) -> bool:
    return any(node.kind.type == "null" for node in nodes)


def _offsets(nodes: Nodes) -> list[int]:
    return [int(node.value) for node in nodes if isinstance(node, Const)]  # type: ignore[arg-type]  # numbers, by typing


def _known(kind: str) -> ResultType:
    return "str" if kind in {"null", "unknown"} else kind  # type: ignore[return-value]  # no other is left
