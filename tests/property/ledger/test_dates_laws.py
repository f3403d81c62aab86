import calendar
from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.dates import add_months, as_utc, local_date, time_zone

days = st.dates(date(1900, 1, 1), date(2400, 12, 31))
months = st.integers(0, 1200)
# With summer time and without, half an hour of it, ahead and behind by up to 14 hours, by minutes, and a skipped day.
zones = st.sampled_from(
    """
    UTC Europe/Zurich Europe/Dublin Africa/Casablanca Africa/Cairo Africa/Monrovia America/St_Johns America/New_York
    Australia/Lord_Howe Asia/Kathmandu Pacific/Apia Pacific/Kiritimati Pacific/Honolulu Etc/GMT+12
    """.split(),
)
instants = st.datetimes(datetime(1970, 1, 1), datetime(2400, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # as asked for
quick = settings(max_examples=300, derandomize=True, database=None)


@quick
@given(day=days, count=months)
def test_months_later_is_in_that_month(day: date, count: int) -> None:
    """On the same day, or on the last one there is."""
    later = add_months(day, count)
    assert day.year * 12 + day.month + count == later.year * 12 + later.month
    last = calendar.monthrange(later.year, later.month)[1]
    assert min(day.day, last) == later.day


@quick
@given(day=days, other=days, count=months)
def test_what_was_earned_earlier_does_not_lapse_later(day: date, other: date, count: int) -> None:
    """Adding months keeps the order of days."""
    first, second = sorted([day, other])
    assert first <= add_months(first, count) <= add_months(second, count)


@quick
@given(instant=instants, zone=zones)
def test_a_local_date_is_the_zone_s_and_not_the_host_s(instant: datetime, zone: str) -> None:
    """It is at most a day away from the UTC date, and does not depend on how the instant was written."""
    on = local_date(instant, time_zone(zone))
    assert abs(on - instant.date()) <= timedelta(days=1)
    local = instant.astimezone(time_zone(zone))
    assert on == local.date() == local_date(local, time_zone(zone))
    assert (instant, UTC) == (as_utc(local), as_utc(local).tzinfo)


@quick
@given(day=st.dates(date(1970, 1, 2), date(2037, 12, 31)), zone=zones, off=st.sampled_from([-1, 0, 1]))
def test_a_date_begins_at_local_midnight(day: date, zone: str, off: int) -> None:
    """A microsecond decides, also on days on which the clocks change."""
    midnight = datetime.combine(day, time.min, time_zone(zone)).astimezone(UTC)
    instant = midnight + timedelta(microseconds=off)
    assert instant.astimezone(time_zone(zone)).date() == local_date(instant, time_zone(zone))
