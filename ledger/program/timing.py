"""When points become available and when they lapse, as data; and the dates that follow."""

from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from ledger.dates import add_months, day_in

CalendarDay = Annotated[
    str,
    Meta(
        pattern=r"^(?:[0-9]{4}-)?(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])(?![\s\S])",
        description="A date, 2026-12-31, or a day of every year, 12-31.",
        examples=["12-31"],
    ),
]
Days = Annotated[int, Meta(ge=1, le=36_500)]
Months = Annotated[int, Meta(ge=1, le=1_200)]

NEVER: Final = date.max
"""Stands for a date that does not come by itself."""


class PeriodEnd(StrEnum):
    """What a date is moved to the end of."""

    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half_year"
    YEAR = "year"


_MONTHS_OF: Final = {PeriodEnd.MONTH: 1, PeriodEnd.QUARTER: 3, PeriodEnd.HALF_YEAR: 6, PeriodEnd.YEAR: 12}


class Immediately(Struct, frozen=True, tag_field="type", tag="immediately", forbid_unknown_fields=True):
    """Points can be spent on the day they are earned."""


class AfterDays(Struct, frozen=True, tag_field="type", tag="after_days", forbid_unknown_fields=True):
    """Points can be spent a number of days after they are earned, for example when the return window has closed."""

    days: Days


class OnDates(Struct, frozen=True, tag_field="type", tag="on_dates", forbid_unknown_fields=True):
    """Points become available together, on the next of these days after they are earned."""

    dates: Annotated[tuple[CalendarDay, ...], Meta(min_length=1, max_length=366)]


class OnEvent(Struct, frozen=True, tag_field="type", tag="on_event", forbid_unknown_fields=True):
    """Points become available when a business event is reported, and are lost if it is not reported in time."""

    event: Annotated[str, Meta(min_length=1, max_length=64, examples=["stay-completed"])]
    cancel_after_days: Days


Availability = Immediately | AfterDays | OnDates | OnEvent


class Never(Struct, frozen=True, tag_field="type", tag="never", forbid_unknown_fields=True):
    """Points do not lapse by age."""


class After(Struct, frozen=True, tag_field="type", tag="after", omit_defaults=True, forbid_unknown_fields=True):
    """Points lapse some time after they are earned; with ``end_of`` at the end of the period that day falls in."""

    months: Months | None = None
    days: Days | None = None
    end_of: PeriodEnd | None = None
    """Points can be spent up to and including the period's last day."""


class CutOff(Struct, frozen=True, tag_field="type", tag="cut_off", omit_defaults=True, forbid_unknown_fields=True):
    """Points lapse on fixed days: each time everything that is old enough by then."""

    last_days: Annotated[tuple[CalendarDay, ...], Meta(min_length=1, max_length=366)]
    """The last days on which points can be spent."""
    minimum_months: Annotated[int, Meta(ge=0, le=1_200)] = 0
    """How old points are at least when they lapse."""


Expiry = Never | After | CutOff

ActivityKind = Literal["purchase", "accrual", "redemption", "adjustment", "transfer_in", "transfer_out"]


class Inactivity(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """All points lapse when a member does nothing for a while; the anniversary of the last activity still counts."""

    months: Months
    activities: Annotated[tuple[ActivityKind, ...], Meta(max_length=6)] = ()
    """What keeps points alive; absent: purchases, accruals and redemptions."""


def available_from(policy: Availability | None, earned_on: date) -> date:
    """
    Return the first date on which points can be spent.

    Args:
        policy: ``None`` is immediately.
        earned_on: Program-local date.
    """
    match policy:
        case AfterDays(days=days):
            return _later(earned_on, days)
        case OnDates(dates=days):
            return _next(days, earned_on) or NEVER
        case OnEvent():
            return NEVER
        case _:
            return earned_on


def awaited(policy: Availability | None, earned_on: date) -> tuple[str, date | None]:
    """Return the business event that points wait for, and the first date on which they are lost without it."""
    if isinstance(policy, OnEvent):
        return policy.event, _later(earned_on, policy.cancel_after_days + 1)
    return "", None


def expires_on(policy: Expiry | None, earned_on: date) -> date | None:
    """
    Return the first date on which points can no longer be spent, or ``None`` if they do not lapse by age.

    Args:
        policy: ``None`` is never.
        earned_on: Program-local date.
    """
    match policy:
        case After(months=months, days=days, end_of=end_of):
            day = _later(add_months(earned_on, months or 0), days or 0)
            return first_day_after(day, end_of) if end_of else day
        case CutOff(last_days=last_days, minimum_months=months):
            oldest = add_months(earned_on, months)
            last_day = _next(last_days, oldest - timedelta(days=1) if oldest > date.min else oldest)
            return last_day + timedelta(days=1) if last_day and last_day < date.max else None
        case _:
            return None


def first_day_after(day: date, period: PeriodEnd) -> date:
    """Return the first day after the period that ``day`` falls in."""
    months = _MONTHS_OF[period]
    first_month = (day.month - 1) // months * months + 1
    return add_months(date(day.year, first_month, 1), months)


def _later(day: date, days: int) -> date:
    return day + timedelta(days=days) if days <= (date.max - day).days else NEVER


def _next(days: tuple[CalendarDay, ...], after: date) -> date | None:
    """Return the first of these days that comes after a date, or ``None`` if all of them are past."""
    found = [day for text in days for day in _occurrences(text, after.year) if day > after]
    return min(found, default=None)


def _occurrences(text: CalendarDay, year: int) -> tuple[date, ...]:
    """Return a date, or a day of the year in that year and the next; 02-29 is 02-28 where there is none."""
    *given, month, day = map(int, text.split("-"))
    years = given or [one for one in (year, year + 1) if one <= date.max.year]
    return tuple([day_in(one, month, day) for one in years])
