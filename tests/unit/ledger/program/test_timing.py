"""When points become available and lapse, at the corners of the calendar."""

from datetime import date

import pytest

from ledger.account.activity import idle_on
from ledger.account.books import Lot
from ledger.account.state import Account
from ledger.program.timing import (
    NEVER,
    After,
    AfterDays,
    Availability,
    CutOff,
    Expiry,
    Immediately,
    Never,
    OnDates,
    OnEvent,
    PeriodEnd,
    available_from,
    awaited,
    expires_on,
    first_day_after,
)

LAST = date.max


def day(text: str) -> date:
    """Read a date."""
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("policy", "earned", "expected"),
    [
        (None, "2026-03-29", "2026-03-29"),
        (Immediately(), "2026-03-29", "2026-03-29"),
        (AfterDays(14), "2026-02-20", "2026-03-06"),
        (AfterDays(14), "2028-02-20", "2028-03-05"),
        (AfterDays(1), "2026-12-31", "2027-01-01"),
        (AfterDays(1), "9999-12-30", "9999-12-31"),
        (AfterDays(1), "9999-12-31", "9999-12-31"),
        (AfterDays(36_500), "9950-01-01", "9999-12-31"),
        (OnDates(("12-31",)), "2026-12-30", "2026-12-31"),
        (OnDates(("12-31",)), "2026-12-31", "2027-12-31"),
        (OnDates(("06-30", "12-31")), "2026-06-30", "2026-12-31"),
        (OnDates(("02-29",)), "2026-01-01", "2026-02-28"),
        (OnDates(("02-29",)), "2026-02-28", "2027-02-28"),
        (OnDates(("02-29",)), "2028-02-28", "2028-02-29"),
        (OnDates(("02-29",)), "2027-03-01", "2028-02-29"),
        (OnDates(("04-31",)), "2026-01-01", "2026-04-30"),
        (OnDates(("2026-02-29",)), "2026-01-01", "2026-02-28"),
        (OnDates(("2026-05-01", "2027-05-01")), "2026-05-01", "2027-05-01"),
        (OnDates(("2026-05-01",)), "2026-05-01", "9999-12-31"),
        (OnDates(("01-01",)), "9999-06-01", "9999-12-31"),
        (OnDates(("12-31",)), "9999-06-01", "9999-12-31"),
        (OnEvent("stay", 30), "2026-01-01", "9999-12-31"),
    ],
)
def test_points_are_available_from(policy: Availability | None, earned: str, expected: str) -> None:
    """The day itself, days later, the next of some days, or not before something happens."""
    assert day(expected) == available_from(policy, day(earned))


@pytest.mark.parametrize(
    ("policy", "earned", "event", "cancels"),
    [
        (OnEvent("stay", 1), "2028-02-28", "stay", "2028-03-01"),
        (OnEvent("stay", 30), "2026-01-31", "stay", "2026-03-03"),
        (OnEvent("stay", 1), "9999-12-30", "stay", "9999-12-31"),
        (OnEvent("stay", 36_500), "9990-01-01", "stay", "9999-12-31"),
        (AfterDays(3), "2026-01-31", "", None),
        (None, "2026-01-31", "", None),
    ],
)
def test_points_await_an_event_up_to_and_including_a_day(
    policy: Availability | None, earned: str, event: str, cancels: str | None
) -> None:
    """And are lost on the day after."""
    assert (event, cancels and day(cancels)) == awaited(policy, day(earned))


