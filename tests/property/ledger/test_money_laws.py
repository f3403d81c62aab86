from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.money import MAX_AMOUNT_MINOR, MINOR_DIGITS, InvalidAmount, to_major, to_minor

currencies = st.sampled_from(sorted(MINOR_DIGITS))
quick = settings(max_examples=300, derandomize=True, database=None)


@quick
@given(amount_minor=st.integers(0, MAX_AMOUNT_MINOR - 1), currency=currencies, zeros=st.integers(0, 40))
def test_minor_units_survive_the_way_out_and_in(amount_minor: int, currency: str, zeros: int) -> None:
    """With any number of trailing zeros, in every currency."""
    text = f"{to_major(amount_minor, currency):f}"
    assert amount_minor == to_minor(Decimal(text), currency)
    longer = (text if "." in text else text + ".") + "0" * zeros
    assert amount_minor == to_minor(Decimal(longer), currency)


@quick
@given(amount=st.decimals(allow_nan=True, allow_infinity=True), currency=currencies)
def test_an_amount_is_exact_or_refused(amount: Decimal, currency: str) -> None:
    """Any decimal there is gives integers worth the same, or an `InvalidAmount`."""
    try:
        amount_minor = to_minor(amount, currency)
    except InvalidAmount:
        return
    assert 0 <= amount_minor <= MAX_AMOUNT_MINOR
    assert amount == to_major(amount_minor, currency)


@quick
@given(amount_minor=st.integers(0, MAX_AMOUNT_MINOR - 1), currency=currencies, finer=st.integers(1, 9))
def test_a_tenth_of_the_smallest_unit_is_refused(amount_minor: int, currency: str, finer: int) -> None:
    """However large the rest is."""
    digits = MINOR_DIGITS[currency]
    with pytest.raises(InvalidAmount):
        to_minor(Decimal(f"{to_major(amount_minor, currency):.{digits}f}{'' if digits else '.'}{finer}"), currency)
