"""Calendar arithmetic of the ledger: program-local dates, never instants."""

import calendar
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ledger.errors import InvalidInput


@lru_cache(maxsize=4096)
def add_months(day: date, months: int) -> date:
    """
    Return the same day ``months`` later, or that month's last day where it has no such day.

    Args:
        day: Program-local date.
        months: Whole months, zero or more.
    """
    total = day.year * 12 + day.month - 1 + months
    year, month = divmod(total, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


@lru_cache(maxsize=256)
def time_zone(name: str) -> ZoneInfo:
    """
    Return the IANA time zone called ``name``.

    Raises:
        InvalidInput: There is no such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"There is no time zone {name!r}; use an IANA name such as 'Europe/Zurich'."
        raise InvalidInput(message, pointer="/timezone") from None


def local_date(instant: datetime, zone: ZoneInfo) -> date:
    """Return the calendar date that ``instant`` falls on in ``zone``."""
    return instant.astimezone(zone).date()


def as_utc(instant: datetime) -> datetime:
    """Return the same instant with UTC as its zone, so that equal instants are stored equally."""
    return instant if instant.tzinfo is UTC else instant.astimezone(UTC)
