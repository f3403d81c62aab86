"""The arithmetic of rules in SQL: exact where decimals can be, and never more than 38 digits."""

from collections.abc import Callable
from decimal import Decimal
from functools import reduce
from operator import add, mul, sub
from typing import Final

import ibis

from rules.ir import Call
from rules.sql.bounds import divisor_of, is_whole, is_wide, reciprocal
from rules.sql.values import DECIMAL, FLOAT, INT, Expression, Sql, as_decimal, cast, comparable, literal, of_one_type

_ZERO: Final = Decimal(0)


def arithmetic(node: Call, values: list[Sql]) -> Sql:
    """Return what an operator makes of numbers; NULL counts as 0."""
    numbers = [_countable(value.or_else(_ZERO), whole=is_whole(node)) for value in values]
    return _ARITHMETIC[node.operator](node, numbers)


def _countable(number: Sql, *, whole: bool) -> Sql:
    if not number.is_whole:
        return number
    # As 64 bits, because a sum of two INTEGERs would not fit one; a literal is that already.
    return Sql(cast(number.expression, INT), is_whole=True) if whole else as_decimal(number)


def _folded(function: Callable[[Expression, Expression], Expression]) -> Callable[[Call, list[Sql]], Sql]:
    def fold(node: Call, numbers: list[Sql]) -> Sql:
        result = reduce(function, [number.expression for number in comparable(numbers)])
        return Sql(result, is_whole=is_whole(node), is_wide=is_wide(node))

    return fold


def _minus(node: Call, numbers: list[Sql]) -> Sql:
    if len(numbers) == 1:
        return Sql(-numbers[0].expression, is_whole=is_whole(node), is_wide=is_wide(node))
    return _folded(sub)(node, numbers)


def _chosen(function: Callable[..., Expression]) -> Callable[[Call, list[Sql]], Sql]:
    def choose(node: Call, numbers: list[Sql]) -> Sql:
        if len(numbers) == 1:
            return numbers[0]
        result = function(*(number.expression for number in of_one_type(numbers)))
        return Sql(result, is_whole=is_whole(node), is_wide=is_wide(node))

    return choose


def _product(node: Call, numbers: list[Sql]) -> Sql:
    if is_whole(node):
        return Sql(reduce(mul, [one.expression for one in numbers]), is_whole=True)
    return reduce(_multiplied, numbers)


def _multiplied(left: Sql, right: Sql) -> Sql:
    """Multiply two numbers of nine places into one of eighteen."""
    factors = [as_decimal(one) if one.is_wide or one.is_whole else one for one in (left, right)]
    return Sql(factors[0].expression * factors[1].expression, is_wide=True)


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
    return Sql(numbers[0].expression % numbers[1].expression, is_whole=True)


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
