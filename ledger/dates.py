"""Calendar arithmetic of the ledger: program-local dates, never instants."""

import calendar
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ledger.errors import InvalidInput

_OF_THE_HOST = frozenset({"localtime", "posixrules", "Factory"})
"""Entries of zone databases that are no zones: what they mean depends on the machine."""

_MOMENT = timedelta(microseconds=1)


@lru_cache(maxsize=4096)
def add_months(day: date, months: int) -> date:
    """
    Return the same day ``months`` later, or that month's last day where it has no such day.

    What would lie beyond the calendar is its last day.

    Args:
        day: Program-local date.
        months: Whole months, zero or more.
    """
    total = day.year * 12 + day.month - 1 + months
    year, month = divmod(total, 12)
    return day_in(year, month + 1, day.day) if year <= date.max.year else date.max


def day_in(year: int, month: int, day: int) -> date:
    """Return that day of a month, or the month's last day where it has no such day."""
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


@lru_cache(maxsize=256)
def time_zone(name: str) -> ZoneInfo:
    """
    Return the IANA time zone called ``name``.

    Raises:
        InvalidInput: There is no such zone.
    """
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):
        if name not in _OF_THE_HOST:
            return ZoneInfo(name)
    message = f"There is no time zone {name!r}; use an IANA name such as 'Europe/Zurich'."
    raise InvalidInput(message, pointer="/timezone")


def local_date(instant: datetime, zone: ZoneInfo) -> date:
    """Return the calendar date that ``instant`` falls on in ``zone``."""
    instant = as_utc(instant)
    day = _local_day(instant.date(), zone)
    if day is None:
        return instant.astimezone(zone).date()
    midnight, before, after = day
    return before if instant < midnight else after


@lru_cache(maxsize=4096)
def _local_day(day: date, zone: ZoneInfo) -> tuple[datetime, date, date] | None:
    """
    Return when, on a UTC day, a zone goes from one date to the next, and the two dates.

    Converting an instant is the dearest step of dating a purchase, and nearly all of a day's purchases share this.
    ``None`` for a day on which the zone's offset changes: there every instant is asked for itself.
    """
    if day in (date.min, date.max):
        return None
    start = datetime.combine(day, time.min, UTC)
    end = start + timedelta(days=1)
    offset = start.astimezone(zone).utcoffset()
    if offset is None or any(
        (start + timedelta(hours=hour)).astimezone(zone).utcoffset() != offset for hour in range(1, 25)
    ):
        return None
    midnight = start - offset if offset <= timedelta() else end - offset
    return midnight, (midnight - _MOMENT).astimezone(zone).date(), midnight.astimezone(zone).date()


def as_utc(instant: datetime) -> datetime:
    """
    Return the same instant with UTC as its zone, so that equal instants are stored equally.

    Raises:
        InvalidInput: In UTC it lies outside the calendar.
    """
    try:
        return instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(f"{instant.isoformat()} is at the very edge of the calendar; use a later time.") from None
