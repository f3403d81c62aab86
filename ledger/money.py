"""Money as integers: minor units of an ISO 4217 currency."""

from decimal import Context, Decimal, Inexact, InvalidOperation

from ledger.errors import LedgerError

_TWO_DIGITS = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP
    CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS
    INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN
    MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE
    SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR
    ZMW ZWG
    """.split(),
)
_OTHER_DIGITS = dict.fromkeys(
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(),
    0,
) | dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3)

MINOR_DIGITS: dict[str, int] = dict.fromkeys(_TWO_DIGITS, 2) | _OTHER_DIGITS
"""Digits after the point per currency. Source: ISO 4217, list one (amendment 179)."""

MAX_AMOUNT_MINOR = 10**15
"""Largest amount of one purchase, in minor units: beyond any sale, and far inside a 64-bit column."""

_MAX_DIGITS = 15

_EXACT = Context(prec=34, traps=[Inexact, InvalidOperation])
"""Arithmetic that would rather refuse than round."""

_MULTIPLY = _EXACT.multiply
_TO_INTEGER = _EXACT.to_integral_exact

_UNITS = tuple(Decimal(1).scaleb(digits) for digits in range(4))


class UnknownCurrency(LedgerError):
    """This is not the code of a currency."""

    slug = "unknown-currency"


class InvalidAmount(LedgerError):
    """The amount is not a sum of money this currency can express."""

    slug = "invalid-amount"


def minor_digits(currency: str) -> int:
    """
    Return how many digits ``currency`` has after the point.

    Raises:
        UnknownCurrency: It is not an ISO 4217 code of a currency in use.
    """
    digits = MINOR_DIGITS.get(currency)
    if digits is None:
        message = f"{currency!r} is not an ISO 4217 currency code; use three capital letters such as 'EUR'."
        raise UnknownCurrency(message, pointer="/currency")
    return digits


def to_minor(amount: Decimal, currency: str) -> int:
    """
    Turn an amount in major units into minor units, exactly.

    Args:
        amount: For example ``Decimal("249.90")``.
        currency: ISO 4217 code.

    Raises:
        UnknownCurrency: There is no such currency.
        InvalidAmount: The amount is negative, not a number, too large, or finer than the currency.
    """
    unit = _UNITS[minor_digits(currency)]
    # The order matters: int() of an infinity fails, and int() of 1E+400000 would take for ever.
    if amount.is_finite() and (amount.adjusted() <= _MAX_DIGITS or not amount):
        try:
            minor = int(_TO_INTEGER(_MULTIPLY(amount, unit)))
        except Inexact:
            raise _invalid(amount, currency) from None
        if 0 <= minor <= MAX_AMOUNT_MINOR:
            return minor
    raise _invalid(amount, currency)


def to_major(amount_minor: int, currency: str) -> Decimal:
    """Return ``amount_minor`` in major units, with the digits its currency has: 24990 CHF is 249.90."""
    return Decimal(amount_minor).scaleb(-MINOR_DIGITS[currency], _EXACT)


def _invalid(amount: Decimal, currency: str) -> InvalidAmount:
    digits = MINOR_DIGITS[currency]
    if not amount.is_finite():
        return InvalidAmount(f"An amount must be a number, not {amount}.", pointer="/amount")
    if amount < 0:
        return InvalidAmount(f"An amount cannot be negative, and {amount} is.", pointer="/amount")
    if amount.adjusted() >= _MAX_DIGITS - digits:
        return InvalidAmount(f"An amount of {amount:.3E} is beyond what one purchase can be.", pointer="/amount")
    message = (
        f"{currency} has {digits} digits after the point, and {amount} has more; "
        "round it where the sale was made, or send the amount as text if your system uses floats."
    )
    return InvalidAmount(message, pointer="/amount", minor_digits=digits)
