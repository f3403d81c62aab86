"""How big numbers get, and whether they stay whole."""

from decimal import Decimal

import pytest

from rules.ir import Items, Kind
from rules.sql.bounds import is_whole, magnitude, reciprocal


@pytest.mark.parametrize(
    ("divisor", "expected"),
    [
        ("100", "0.01"),
        ("-4", "-0.25"),
        ("12.5", "0.08"),
        ("0.000000001", "1E+9"),
        ("512", "0.001953125"),
        ("1024", None),
        ("3", None),
        ("0.3", None),
    ],
)
def test_reciprocals(divisor: str, expected: str | None) -> None:
    """Exact to nine places, or none."""
    assert reciprocal(Decimal(divisor)) == (None if expected is None else Decimal(expected))


def test_lists_are_no_numbers() -> None:
    """They have no size, and are not whole."""
    items = Items((Decimal(1),), Kind("list", item="number"), "/in/1")
    assert (magnitude(items), is_whole(items)) == (0, False)
