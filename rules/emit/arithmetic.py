"""
Sums, products and rounding.

All of it goes through the methods of `CONTEXT`, never through ``a * b``: no thread's own decimal context can change a
price.
"""

import ast
from collections.abc import Callable
from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)
from functools import reduce
from typing import Any, Final

from rules.ir import Call, Const
from rules.writer import Emit, Writer

CONTEXT: Final = Context(prec=34, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
"""34 digits, ties to even: the arithmetic of every rule."""

_WIDE: Final = Context(prec=1_000_000, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[InvalidOperation])
"""Room for the whole quotient behind a remainder; `CONTEXT` refuses one of more than 34 digits."""


def folding(function: Callable[[Any, Any], Any]) -> Emit:
    """Calculate from left to right, what is absent counting as 0."""

    def emit(writer: Writer, call: Call) -> ast.expr:
        numbers = map(writer.number, call.arguments)
        return reduce(lambda left, right: writer.call(function, left, right), numbers)

    return emit


def extreme(function: Callable[..., Any]) -> Emit:
    """Take the smallest or greatest, what is absent counting as 0."""

    def emit(writer: Writer, call: Call) -> ast.expr:
        numbers = [writer.number(one) for one in call.arguments]
        return writer.call(function, *numbers) if len(numbers) > 1 else numbers[0]

    return emit


def minus(writer: Writer, call: Call) -> ast.expr:
    """Subtract, or turn the sign of a single number."""
    if len(call.arguments) == 1:
        return writer.call(CONTEXT.minus, writer.number(call.arguments[0]))
    return folding(CONTEXT.subtract)(writer, call)


def division(function: Callable[[Any, Any], Any]) -> Emit:
    """Divide, what is absent counting as 0 and division by 0 yielding nothing."""

    def unless_zero(dividend: Decimal, divisor: Decimal) -> Any:
        return function(dividend, divisor) if divisor else None

    def emit(writer: Writer, call: Call) -> ast.expr:
        divisor = call.arguments[1]
        chosen = function if isinstance(divisor, Const) and divisor.value else unless_zero
        return writer.call(chosen, *map(writer.number, call.arguments))

    return emit


def remainder(dividend: Decimal, divisor: Decimal) -> Decimal:
    """Return what a division leaves, with the sign of the dividend."""
    try:
        return CONTEXT.remainder(dividend, divisor)
    except InvalidOperation:
        return CONTEXT.plus(_WIDE.remainder(dividend, divisor))


def rounding(mode: str) -> Emit:
    """Round to decimal places that are written in the rule, or to whole units."""
    # 34 digits and nine places more: whatever the rules can calculate stays whole.
    quantize = Context(prec=2 * CONTEXT.prec + 9, rounding=mode, traps=[InvalidOperation]).quantize

    def emit(writer: Writer, call: Call) -> ast.expr:
        number, *places = call.arguments
        kept = places[0].value if places and isinstance(places[0], Const) else 0
        assert isinstance(kept, Decimal | int)
        return writer.call(quantize, writer.number(number), writer.constant(Decimal(1).scaleb(-int(kept))))

    return emit
