"""The arithmetic of rules in SQL: exact where decimals can be, and never more than 38 digits."""

from collections.abc import Callable
from functools import reduce
from operator import add, mul, sub
from typing import Final

import ibis

from rules.ir import Call
from rules.sql.bounds import divisor_of, is_whole, reciprocal
from rules.sql.values import DECIMAL, FLOAT, INT, Expression, Sql, as_form, cast, form_of, literal, of_one_type

_CHOOSING: Final = frozenset({"min", "max"})


def arithmetic(node: Call, numbers: list[Sql]) -> Sql:
    """Return what an operator makes of numbers that are never NULL."""
    if not is_whole(node):
        numbers = [as_form(one, "decimal") if one.form == "whole" else one for one in numbers]
    elif node.operator not in _CHOOSING:
        # As 64 bits, because a sum of two INTEGERs would not fit one; what is added to it becomes as wide.
        numbers = [numbers[0]._replace(expression=cast(numbers[0].expression, INT)), *numbers[1:]]
    return _ARITHMETIC[node.operator](node, numbers)


def _folded(function: Callable[[Expression, Expression], Expression]) -> Callable[[Call, list[Sql]], Sql]:
    def fold(_: Call, numbers: list[Sql]) -> Sql:
        return Sql(reduce(function, [number.expression for number in numbers]), form=form_of(numbers))

    return fold


def _minus(node: Call, numbers: list[Sql]) -> Sql:
    if len(numbers) == 1:
        return numbers[0]._replace(expression=-numbers[0].expression)
    return _folded(sub)(node, numbers)


def _chosen(function: Callable[..., Expression]) -> Callable[[Call, list[Sql]], Sql]:
    def choose(_: Call, numbers: list[Sql]) -> Sql:
        if len(numbers) == 1:
            return numbers[0]
        chosen = of_one_type(numbers)
        return Sql(function(*(number.expression for number in chosen)), form=chosen[0].form)

    return choose


def _product(node: Call, numbers: list[Sql]) -> Sql:
    return _folded(mul)(node, numbers) if is_whole(node) else reduce(_multiplied, numbers)


def _multiplied(left: Sql, right: Sql) -> Sql:
    """Multiply two numbers of at most nine places into one of at most eighteen."""
    factors = [one if one.form == "column" else as_form(one, "decimal") for one in (left, right)]
    return Sql(factors[0].expression * factors[1].expression, form="wide")


def _quotient(node: Call, numbers: list[Sql]) -> Sql:
    """Divide by a literal: exactly where it can be multiplied instead, otherwise with the 15 digits of a float."""
    divisor = divisor_of(node.arguments)
    assert divisor
    factor = reciprocal(divisor)
    if factor is not None:
        return _multiplied(numbers[0], literal(factor))
    result = cast(numbers[0].expression, FLOAT) / ibis.literal(float(divisor), type=FLOAT)
    return Sql(cast(result, DECIMAL))


def _remainder(_: Call, numbers: list[Sql]) -> Sql:
    """Return what a division leaves, of the sign of the dividend, which is what ``%`` does to integers in SQL."""
    return Sql(numbers[0].expression % numbers[1].expression, form="whole")


_ARITHMETIC: Final[dict[str, Callable[[Call, list[Sql]], Sql]]] = {
    "+": _folded(add),
    "-": _minus,
    "*": _product,
    "/": _quotient,
    "%": _remainder,
    "min": _chosen(ibis.least),
    "max": _chosen(ibis.greatest),
}
ARITHMETIC: Final = frozenset(_ARITHMETIC)
