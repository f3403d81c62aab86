from decimal import Decimal

import pytest

from rules import RoundingMode, round_to_units

EXPECTED = {
    "floor": (2, 2, 2, 3, -3, -3, -3, -4),
    "ceil": (3, 3, 3, 4, -2, -2, -2, -3),
    "down": (2, 2, 2, 3, -2, -2, -2, -3),
    "up": (3, 3, 3, 4, -3, -3, -3, -4),
    "half_up": (2, 3, 3, 4, -2, -3, -3, -4),
    "half_even": (2, 2, 3, 4, -2, -2, -3, -4),
    "half_down": (2, 2, 3, 3, -2, -2, -3, -3),
}
VALUES = ("2.4", "2.5", "2.6", "3.5", "-2.4", "-2.5", "-2.6", "-3.5")


@pytest.mark.parametrize("mode", list(RoundingMode))
def test_each_mode_rounds_as_its_name_says(mode: RoundingMode) -> None:
    """Ties and signs are where the modes differ."""
    assert EXPECTED[mode] == tuple(round_to_units(Decimal(value), mode=mode, scale=0) for value in VALUES)


@pytest.mark.parametrize("mode", list(RoundingMode))
def test_whole_numbers_stay_as_they_are(mode: RoundingMode) -> None:
    """There is nothing to round, at any scale."""
    assert round_to_units(Decimal("-7.00"), mode=mode, scale=0) == -7
    assert round_to_units(Decimal("2.50"), mode=mode, scale=2) == 250
    assert round_to_units(Decimal("-0"), mode=mode, scale=2) == 0


@pytest.mark.parametrize(
    ("value", "mode", "scale", "expected"),
    [
        ("1.005", "half_up", 2, 101),
        ("1.005", "half_even", 2, 100),
        ("24.990", "floor", 0, 24),
        ("0.37", "floor", 2, 37),
        ("0.0000001", "up", 6, 1),
    ],
)
def test_the_scale_says_how_many_decimals_are_kept(value: str, mode: str, scale: int, expected: int) -> None:
    """The result counts smallest units."""
    assert expected == round_to_units(Decimal(value), mode=RoundingMode(mode), scale=scale)


def test_null_is_nothing() -> None:
    """A rule without an answer gives no points."""
    assert round_to_units(None, mode=RoundingMode.UP, scale=2) == 0


@pytest.mark.parametrize("mode", list(RoundingMode))
def test_rounding_is_exact_beyond_the_digits_of_any_context(mode: RoundingMode) -> None:
    """Two hundred digits lose none."""
    digits = 10**200 + 4
    tie = EXPECTED[mode][VALUES.index("2.5")] - 2  # 2 is even, as the digits are
    assert digits * 10**3 == round_to_units(Decimal(digits), mode=mode, scale=3)
    assert digits + tie == round_to_units(Decimal(f"{digits}.5"), mode=mode, scale=0)
