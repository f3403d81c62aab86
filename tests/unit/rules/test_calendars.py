"""Days, hours and windows where clocks change and months end."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from ledger.account.events import AccountOpened
from ledger.account.evolve import evolve
from ledger.account.state import Account
from ledger.program.ladders import (
    Anniversary,
    CalendarYear,
    ForEver,
    ForMonths,
    Ladder,
    Lifetime,
    Rolling,
    Rollover,
    Tier,
    UntilDay,
    Window,
)
from ledger.program.state import Program, ProgramVersion
from ledger.program.terms import EarnRule, PointCurrency, Terms
from rules.activity import Purchase
from rules.pricing.price import CheckedPurchase, price_purchase
from rules.tiers.plans import LadderPlan, ladder_plan, valid_until
from rules.tiers.windows import counted, period_end, period_of, rolled_over

STARTED = datetime(2010, 1, 1, tzinfo=UTC)
TIERS = (Tier("base", "Base"), Tier("gold", "Gold", min_points=10))


def day(text: str) -> date:
    """Read a date."""
    return date.fromisoformat(text)


def ladder(window: Window, **more: Any) -> Ladder:
    """Return a ladder that counts in a window."""
    return Ladder("club", TIERS, window=window, **more)


def planned(one: Ladder) -> LadderPlan:
    """Return a ladder that is ready to be asked."""
    return ladder_plan(one, Terms((PointCurrency("points", "Points"),), EarnRule("1", "points")), "EUR")


@pytest.mark.parametrize(
    ("zone", "at", "expected"),
    [
        # Clocks go forward at 2:00, to 3:00; and back at 3:00, to 2:00.
        ("Europe/Berlin", "2026-03-29T00:59:59Z", ("2026-03-29", 7, 1)),
        ("Europe/Berlin", "2026-03-29T01:00:00Z", ("2026-03-29", 7, 3)),
        ("Europe/Berlin", "2026-03-28T22:59:59Z", ("2026-03-28", 6, 23)),
        ("Europe/Berlin", "2026-03-28T23:00:00Z", ("2026-03-29", 7, 0)),
        ("Europe/Berlin", "2026-03-29T21:59:59Z", ("2026-03-29", 7, 23)),
        ("Europe/Berlin", "2026-03-29T22:00:00Z", ("2026-03-30", 1, 0)),
        ("Europe/Berlin", "2026-10-25T00:30:00Z", ("2026-10-25", 7, 2)),
        ("Europe/Berlin", "2026-10-25T01:30:00Z", ("2026-10-25", 7, 2)),
        ("Europe/Berlin", "2026-10-25T22:59:59Z", ("2026-10-25", 7, 23)),
        ("Europe/Berlin", "2026-10-25T23:00:00Z", ("2026-10-26", 1, 0)),
        ("America/New_York", "2026-03-08T06:59:59Z", ("2026-03-08", 7, 1)),
        ("America/New_York", "2026-03-08T07:00:00Z", ("2026-03-08", 7, 3)),
        ("America/New_York", "2026-03-09T03:59:59Z", ("2026-03-08", 7, 23)),
        ("America/New_York", "2026-11-01T05:30:00Z", ("2026-11-01", 7, 1)),
        ("America/New_York", "2026-11-01T06:30:00Z", ("2026-11-01", 7, 1)),
        ("America/New_York", "2027-01-01T04:59:59Z", ("2026-12-31", 4, 23)),
        ("Asia/Kathmandu", "2026-05-01T18:14:59Z", ("2026-05-01", 5, 23)),
        ("Asia/Kathmandu", "2026-05-01T18:15:00Z", ("2026-05-02", 6, 0)),
        # Samoa had no 30 December 2011: it went to the other side of the date line.
        ("Pacific/Apia", "2011-12-30T09:59:59Z", ("2011-12-29", 4, 23)),
        ("Pacific/Apia", "2011-12-30T10:00:00Z", ("2011-12-31", 6, 0)),
        ("Pacific/Apia", "2026-02-28T10:59:59Z", ("2026-02-28", 6, 23)),
        ("Pacific/Apia", "2026-02-28T11:00:00Z", ("2026-03-01", 7, 0)),
        ("UTC", "2028-02-29T23:59:59Z", ("2028-02-29", 2, 23)),
    ],
)
def test_a_purchase_has_the_program_s_date_weekday_and_hour(zone: str, at: str, expected: tuple[str, int, int]) -> None:
    """Whatever the clocks do that day."""
    points = '{"+":[{"*":[{"var":"weekday"},100]},{"var":"hour"}]}'
    terms = {
        "point_currencies": [{"code": "points", "name": "P"}],
        "earn": {"rule": points, "point_currency": "points"},
    }
    club = Program("club", "C", "EUR", zone, None, [ProgramVersion(1, STARTED, msgspec.convert(terms, Terms))])
    told = {"source": "s", "transaction_id": "t", "member": "m", "occurred_at": at, "amount": "1", "currency": "EUR"}
    account = evolve(None, AccountOpened("club", "m", STARTED, STARTED.date()))
    command = price_purchase(CheckedPurchase(msgspec.convert(told, Purchase), 100), club, account).command
    on, weekday, hour = expected
    assert (day(on), weekday * 100 + hour) == (command.effective_on, command.awards[0].points)


@pytest.mark.parametrize(
    ("opened", "on", "period", "end"),
    [
        ("2024-02-29", "2024-02-29", "2024-02-29", "2025-02-28"),
        ("2024-02-29", "2025-02-27", "2024-02-29", "2025-02-28"),
        ("2024-02-29", "2025-02-28", "2025-02-28", "2026-02-28"),
        ("2024-02-29", "2028-02-28", "2027-02-28", "2028-02-29"),
        ("2024-02-29", "2028-02-29", "2028-02-29", "2029-02-28"),
        ("2026-06-01", "2026-06-01", "2026-06-01", "2027-06-01"),
        ("2026-06-01", "2027-05-31", "2026-06-01", "2027-06-01"),
        # Bought before joining: billing runs of last month.
        ("2026-06-01", "2026-05-31", "2025-06-01", "2026-06-01"),
        ("2026-06-01", "2025-08-01", "2025-06-01", "2026-06-01"),
        ("2026-06-01", "2025-03-01", "2024-06-01", "2025-06-01"),
        ("2026-06-01", "9999-07-01", "9999-06-01", None),
    ],
)
def test_years_of_membership_follow_each_other(opened: str, on: str, period: str, end: str | None) -> None:
    """Also for those who joined on 29 February, and before they joined."""
    window = ladder(Anniversary())
    assert period == period_of(window, day(opened), day(on))
    assert (end and day(end)) == period_end(window, day(opened), day(on))


def test_every_day_is_in_one_year_of_membership() -> None:
    """From the first to the day before the next."""
    window, opened = ladder(Anniversary()), date(2024, 2, 29)
    for number in range(date(2022, 1, 1).toordinal(), date(2030, 1, 1).toordinal()):
        on = date.fromordinal(number)
        start, end = day(period_of(window, opened, on)), period_end(window, opened, on)
        assert end is not None
        assert start <= on < end
        assert period_of(window, opened, end) == end.isoformat()


@pytest.mark.parametrize(
    ("window", "on", "period", "end"),
    [
        (CalendarYear(), "2026-12-31", "2026", "2027-01-01"),
        (CalendarYear(), "9999-12-31", "9999", None),
        (Rolling(3), "2026-02-28", "2026-02-28", None),
        (Lifetime(), "2026-02-28", "ever", None),
    ],
)
def test_periods_are_named_and_end(window: Window, on: str, period: str, end: str | None) -> None:
    """Where they end."""
    assert period == period_of(ladder(window), date(2020, 5, 5), day(on))
    assert (end and day(end)) == period_end(ladder(window), date(2020, 5, 5), day(on))


@pytest.mark.parametrize(
    ("months", "on", "first", "before"),
    [
        (1, "2026-03-31", "2026-03-01", "2026-02-28"),
        (1, "2026-03-30", "2026-03-01", "2026-02-28"),
        (1, "2028-03-31", "2028-03-01", "2028-02-29"),
        (1, "2026-02-28", "2026-01-29", "2026-01-28"),
        (12, "2028-02-29", "2027-03-01", "2027-02-28"),
        (12, "2026-01-01", "2025-01-02", "2025-01-01"),
        (3, "2026-12-31", "2026-10-01", "2026-09-30"),
    ],
)
def test_a_rolling_window_begins_after_the_same_day_months_ago(months: int, on: str, first: str, before: str) -> None:
    """Or after the last day of a month that has no such day; it ends with today."""
    account = Account("club", "m", date(2020, 1, 1))
    after = date.fromordinal(day(on).toordinal() + 1).isoformat()
    account.counters["club:points"] = {before: 1, first: 10, on: 100, after: 1000}
    expected = 110 if first != on else 100
    assert expected == counted(account, planned(ladder(Rolling(months))), "points", day(on))


def test_a_rolling_window_near_the_start_of_the_calendar_begins_with_it() -> None:
    """There is nothing before."""
    account = Account("club", "m", date(1, 1, 1))
    account.counters["club:points"] = {"0001-01-05": 7}
    assert counted(account, planned(ladder(Rolling(1200))), "points", date(1, 2, 1)) in {0, 7}


@pytest.mark.parametrize(
    ("more", "on", "expected"),
    [
        ({"validity": UntilDay("12-31", 1)}, "2026-01-01", "2028-01-01"),
        ({"validity": UntilDay("03-31", 2)}, "2026-12-31", "2028-04-01"),
        ({"validity": UntilDay("02-29", 1)}, "2026-05-01", "2027-03-01"),
        ({"validity": UntilDay("02-29", 2)}, "2026-05-01", "2028-03-01"),
        ({"validity": UntilDay("06-30", 0)}, "2026-05-01", "2026-07-01"),
        ({"validity": UntilDay("12-31", 1)}, "9998-05-01", None),
        ({"validity": ForMonths(12)}, "2028-02-29", "2029-02-28"),
        ({"validity": ForMonths(1)}, "2026-01-31", "2026-02-28"),
        ({"validity": ForEver()}, "2026-01-31", None),
        ({"validity": ForMonths(1), "downgrade": "none"}, "2026-01-31", None),
    ],
)
def test_a_tier_is_held_until(more: dict[str, Any], on: str, expected: str | None) -> None:
    """The first date on which it no longer is."""
    assert (expected and day(expected)) == valid_until(ladder(CalendarYear(), **more), day(on))


def test_until_a_day_that_is_past_this_year_is_until_that_day_of_the_next() -> None:
    """A tier that is reached is held at least that day."""
    held = ladder(CalendarYear(), validity=UntilDay("03-31", 0))
    assert valid_until(held, date(2026, 3, 31)) == date(2026, 4, 1)
    assert valid_until(held, date(2026, 4, 1)) == date(2027, 4, 1)


@pytest.mark.parametrize(("before", "expected"), [(9, 0), (10, 0), (12, 2), (14, 4), (25, 4)])
def test_what_exceeds_the_tier_rolls_over_once(before: int, expected: int) -> None:
    """Up to the maximum, from the year before; nothing comes from before joining."""
    rolling = ladder(CalendarYear(), rollover=Rollover("points", 4))
    rolling = msgspec.structs.replace(rolling, tiers=(Tier("base", "B"), tier_of(10)))
    account = Account("club", "m", date(2025, 3, 1))
    account.counters["club:points"] = {"2025": before, "2026": 1}
    assert expected == rolled_over(account, planned(rolling), "points", date(2026, 5, 1))
    assert 1 + expected == counted(account, planned(rolling), "points", date(2026, 5, 1))
    assert rolled_over(account, planned(rolling), "points", date(2025, 5, 1)) == 0
    assert rolled_over(account, planned(rolling), "other", date(2026, 5, 1)) == 0
    lifelong = msgspec.structs.replace(rolling, window=Lifetime())
    assert rolled_over(account, planned(lifelong), "points", date(2026, 5, 1)) == 0


def tier_of(points: int) -> Tier:
    """Return a tier that takes so many points."""
    return msgspec.convert(
        {"code": "gold", "name": "G", "any_of": [{"counter": "points", "at_least": str(points)}]}, Tier
    )
