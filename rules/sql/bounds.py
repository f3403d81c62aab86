"""
What is known beforehand about the numbers in a rule: whether they are whole, how big and how finely divided.

In SQL numbers have 38 digits: 9 of them after the point, 18 where two numbers were multiplied. What would need more is
refused when the rule is saved; an engine would refuse it in the middle of a scan, or worse, round or wrap in silence.
"""

from decimal import Context, Decimal, Inexact
from typing import Final

from rules.ir import Call, Const, Node, Nodes, Var

PLACES: Final = 9
"""Of every number in SQL: what BigQuery's NUMERIC has, and a rule's literals too."""
WIDE_PLACES: Final = 18
"""Of a product, until it is multiplied again."""

COLUMN: Final = Decimal(10) ** 6
"""How big a column counts: three of them may be multiplied, four not."""
MAX_MAGNITUDE: Final = Decimal(10) ** (38 - WIDE_PLACES)
"""What numbers in SQL must stay below."""
_MAX_WHOLE: Final = Decimal(10) ** 18
"""What whole numbers of 64 bits must stay below."""

_ZERO: Final = Decimal(0)
_KEEPING_WHOLE: Final = frozenset({"+", "-", "*", "%", "min", "max", "if", "?:", "and", "or"})


def values_of(node: Call) -> Nodes:
    """Return the arguments that a call's result is made of: not the conditions, nor what it is divided by."""
    match node.operator:
        case "if" | "?:":
            return (*node.arguments[1::2], *(node.arguments[-1:] if len(node.arguments) % 2 else ()))
        case "/":
            return node.arguments[:1]
        case _:
            return node.arguments


def magnitude(node: Node) -> Decimal:
    """Return what a number stays below or at, either side of zero, if columns stay within `COLUMN`."""
    match node:
        case Const(value=Decimal() as value):
            return abs(value)
        case Var():
            return max(COLUMN, abs(node.if_null)) if isinstance(node.if_null, Decimal) else COLUMN
        case Call(operator):
            return _magnitude_of(operator, [magnitude(value) for value in values_of(node)], node.arguments)
        case _:
            return _ZERO


def _magnitude_of(operator: str, magnitudes: list[Decimal], arguments: Nodes) -> Decimal:
    match operator:
        case "+" | "-":
            return sum(magnitudes, _ZERO)
        case "*":
            result = Decimal(1)
            for one in magnitudes:
                result = min(result * max(one, Decimal(1)), MAX_MAGNITUDE * 10)
            return result
        case "/":
            divisor = divisor_of(arguments)
            return magnitudes[0] / abs(divisor) if divisor else magnitudes[0]
        case _:
            return max(magnitudes, default=_ZERO)


def divisor_of(arguments: Nodes) -> Decimal | None:
    """Return what ``/`` or ``%`` divides by; None if it is not written in the rule."""
    divisor = arguments[1]
    return divisor.value if isinstance(divisor, Const) and isinstance(divisor.value, Decimal) else None


def is_whole(node: Node) -> bool:
    """Tell whether a number is whole and fits 64 bits."""
    match node:
        case Const(value=Decimal() as value):
            return value == value.to_integral_value()
        case Const(value=None):
            return True
        case Var():
            if_null = node.if_null
            return node.variable.type == "int" and (
                not isinstance(if_null, Decimal) or if_null == if_null.to_integral_value()
            )
        case Call(operator):
            fits = operator in _KEEPING_WHOLE and magnitude(node) < _MAX_WHOLE
            return fits and all(map(is_whole, values_of(node)))
        case _:
            return False


def reciprocal(divisor: Decimal) -> Decimal | None:
    """Return what to multiply by instead of dividing, if that is exact: 0.01 for 100, but nothing for 3."""
    context = Context(prec=28, traps=[])
    result = context.normalize(context.divide(Decimal(1), divisor))
    places = -int(result.as_tuple().exponent)
    return result if not context.flags[Inexact] and places <= PLACES else None
