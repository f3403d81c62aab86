"""In which time what a member does counts toward a tier, and what goes on into the next."""

from typing import Any

from tests.acceptance.conftest import Client
from tests.acceptance.desk import Desk, open_desk

YEAR = {"type": "for_months", "months": 12}


def ready(client: Client, **more: Any) -> Desk:
    """Publish a program in which gold takes 1,000 euros."""
    ladder = {
        "code": "club",
        "counters": [{"code": "spend", "of": "spend"}],
        "tiers": [
            {"code": "base", "name": "Base"},
            {"code": "gold", "name": "Gold", "all_of": [{"counter": "spend", "at_least": 1000}]},
        ],
    }
    return open_desk(client, ladders=[ladder | more])


def spent(desk: Desk, on: str) -> str:
    """Return what counts on a date."""
    return str(desk.progress(on)["counters"][0]["amount"])


def test_a_calendar_year_begins_at_midnight_of_the_program(client: Client) -> None:
    """Berlin's new year, not that of UTC."""
    desk = ready(client)
    desk.buy(600, "2025-12-31T22:59:59Z")
    desk.buy(600, "2025-12-31T23:00:00Z")
    assert [spent(desk, on) for on in ("2025-12-31", "2026-01-01")] == ["600.00", "600.00"]
    assert desk.tier("2026-01-01") == "base"


def test_a_year_of_membership(client: Client) -> None:
    """Counts from the day the member joined: 1 January 2017 at one in Berlin."""
    desk = ready(client, window={"type": "anniversary"}, validity=YEAR)
    answer = client.post(
        "/v1/programs/coffee/members",
        {"identifiers": [{"kind": "card", "value": "7"}], "occurred_at": "2020-02-29T12:00:00Z"},
    )
    assert answer.status == 201
    desk.buy(600, "2026-02-27", member="card:7")
    desk.buy(600, "2026-02-28", member="card:7")
    assert desk.tier("2026-03-01", "7") == "base"
    found = desk.progress("2026-03-01", "7")
    assert (found["period"], found["counters"][0]["amount"], found["next"]["by"]) == (
        "2026-02-28",
        "600.00",
        "2027-02-27",
    )
    desk.buy(400, "2026-10-01", member="card:7")
    assert [desk.tier(on, "7") for on in ("2026-10-01", "2027-09-30", "2027-10-01")] == ["gold", "gold", "base"]


def test_a_rolling_window(client: Client) -> None:
    """The last months up to and including today; what leaves it counts no more."""
    desk = ready(client, window={"type": "rolling", "months": 3}, validity={"type": "for_months", "months": 1})
    desk.buy(600, "2026-01-10")
    assert [spent(desk, on) for on in ("2026-04-09", "2026-04-10")] == ["600.00", "0.00"]
    desk.buy(400, "2026-04-09")
    assert desk.tier("2026-04-10") == "gold"
    assert [desk.tier(on) for on in ("2026-05-08", "2026-05-09")] == ["gold", "base"]


def test_a_return_reaches_into_a_rolling_window(client: Client) -> None:
    """A tier rests on all that counted on the day it was reached, not on that day's purchase alone."""
    desk = ready(client, window={"type": "rolling", "months": 3}, validity=YEAR)
    desk.buy(600, "2026-01-10", transaction_id="T")
    desk.buy(500, "2026-02-10")
    assert desk.tier("2026-02-10") == "gold"
    desk.done("purchases/T/returns?source=till-1", "2026-02-12", amount="100")
    assert desk.tier("2026-02-12") == "gold"
    desk.done("purchases/T/returns?source=till-1", "2026-02-13", amount="100")
    assert desk.tier("2026-02-13") == "base"


def test_a_lifetime(client: Client) -> None:
    """Everything counts for ever."""
    desk = ready(client, window={"type": "lifetime"}, validity={"type": "for_ever"})
    for year in (2018, 2020, 2022):
        desk.buy(400, f"{year}-05-01")
    found = desk.progress("2026-05-01")
    assert (found["tier"], found["period"], found["valid_until"]) == ("gold", "ever", None)


def test_what_exceeds_the_tier_goes_on_once(client: Client) -> None:
    """In minor units, like the counter; up to the maximum; and a return takes it back."""
    desk = ready(client, rollover={"counter": "spend", "maximum": 50000}, validity=YEAR)
    desk.buy(1300, "2025-05-01", transaction_id="T")
    found = desk.progress("2026-01-01")["counters"][0]
    assert (found["amount"], found["rolled_over"]) == ("300.00", "300.00")
    desk.buy(750, "2026-07-01")
    # 1,050 with what came over; without it the next year gets nothing.
    assert [desk.tier(on) for on in ("2026-07-01", "2027-06-30")] == ["gold", "gold"]
    assert spent(desk, "2027-01-01") == "0.00"
    desk.done("purchases/T/returns?source=till-1", "2026-07-02", amount="100")
    assert (spent(desk, "2026-07-02"), desk.tier("2026-07-02")) == ("950.00", "base")
    desk.buy(2000, "2026-07-03")
    assert spent(desk, "2027-01-01") == "500.00"


def test_a_year_that_is_over_is_recorded_once(client: Client) -> None:
    """With what counted in it and what goes on; members without anything are passed over."""
    desk = ready(client, rollover={"counter": "spend", "maximum": 50000})
    client.enrol("2")
    desk.buy(1300, "2025-05-01")
    assert desk.run("close-periods", "2025-12-31").event_count == 0
    # One in the morning in Berlin.
    assert desk.run("close-periods", "2026-01-01T00:00").event_count == 1
    story = desk.read("timeline")["lines"][0]
    assert (story["topic"], story["reference"]) == ("account.qualifying_period_closed.v1", "club:2025")
    assert desk.run("close-periods", "2026-02-01").account_count == 0
