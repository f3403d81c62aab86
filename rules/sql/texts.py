"""Texts and lists in SQL, counted in characters: code points, as in the closures."""

from collections.abc import Callable
from decimal import Decimal
from functools import reduce
from operator import add, or_
from typing import Final

import ibis

from rules.ir import Call, Const, Items, Node, Value, Var
from rules.sql.values import DECIMAL, FALSE, Expression, Sql, literal, total, truth_value

TEXT_TESTS: Final[dict[str, Callable[[Expression, Expression], Expression]]] = {
    "startsWith": lambda text, part: text.startswith(part),
    "endsWith": lambda text, part: text.endswith(part),
}


def concatenation(texts: list[Sql]) -> Sql:
    """Join texts; NULL is an empty one."""
    return Sql(reduce(add, [text.or_else("").expression for text in texts]))


def text_test(operator: str, text: Sql, part: Sql) -> Expression:
    """Ask whether a text starts or ends with another; NULL does not."""
    return total(TEXT_TESTS[operator](text.expression, part.expression), text, part)


def part_of_text(text: Sql, *offsets: int) -> Sql:
    """
    Cut a text out of a text.

    Args:
        text: NULL stays NULL.
        offsets: Where to start, from the end if it is negative; and perhaps how many characters, or, if that is
            negative, how many to leave off the end.
    """
    whole = text.expression
    start, *length = offsets
    if start >= 0:
        if length and length[0] >= 0:
            return text._replace(expression=whole.substr(start, length[0]))
        rest = whole.substr(start) if start else whole
    else:
        rest = ibis.cases((whole.length() <= -start, whole), else_=whole.right(-start))
    if length:
        rest = rest.substr(0, length[0] if length[0] >= 0 else ibis.greatest(rest.length() + length[0], 0))
    return text._replace(expression=rest)


def in_items(needle: Sql, node: Node, items: Items) -> Expression:
    """Ask whether a value is one of a written list; NULL is, if the list has a null."""
    if isinstance(node, Const):
        return truth_value(node.value in items.values)
    found = [_item(needle, value) for value in items.values if value is not None and _can_equal(needle, value)]
    condition = total(needle.expression.isin(found), needle) if found else FALSE
    return condition | needle.expression.isnull() if needle.is_nullable and None in items.values else condition


def in_list(needle: Sql, column: Expression) -> Expression:
    """Ask whether a text is in a column of lists; NULL is in none, and a list that is NULL is empty."""
    found = column.contains(needle.expression).coalesce(FALSE)
    return found & needle.expression.notnull() if needle.is_nullable else found


def in_text(needle: Sql, haystack: Sql) -> Expression:
    """Ask whether a text contains another; an empty one contains nothing, not even an empty one."""
    whole = haystack.expression
    return total(whole.contains(needle.expression) & (whole != ""), needle, haystack)


def any_missing(node: Call, column: Callable[[Var], Expression]) -> Expression:
    """Ask whether any of the variables named by ``missing`` or ``missing_some`` would be returned as missing."""
    absent = [is_absent(one, column(one)) for one in node.arguments if isinstance(one, Var)]
    found = reduce(or_, absent)
    if node.operator == "missing":
        return found
    needed = node.arguments[0]
    assert isinstance(needed, Const)
    assert isinstance(needed.value, Decimal)
    enough = int(needed.value)
    if enough <= 0:
        return FALSE
    if enough > len(absent):
        return found
    present = reduce(add, [ibis.cases((one, 0), else_=1) for one in absent])
    return present < enough


def is_absent(node: Var, column: Expression) -> Expression:
    """Ask whether a variable is NULL, or an empty text or list."""
    match node.variable.type:
        case "str":
            return column.isnull() | (column == "").coalesce(FALSE)
        case "list[str]":
            return ~(column.length() > 0).coalesce(FALSE)
        case _:
            return column.isnull()


def _can_equal(needle: Sql, value: Value) -> bool:
    return not (needle.form == "whole" and isinstance(value, Decimal) and value != value.to_integral_value())


def _item(needle: Sql, value: Value) -> Expression:
    if isinstance(value, Decimal) and needle.form != "whole":
        return ibis.literal(value, type=DECIMAL)
    return literal(value).expression
