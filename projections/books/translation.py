"""
A roll-forward in another currency than the one in which the books are kept.

What a month began with is told at the opening rate, what moved at the average rate, what it ended with at the closing
rate; the rest is the difference of translation.

Source: IAS 21.39-41.
"""

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from msgspec import Struct

from ledger.errors import InvalidInput
from ledger.money import minor_digits
from projections.books.amounts import CONTEXT, multiply, rounded
from projections.books.reports import Figures, RollForward, RollForwardLine, Translation

TRANSLATION = "translation"
"""Column of the difference."""

_LARGEST = Decimal(10) ** 12
_FINEST_DIGITS = 12


class Rates(Struct, frozen=True):
    """How many units of the other currency one unit of the books' is."""

    currency: str
    opening: Decimal
    average: Decimal
    closing: Decimal


def rates_of(currency: str, opening: str, average: str, closing: str) -> Rates:
    """
    Read rates from decimal text.

    Raises:
        InvalidInput: One is no number above zero, or too fine.
        UnknownCurrency: There is no such currency.
    """
    minor_digits(currency)
    return Rates(
        currency,
        _rate(opening, "/opening_rate"),
        _rate(average, "/average_rate"),
        _rate(closing, "/closing_rate"),
    )


def translated(found: RollForward, rates: Rates) -> RollForward:
    """Return a roll-forward with its amounts in another currency. Each cohort is rounded; sums are those of cohorts."""
    scale = Decimal(10) ** (minor_digits(rates.currency) - minor_digits(found.currency))
    exact = [multiply(rate, scale) for rate in (rates.opening, rates.average, rates.closing)]
    lines = [_line(line, exact) for line in found.cohorts]
    groups: dict[str, list[RollForwardLine]] = {}
    for line in lines:
        groups.setdefault(line.cohort.partition("/")[2], []).append(line)
    return RollForward(
        found.period,
        found.is_closed,
        rates.currency,
        lines,
        [_sum(name, group) for name, group in sorted(groups.items())],
        found.journal_hash,
        Translation(found.currency, *(f"{rate:f}" for rate in (rates.opening, rates.average, rates.closing))),
    )


def _line(line: RollForwardLine, rates: list[Decimal]) -> RollForwardLine:
    value, service = _figures(line.value_minor, rates), _figures(line.service_minor, rates)
    return RollForwardLine(line.cohort, line.points, value, service)


def _figures(figures: Figures, rates: list[Decimal]) -> Figures:
    opening, average, closing = rates
    began, ended = _at(figures.opening, opening), _at(figures.closing, closing)
    movements = {name: _at(amount, average) for name, amount in figures.movements.items()}
    difference = ended - began - sum(movements.values())
    return Figures(began, movements | ({TRANSLATION: difference} if difference else {}), ended)


def _at(minor: int, rate: Decimal) -> int:
    return rounded(multiply(Decimal(minor), rate))


def _sum(name: str, lines: Iterable[RollForwardLine]) -> RollForwardLine:
    lines = list(lines)
    return RollForwardLine(
        name,
        _added(line.points for line in lines),
        _added(line.value_minor for line in lines),
        _added(line.service_minor for line in lines),
    )


def _added(all_figures: Iterable[Figures]) -> Figures:
    opening = closing = 0
    movements: dict[str, int] = {}
    for figures in all_figures:
        opening, closing = opening + figures.opening, closing + figures.closing
        for name, amount in figures.movements.items():
            movements[name] = movements.get(name, 0) + amount
    return Figures(opening, movements, closing)


def _rate(text: str, pointer: str) -> Decimal:
    try:
        rate = CONTEXT.create_decimal(text)
    except InvalidOperation:
        raise InvalidInput(f"{text!r} is no decimal number.", pointer=pointer) from None
    exponent = rate.as_tuple().exponent
    if not rate.is_finite() or not 0 < rate < _LARGEST or not isinstance(exponent, int) or -exponent > _FINEST_DIGITS:
        message = f"A rate is above 0, below a million million, and has at most {_FINEST_DIGITS} decimals."
        raise InvalidInput(message, pointer=pointer)
    return rate
