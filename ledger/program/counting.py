"""In which unit a ladder counts."""

from ledger.money import minor_digits
from ledger.program.ladders import Counter
from ledger.program.terms import Terms


def counter_scale(counter: Counter, terms: Terms, currency: str) -> int:
    """
    Return the decimal places of a counter's smallest unit.

    Args:
        counter: Of one of the ladders.
        terms: That it belongs to.
        currency: ISO 4217 code of the program's money.
    """
    if counter.of == "spend":
        return minor_digits(currency)
    if counter.of == "points":
        codes = [one for one in terms.point_currencies if counter.point_currency in (None, one.code)]
        return max((one.scale for one in codes), default=0)
    return 0
