"""Whether ladders agree with themselves and with the terms that they belong to."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from ledger.errors import InvalidInput
from ledger.program.counting import counter_scale
from ledger.program.ladders import Anniversary, CalendarYear, Counter, Ladder, Threshold, Tier, UntilDay
from ledger.program.naming import refuse_twice
from ledger.program.terms import Terms


def ladder_checks(terms: Terms, currency: str, at: str) -> Iterator[Callable[[], None]]:
    """
    Give the checks of a program's ladders, in their order.

    Args:
        terms: To be drafted.
        currency: ISO 4217 code of the program's money.
        at: JSON pointer of the ladders in what was sent.

    Returns:
        Each raises `InvalidInput` if something is named twice, named and not there, or can never be reached.
    """
    yield partial(refuse_twice, [one.code for one in terms.ladders], "ladder", at + "/{}/code")
    for index, ladder in enumerate(terms.ladders):
        yield partial(_check_ladder, terms, ladder, currency, f"{at}/{index}")


def _check_ladder(terms: Terms, ladder: Ladder, currency: str, at: str) -> None:
    refuse_twice([one.code for one in ladder.counters], "counter", at + "/counters/{}/code")
    for index, counter in enumerate(ladder.counters):
        _check_counter(terms, counter, f"{at}/counters/{index}")
    refuse_twice([one.code for one in ladder.tiers], "tier", at + "/tiers/{}/code")
    scales = {one.code: counter_scale(one, terms, currency) for one in ladder.counters}
    for index, tier in enumerate(ladder.tiers):
        _check_tier(ladder, tier, scales, f"{at}/tiers/{index}")
    _check_order(ladder, at)
    _check_time(ladder, at)


def _check_counter(terms: Terms, counter: Counter, at: str) -> None:
    codes = [one.code for one in terms.point_currencies]
    if counter.point_currency is not None and (counter.of != "points" or counter.point_currency not in codes):
        message = f"A counter of points counts one of {', '.join(codes)}; others count no point currency."
        raise InvalidInput(message, pointer=f"{at}/point_currency")
    if counter.kind != "all" and counter.of != "points":
        raise InvalidInput("Only a counter of points can be about those of base rules.", pointer=f"{at}/kind")
    numbers = [one.name for one in terms.attributes if one.of == "purchase" and one.type == "int"]
    if counter.of == "attribute" and counter.attribute not in numbers:
        known = ", ".join(numbers) or "none"
        message = f"The counter needs a declared attribute of purchases that is a whole number; there is {known}."
        raise InvalidInput(message, pointer=f"{at}/attribute")
    if counter.of != "attribute" and counter.attribute is not None:
        raise InvalidInput("Only a counter of an attribute names one.", pointer=f"{at}/attribute")


def _check_tier(ladder: Ladder, tier: Tier, scales: dict[str, int], at: str) -> None:
    if tier.min_points and not any(one.of == "points" for one in ladder.counters):
        message = "min_points is short for a threshold of the ladder's counter of points, and it has none."
        raise InvalidInput(message, pointer=f"{at}/min_points")
    for name in ("any_of", "all_of"):
        for index, threshold in enumerate(getattr(tier, name)):
            _check_threshold(threshold, scales, f"{at}/{name}/{index}")


def _check_threshold(threshold: Threshold, scales: dict[str, int], at: str) -> None:
    if threshold.counter not in scales:
        message = f"The ladder has no counter {threshold.counter!r}; it has {', '.join(scales)}."
        raise InvalidInput(message, pointer=f"{at}/counter")
    scale, amount = scales[threshold.counter], threshold.at_least
    if not (amount.is_finite() and 0 < amount < 10**15 and amount.scaleb(scale) % 1 == 0):
        message = f"A threshold of {threshold.counter!r} is above zero, with at most {scale} decimal places."
        raise InvalidInput(message, pointer=f"{at}/at_least")


def _check_order(ladder: Ladder, at: str) -> None:
    priorities = [one.priority for one in ladder.tiers]
    if any(one is not None for one in priorities):
        for index, priority in enumerate(priorities):
            if priority is None:
                message = "Either all tiers of a ladder have a priority, or none has."
                raise InvalidInput(message, pointer=f"{at}/tiers/{index}/priority")
        refuse_twice(priorities, "priority", at + "/tiers/{}/priority")
    places = {tier.code: index for index, tier in enumerate(ladder.tiers)}
    lowest, *others = ladder.ranked
    points = lowest.min_points or 0
    for tier in others:
        pointer = f"{at}/tiers/{places[tier.code]}"
        if not (tier.min_points or tier.any_of or tier.all_of):
            message = f"Only the lowest tier is held by everybody; say what {tier.code!r} takes."
            raise InvalidInput(message, pointer=pointer)
        if tier.min_points and tier.min_points < points:
            message = f"{tier.code!r} takes fewer points than a tier below it, which nobody would ever hold."
            raise InvalidInput(message, pointer=f"{pointer}/min_points")
        points = max(points, tier.min_points or 0)


def _check_time(ladder: Ladder, at: str) -> None:
    validity = ladder.validity
    if isinstance(validity, UntilDay) and not validity.years and validity.day != "12-31":
        message = f"Who reaches a tier after {validity.day} would not hold it for a day; count at least one year."
        raise InvalidInput(message, pointer=f"{at}/validity/years")
    rollover = ladder.rollover
    if rollover is None:
        return
    if rollover.counter not in _codes(ladder.counters):
        message = f"The ladder has no counter {rollover.counter!r}; it has {', '.join(_codes(ladder.counters))}."
        raise InvalidInput(message, pointer=f"{at}/rollover/counter")
    if not isinstance(ladder.window, CalendarYear | Anniversary):
        raise InvalidInput(
            "Only a window of years has a next one that something goes on into.", pointer=f"{at}/rollover"
        )


def _codes(counters: Iterable[Counter]) -> list[str]:
    return [one.code for one in counters]
