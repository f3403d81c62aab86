from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from ledger.dates import add_months, as_utc, local_date, time_zone
from ledger.errors import InvalidInput


def day(text: str) -> date:
    """Read a date."""
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("start", "months", "expected"),
    [
        ("2026-03-15", 0, "2026-03-15"),
        ("2026-03-15", 1, "2026-04-15"),
        ("2026-12-01", 1, "2027-01-01"),
        ("2026-01-31", 11, "2026-12-31"),
        ("2026-12-31", 12, "2027-12-31"),
        ("2026-03-15", 24, "2028-03-15"),
        ("2026-11-30", 1200, "2126-11-30"),
        ("0001-01-01", 1, "0001-02-01"),
        ("9999-11-30", 1, "9999-12-30"),
    ],
)
def test_months_later_is_the_same_day(start: str, months: int, expected: str) -> None:
    """Years carry over in December."""
    assert day(expected) == add_months(day(start), months)


@pytest.mark.parametrize(
    ("start", "months", "expected"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2026-01-29", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2028-01-29", 1, "2028-02-29"),
        ("2026-03-31", 1, "2026-04-30"),
        ("2026-08-31", 6, "2027-02-28"),
        ("2027-08-31", 6, "2028-02-29"),
        ("2026-12-31", 2, "2027-02-28"),
    ],
)
def test_a_month_without_the_day_gives_its_last(start: str, months: int, expected: str) -> None:
    """Points earned at a month's end lapse at a month's end."""
    assert day(expected) == add_months(day(start), months)


@pytest.mark.parametrize(
    ("start", "months", "expected"),
    [
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2096-02-29", 48, "2100-02-28"),
        ("1996-02-29", 48, "2000-02-29"),
        ("2023-02-28", 12, "2024-02-28"),
    ],
)
def test_leap_days_exist_in_leap_years_only(start: str, months: int, expected: str) -> None:
    """2100 is none, 2000 was one, and the last of February does not turn into the leap day."""
    assert day(expected) == add_months(day(start), months)


def test_a_time_zone_is_known_by_its_name() -> None:
    """Any IANA name."""
    assert ZoneInfo("Europe/Zurich") == time_zone("Europe/Zurich")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Mars/Olympus",
        "+01:00",
        "Europe",
        "Europe/",
        "../etc/passwd",
        "/usr/share/zoneinfo/UTC",
        "zone.tab",
        "a\0b",
        "\ud800",
        "x" * 5000,
    ],
)
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    """Also folders, paths, and names that no file could have."""
    for _ in range(2):  # a refusal is not remembered as an answer
        with pytest.raises(InvalidInput, match="no time zone") as caught:
            time_zone(name)
        assert caught.value.pointer == "/timezone"


@pytest.mark.parametrize(
    ("instant", "zone", "expected"),
    [
        ("2026-03-15T12:00:00+00:00", "Europe/Zurich", "2026-03-15"),
        ("2026-03-15T22:59:59.999999+00:00", "Europe/Zurich", "2026-03-15"),
        ("2026-03-15T23:00:00+00:00", "Europe/Zurich", "2026-03-16"),
        ("2026-07-15T22:00:00+00:00", "Europe/Zurich", "2026-07-16"),
        ("2026-03-15T23:30:00-10:00", "Pacific/Kiritimati", "2026-03-16"),
        ("2026-03-15T09:59:59+00:00", "Pacific/Honolulu", "2026-03-14"),
        ("2024-02-29T23:00:00+00:00", "Europe/Zurich", "2024-03-01"),
        ("2025-12-31T23:00:00+00:00", "Europe/Zurich", "2026-01-01"),
        ("2026-03-29T00:59:59+00:00", "Europe/Zurich", "2026-03-29"),
        ("2011-12-30T10:00:00+00:00", "Pacific/Apia", "2011-12-31"),
        ("2011-12-30T09:59:59+00:00", "Pacific/Apia", "2011-12-29"),
        ("0001-01-01T12:00:00+00:00", "UTC", "0001-01-01"),
        ("9999-12-31T12:00:00+00:00", "UTC", "9999-12-31"),
    ],
)
def test_an_instant_falls_on_a_local_date(instant: str, zone: str, expected: str) -> None:
    """Midnight is where the program is, in summer and in winter; Samoa once skipped a day."""
    assert day(expected) == local_date(datetime.fromisoformat(instant), time_zone(zone))


def test_equal_instants_are_stored_equally() -> None:
    """Whatever zone they came in, they leave in UTC."""
    instant = datetime(2026, 3, 15, 12, 0, 0, 1, tzinfo=UTC)
    assert instant is as_utc(instant)
    for zone in (timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(0)), ZoneInfo("Asia/Kathmandu")):
        converted = as_utc(instant.astimezone(zone))
        assert (instant, UTC) == (converted, converted.tzinfo)
