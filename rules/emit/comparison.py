"""Equality, order, and what contains what."""

import ast
import operator
from collections.abc import Callable
from typing import Any

from rules import syntax
from rules.ir import Call, Const, Items
from rules.writer import Emit, Writer

# Of decimals only comparisons are written as Python's own operators: they are exact, whatever context a thread has.


def equality(writer: Writer, call: Call) -> ast.expr:
    """Compare two values of one type; null equals only null."""
    return _equated(writer, call, ast.Eq(), ast.Is())


def inequality(writer: Writer, call: Call) -> ast.expr:
    """Compare the other way round."""
    return _equated(writer, call, ast.NotEq(), ast.IsNot())


def _equated(writer: Writer, call: Call, compared: ast.cmpop, with_null: ast.cmpop) -> ast.expr:
    left, right = sorted(call.arguments, key=lambda one: isinstance(one, Const) and one.value is None)
    is_null = isinstance(right, Const) and right.value is None
    return syntax.compare(writer.value(left), with_null if is_null else compared, writer.value(right))


def ordering(sign: type[ast.cmpop], function: Callable[[Any, Any], bool]) -> Emit:
    """Compare two, or put one between two. An absent number counts as 0, an absent date compares false."""

    def unless_null(left: Any, right: Any) -> bool:
        return left is not None and right is not None and function(left, right)

    def emit(writer: Writer, call: Call) -> ast.expr:
        first, *others = call.arguments
        if all(one.kind.type != "date" or not one.kind.nullable for one in call.arguments) and not _has_null_date(call):
            return syntax.compare(writer.number(first), sign(), *map(writer.number, others))
        if len(others) == 1:
            return writer.call(unless_null, *map(writer.value, call.arguments))
        again, middle = writer.kept(writer.value(others[0]))
        lower = writer.call(unless_null, writer.value(first), again)
        return syntax.both(lower, writer.call(unless_null, middle, writer.value(others[1])))

    return emit


def _has_null_date(call: Call) -> bool:
    types = {one.kind.type for one in call.arguments}
    return {"date", "null"} <= types


def membership(writer: Writer, call: Call) -> ast.expr:
    """Look for a value in a list, or for a text in a text. Nothing is in an empty text, nor null in any."""
    needle, haystack = call.arguments
    if isinstance(haystack, Items):
        return syntax.compare(writer.value(needle), ast.In(), writer.constant(frozenset(haystack.values)))
    if isinstance(needle, Const) and needle.value is not None:
        first, again = writer.kept(writer.value(haystack))
        found = syntax.compare(writer.value(needle), ast.In(), again)
        return syntax.choice(first, found, ast.Constant(value=False))
    return writer.call(_contains, writer.value(needle), writer.value(haystack))


def _contains(value: Any, whole: Any) -> bool:
    return value is not None and bool(whole) and value in whole


less = ordering(ast.Lt, operator.lt)
at_most = ordering(ast.LtE, operator.le)
greater = ordering(ast.Gt, operator.gt)
at_least = ordering(ast.GtE, operator.ge)
