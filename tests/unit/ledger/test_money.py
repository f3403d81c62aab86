from decimal import Decimal, localcontext

import pytest

from ledger.errors import LedgerError
from ledger.money import (
    MAX_AMOUNT_MINOR,
    MINOR_DIGITS,
    InvalidAmount,
    UnknownCurrency,
    minor_digits,
    to_major,
    to_minor,
)


def refused(amount: str, currency: str) -> LedgerError:
    """Return the refusal of an amount."""
    with pytest.raises(LedgerError) as caught:
        to_minor(Decimal(amount), currency)
    return caught.value


@pytest.mark.parametrize(("currency", "expected"), [("CHF", 2), ("EUR", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3)])
def test_every_currency_has_its_digits(currency: str, expected: int) -> None:
    """Not everybody counts in hundredths."""
    assert expected == minor_digits(currency)


def test_currencies_are_iso_codes() -> None:
    """Three capital letters each, with no, two or three digits."""
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in MINOR_DIGITS)
    assert {0, 2, 3} == set(MINOR_DIGITS.values())


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "XYZ", "E R", "DEM", "XAU", "XTS"])
def test_what_is_not_a_currency_in_use_is_refused(currency: str) -> None:
    """Nor are historic money, metals and test codes."""
    with pytest.raises(UnknownCurrency, match="not an ISO 4217") as caught:
        minor_digits(currency)
    assert caught.value.pointer == "/currency"
    assert isinstance(refused("1", currency), UnknownCurrency)


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("249.90", "CHF", 24990),
        ("0", "CHF", 0),
        ("-0.00", "CHF", 0),
        ("0E-400000", "CHF", 0),
        ("0.01", "CHF", 1),
        ("5", "CHF", 500),
        ("5.000000", "CHF", 500),
        ("1." + "0" * 40, "CHF", 100),
        ("1.5E2", "CHF", 15000),
        ("1E3", "JPY", 1000),
        ("7.00", "JPY", 7),
        ("0.001", "KWD", 1),
        ("1E13", "CHF", MAX_AMOUNT_MINOR),
        ("10000000000000.00", "CHF", MAX_AMOUNT_MINOR),
        ("9999999999999.99", "CHF", MAX_AMOUNT_MINOR - 1),
        ("1E12", "KWD", MAX_AMOUNT_MINOR),
        ("999999999999999", "JPY", MAX_AMOUNT_MINOR - 1),
    ],
)
def test_an_amount_becomes_minor_units_exactly(amount: str, currency: str, expected: int) -> None:
    """However it is spelled, up to the largest amount."""
    assert expected == to_minor(Decimal(amount), currency)


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_an_amount_is_a_number(amount: str) -> None:
    """What a float may hold, money may not."""
    refusal = refused(amount, "CHF")
    assert (InvalidAmount, "/amount") == (type(refusal), refusal.pointer)
    assert "must be a number" in refusal.detail


@pytest.mark.parametrize("amount", ["-0.01", "-1", "-1E+400000", "-1E-400000"])
def test_an_amount_is_not_negative(amount: str) -> None:
    """A return is its own fact."""
    refusal = refused(amount, "CHF")
    assert isinstance(refusal, InvalidAmount)
    assert "cannot be negative" in refusal.detail


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("10000000000000.01", "CHF"),
        ("1E14", "CHF"),
        ("1E15", "CHF"),
        ("1E+400000", "CHF"),
        ("1E+999999999", "JPY"),
        ("9" * 50, "JPY"),
        ("1000000000000.001", "KWD"),
    ],
)
def test_an_amount_beyond_any_sale_is_refused(amount: str, currency: str) -> None:
    """At once, however many digits it would have, and with a message one can read."""
    refusal = refused(amount, currency)
    assert isinstance(refusal, InvalidAmount)
    assert "beyond what one purchase can be" in refusal.detail
    assert len(refusal.detail) < 100


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("0.001", "CHF", 2),
        ("249.905", "CHF", 2),
        ("9999999999999.999", "CHF", 2),
        ("0.5", "JPY", 0),
        ("1.0001", "KWD", 3),
        ("1E-400000", "CHF", 2),
        ("1E-2000000", "CHF", 2),
        ("1." + "0" * 60 + "1", "CHF", 2),
        ("0.1000000000000000055511151231257827021181583404541015625", "CHF", 2),
    ],
)
def test_an_amount_finer_than_its_currency_is_refused(amount: str, currency: str, expected: int) -> None:
    """Nothing is rounded on the way in; the refusal says how many digits there may be."""
    refusal = refused(amount, currency)
    assert isinstance(refusal, InvalidAmount)
    assert ("/amount", {"minor_digits": expected}) == (refusal.pointer, refusal.members)


def test_the_caller_s_decimal_context_does_not_matter() -> None:
    """A thread that works with few digits gets the same minor units."""
    with localcontext() as context:
        context.prec = 3
        assert to_minor(Decimal("1234567.89"), "CHF") == 123456789


@pytest.mark.parametrize(
    ("amount_minor", "currency", "expected"),
    [
        (24990, "CHF", "249.90"),
        (0, "CHF", "0.00"),
        (5, "CHF", "0.05"),
        (-5, "CHF", "-0.05"),
        (100, "JPY", "100"),
        (5, "KWD", "0.005"),
        (MAX_AMOUNT_MINOR, "CHF", "10000000000000.00"),
    ],
)
def test_minor_units_become_an_amount_with_all_its_digits(amount_minor: int, currency: str, expected: str) -> None:
    """Trailing zeros belong to money."""
    assert expected == str(to_major(amount_minor, currency))
