"""The last step of every price: from an exact decimal to a whole number of the smallest unit."""

import math
from collections.abc import Callable
from decimal import (
    MAX_EMAX,
    MAX_PREC,
    MIN_EMIN,
    ROUND_HALF_DOWN,
    ROUND_HALF_UP,
    ROUND_UP,
    Context,
    Decimal,
)
from typing import Final

from ledger.program.terms import RoundingMode

# The functions of Decimal used here round at any length, whatever context the thread has.
# Ties: half_up goes away from zero, half_down toward it, as down and up do with every fraction.
_TO_INTEGER: Final[dict[RoundingMode, Callable[[Decimal], int]]] = {
    RoundingMode.FLOOR: math.floor,
    RoundingMode.CEIL: math.ceil,
    RoundingMode.HALF_UP: lambda value: int(value.to_integral_value(ROUND_HALF_UP)),
    RoundingMode.HALF_EVEN: round,
    RoundingMode.HALF_DOWN: lambda value: int(value.to_integral_value(ROUND_HALF_DOWN)),
    RoundingMode.DOWN: int,
    RoundingMode.UP: lambda value: int(value.to_integral_value(ROUND_UP)),
}

_SHIFT: Final = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN).scaleb


def rounding_to_units(mode: RoundingMode, scale: int) -> Callable[[Decimal | None], int]:
    """Return `round_to_units` for one mode and scale, for those who round again and again."""
    to_integer = _TO_INTEGER[mode]
    if scale:
        return lambda value: 0 if value is None else to_integer(_SHIFT(value, scale))
    return lambda value: 0 if value is None else to_integer(value)


def round_to_units(value: Decimal | None, *, mode: RoundingMode, scale: int) -> int:
    """
    Round a rule's result to whole smallest units; null is nothing, 0.

    Args:
        value: Points or money in major units, finite.
        mode: Which way to round.
        scale: Decimal places of the unit: 2 turns 1.005 euros into 100 or 101 cents.

    Returns:
        Smallest units: points of that scale, or minor units of the currency. Exact at any size.
    """
    return rounding_to_units(mode, scale)(value)