@pytest.mark.parametrize(
    ("policy", "earned", "expected"),
    [
        (None, "2026-01-01", None),
        (Never(), "2026-01-01", None),
        (After(months=12), "2028-02-29", "2029-02-28"),
        (After(months=48), "2028-02-29", "2032-02-29"),
        (After(months=1), "2026-01-31", "2026-02-28"),
        (After(months=1), "2028-01-31", "2028-02-29"),
        (After(days=30), "2026-01-31", "2026-03-02"),
        (After(months=1, days=1), "2026-01-31", "2026-03-01"),
        (After(months=1, end_of=PeriodEnd.MONTH), "2026-01-31", "2026-03-01"),
        (After(months=12, end_of=PeriodEnd.MONTH), "2026-12-01", "2028-01-01"),
        (After(months=3, end_of=PeriodEnd.QUARTER), "2026-03-31", "2026-07-01"),
        (After(months=3, end_of=PeriodEnd.QUARTER), "2026-09-30", "2027-01-01"),
        (After(days=1, end_of=PeriodEnd.HALF_YEAR), "2026-06-30", "2027-01-01"),
        (After(days=1, end_of=PeriodEnd.HALF_YEAR), "2026-06-29", "2026-07-01"),
        (After(months=24, end_of=PeriodEnd.YEAR), "2026-01-01", "2029-01-01"),
        (After(months=24, end_of=PeriodEnd.YEAR), "2026-12-31", "2029-01-01"),
        (After(months=1200), "9950-01-01", "9999-12-31"),
        (After(months=1, end_of=PeriodEnd.YEAR), "9999-06-01", "9999-12-31"),
        (After(days=1), "9999-12-31", "9999-12-31"),
        (CutOff(("12-31",)), "2026-12-31", "2027-01-01"),
        (CutOff(("12-31",)), "2027-01-01", "2028-01-01"),
        (CutOff(("12-31",), 12), "2026-12-31", "2028-01-01"),
        (CutOff(("12-31",), 12), "2027-01-01", "2029-01-01"),
        (CutOff(("03-31", "09-30"), 6), "2026-03-31", "2026-10-01"),
        (CutOff(("03-31", "09-30"), 6), "2026-08-31", "2027-04-01"),
        (CutOff(("02-29",)), "2026-02-28", "2026-03-01"),
        (CutOff(("02-29",)), "2028-02-28", "2028-03-01"),
        (CutOff(("02-29",)), "2028-03-01", "2029-03-01"),
        (CutOff(("02-29",), 1), "2028-01-31", "2028-03-01"),
        (CutOff(("2026-06-30",)), "2026-06-30", "2026-07-01"),
        (CutOff(("2026-06-30",)), "2026-07-01", None),
        (CutOff(("12-31",)), "9999-12-01", None),
        (CutOff(("06-30",)), "9999-12-01", None),
        (CutOff(("12-31",)), "0001-01-01", "0002-01-01"),
        (CutOff(("12-31",), 1200), "9950-01-01", None),
    ],
)
def test_points_lapse_on(policy: Expiry | None, earned: str, expected: str | None) -> None:
    """The first date on which they can no longer be spent."""
    assert (expected and day(expected)) == expires_on(policy, day(earned))


@pytest.mark.parametrize("period", PeriodEnd)
def test_a_period_ends_after_its_last_day(period: PeriodEnd) -> None:
    """Every day of two years is before the end of its period, and the end is the first of a month."""
    one = date(2027, 1, 1)
    while one < date(2029, 1, 1):
        end = first_day_after(one, period)
        assert one < end
        assert end.day == 1
        assert first_day_after(end, period) > end
        assert date.fromordinal(end.toordinal() - 1) < first_day_after(date.fromordinal(end.toordinal() - 1), period)
        one = date.fromordinal(one.toordinal() + 1)
    assert first_day_after(date(9999, 12, 5), period) == NEVER


@pytest.mark.parametrize(
    ("active", "earned", "months", "expected"),
    [
        ("2028-02-29", "2027-01-01", 12, "2029-03-01"),
        ("2028-02-29", "2027-01-01", 48, "2032-03-01"),
        ("2027-02-28", "2027-01-01", 12, "2028-02-29"),
        ("2026-01-31", "2026-01-01", 1, "2026-03-01"),
        ("2026-12-31", "2026-01-01", 12, "2028-01-01"),
        ("2020-01-01", "2026-05-31", 1, "2026-07-01"),
        (None, "2028-02-29", 12, "2029-03-01"),
        ("9999-06-01", "2026-01-01", 12, None),
        ("2026-01-01", "2026-01-01", 0, None),
    ],
)
def test_the_anniversary_of_the_last_activity_still_counts(
    active: str | None, earned: str, months: int, expected: str | None
) -> None:
    """Points are lost on the day after it; 29 February has its anniversary on the 28th."""
    account = Account("club", "m", date(2020, 1, 1))
    if active:
        account.last_active["purchase"] = day(active)
    lot = Lot(1, 5, day(earned), day(earned), None, idle_months=months)
    assert (expected and day(expected)) == idle_on(account, lot)
