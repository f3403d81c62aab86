"""Exact arithmetic under a context that no thread can change."""

from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, InvalidOperation
from typing import Final

CONTEXT: Final = Context(prec=34, traps=[InvalidOperation, DivisionByZero])
_ROUND: Final = Context(prec=34, rounding=ROUND_HALF_UP, traps=[InvalidOperation])
_ONE: Final = Decimal(1)
ZERO: Final = Decimal(0)

add = CONTEXT.add
subtract = CONTEXT.subtract
multiply = CONTEXT.multiply
divide = CONTEXT.divide


def divided(amount: int, by: int) -> int:
    """Return a quotient of whole minor units; a half goes away from zero."""
    return rounded(divide(Decimal(amount), Decimal(by)))


def rounded(exact: Decimal) -> int:
    """Return whole minor units; a half goes away from zero."""
    return int(_ROUND.quantize(exact, _ONE))
