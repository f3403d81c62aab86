"""
Lists, item by item.

A body is a function of its own, because it sees nothing but the item: the builtins `filter`, `map`, `any` and `all` do
the rest.
"""

import ast
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from rules import syntax
from rules.ir import Call
from rules.writer import Writer

MAX_DIGITS: Final = 100
"""Before or after the point: what a number may grow to on its way through a list."""
MAX_TEXT: Final = 10_000
"""Characters a text may grow to on its way through a list."""


def selection(writer: Writer, call: Call) -> ast.expr:
    """Take the items for which the body is truthy."""
    return writer.call(tuple, writer.call(filter, *_body_and_items(writer, call)))


def projection(writer: Writer, call: Call) -> ast.expr:
    """Make something of each item."""
    return writer.call(tuple, _mapped(writer, call))


def some(writer: Writer, call: Call) -> ast.expr:
    """Ask whether the body is truthy for an item."""
    return writer.call(any, _mapped(writer, call))


def none(writer: Writer, call: Call) -> ast.expr:
    """Ask whether the body is truthy for no item; of an empty list that is true."""
    return syntax.negated(some(writer, call))


def every(writer: Writer, call: Call) -> ast.expr:
    """Ask whether the body is truthy for every item; of an empty list that is false. Source: jsonlogic.com."""
    body, items = _body_and_items(writer, call)
    return writer.call(_every, body, items)


def reduction(writer: Writer, call: Call) -> ast.expr:
    """Carry a value from item to item."""
    body, items = _body_and_items(writer, call)
    return writer.call(_reduced, body, items, writer.value(call.arguments[2]))


def merger(writer: Writer, call: Call) -> ast.expr:
    """Put lists behind each other; a single value is a list of one."""
    parts: list[ast.expr] = []
    for node in call.arguments:
        is_list = node.kind.type == "list"
        parts.append(ast.Starred(writer.value_or(node, ()), ast.Load()) if is_list else writer.value(node))
    return ast.Tuple(parts, ast.Load())


def _body_and_items(writer: Writer, call: Call) -> tuple[ast.expr, ast.expr]:
    items, body = call.arguments[:2]
    return writer.value(body), writer.value_or(items, ())


def _mapped(writer: Writer, call: Call) -> ast.expr:
    return writer.call(map, *_body_and_items(writer, call))


def _every(body: Callable[[Any], Any], items: tuple[Any, ...]) -> bool:
    return bool(items) and all(map(body, items))


def _reduced(body: Callable[[Any, Any], Any], items: tuple[Any, ...], initial: Any) -> Any:
    value = initial
    for item in items:
        value = body(item, value)
        if _outgrew(value):
            return None
    return value


def _outgrew(value: Any) -> bool:
    """Tell whether a value left its bounds: squared at every item of a basket, 10 would not fit into any memory."""
    if isinstance(value, Decimal):
        return bool(value) and abs(value.adjusted()) > MAX_DIGITS
    return isinstance(value, str) and len(value) > MAX_TEXT
