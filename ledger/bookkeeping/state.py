"""What holds for the books of a program, folded from its events."""

from typing import assert_never

from msgspec import Struct

from ledger.bookkeeping.events import (
    BookkeepingEvent,
    EstimateApplied,
    PeriodClosed,
    PeriodReopened,
    SettingsSet,
)


class Closing(Struct):
    """A month that is closed, and where in the stream that is recorded."""

    period: str
    version: int


class Bookkeeping(Struct):
    """Settings, estimates and closed months."""

    revision: int = 0
    """Events so far."""
    settings: list[SettingsSet] = []
    estimates: dict[str, int] = {}
    """Points ever redeemed, by cohort."""
    closings: list[Closing] = []


def evolve(books: Bookkeeping | None, event: BookkeepingEvent) -> Bookkeeping:
    """Fold one recorded fact into the books."""
    books = books or Bookkeeping(settings=[], estimates={}, closings=[])
    books.revision += 1
    match event:
        case SettingsSet():
            key = event.point_currency, event.effective_on
            books.settings = [one for one in books.settings if (one.point_currency, one.effective_on) != key]
            books.settings.append(event)
            books.settings.sort(key=lambda one: (one.point_currency, one.effective_on))
        case EstimateApplied():
            books.estimates[event.cohort] = event.redeemed_points
        case PeriodClosed():
            books.closings.append(Closing(event.period, books.revision))
        case PeriodReopened():
            books.closings = [one for one in books.closings if one.period != event.period]
        case _:
            assert_never(event)
    return books
