"""Checks and disclosures over REST."""

from typing import Any

import pytest

from tests.acceptance.conftest import Client
from tests.acceptance.desk import Desk, open_desk
from tests.acceptance.test_books import BOOKS, SETTINGS, close

NAMES = {
    "the events give what the month was closed with",
    "every event that moves something has an entry",
    "every entry balances, in money and in points",
    "every entry is posted in the month",
    "every entry names its event",
    "the trial balance is zero",
    "opening balances and the journal give the closing ones",
    "liability accounts equal the cohorts",
    "points of members equal the cohorts",
    "recognised is between nothing and what was allocated",
    "the roll-forward of points equals the journal",
    "the roll-forward of value equals the journal",
    "the roll-forward of service equals the journal",
    "the roll-forward ends with what is owed",
}


@pytest.fixture
def desk(client: Client) -> Desk:
    """Provide a program in which a euro is a point, worth a cent, of which 95 % are redeemed; and two members."""
    desk = open_desk(client, "1", "2", transfers=[{"point_currency": "points"}])
    assert client.post(f"{BOOKS}/settings", SETTINGS).status == 201
    return desk


def checked(desk: Desk, period: str) -> Any:
    """Return the checks of a month, all of which have to pass."""
    found = desk.client.get(f"{BOOKS}/{period}/checks").json
    assert {one["name"] for one in found["checks"]} == NAMES
    assert [one for one in found["checks"] if not one["is_passed"]] == []
    assert found["is_passed"]
    return found


def test_two_months_hold(desk: Desk) -> None:
    """Open, closed, and with what came late."""
    bought = desk.buy(1_000, "2025-03-02")
    desk.done("accruals", "2025-03-03", points=100, reason="welcome")
    desk.done("transfers", "2025-03-04", to_member="card:2", points=50)
    desk.done("redemptions", "2025-03-05", points=300)
    assert not checked(desk, "2025-03")["is_closed"]
    close(desk, "2025-03")
    first = checked(desk, "2025-03")
    assert first["is_closed"]
    desk.buy(200, "2025-03-20")
    desk.done(
        f"purchases/{bought['transaction_id']}/returns?source=till-1", "2025-04-07", amount="200", reason="broken"
    )
    desk.done("adjustments", "2025-04-08", points=-30, reason="correction")
    close(desk, "2025-04")
    checked(desk, "2025-04")
    assert checked(desk, "2025-03") == first


def test_disclosures(desk: Desk) -> None:
    """What was owed, what came, what was recognised, and of it what had been owed before."""
    desk.buy(1_000, "2025-01-10")
    desk.done("redemptions", "2025-01-20", points=380)
    close(desk, "2025-01")
    desk.buy(500, "2025-02-10")
    desk.done("redemptions", "2025-02-11", points=700)
    estimate = {"cohort": "2025-01/own/points", "redeemed_points": 1_000, "reason": "more come than expected"}
    assert desk.client.post(f"{BOOKS}/estimates", estimate).status == 201
    january = desk.client.get(f"{BOOKS}/2025-01/disclosures").json
    assert january["is_closed"]
    assert january["total"] == {
        "name": "",
        "opening_minor": 0,
        "issued_minor": 941,
        "recognised_minor": -376,
        "closing_minor": 565,
        "recognised_of_opening_minor": 0,
        "recognised_of_new_minor": 376,
    }
    found = desk.client.get(f"{BOOKS}/2025-02/disclosures").json
    # All 620 points of January are redeemed, and 80 of the 475 of February's 500 that will be: 471 x 80 / 475.
    (line,) = found["lines"]
    assert line == found["total"] | {"name": "own/points"}
    assert (line["opening_minor"], line["issued_minor"], line["recognised_minor"]) == (565, 471, -565 - 79)
    assert (line["recognised_of_opening_minor"], line["recognised_of_new_minor"]) == (565, 79)
    assert line["closing_minor"] == 471 - 79
    assert found["change_of_estimate_minor"] == 0
    both = desk.client.get(f"{BOOKS}/2025-02/disclosures?from=2025-01").json
    assert both["total"] | {"name": ""} == {
        "name": "",
        "opening_minor": 0,
        "issued_minor": 941 + 471,
        "recognised_minor": -376 - 565 - 79,
        "closing_minor": 471 - 79,
        "recognised_of_opening_minor": 0,
        "recognised_of_new_minor": 376 + 565 + 79,
    }


def test_a_change_of_estimate_is_told_apart(desk: Desk) -> None:
    """It is a part of what was recognised."""
    desk.buy(1_000, "2025-01-10")
    desk.done("redemptions", "2025-01-20", points=380)
    close(desk, "2025-01")
    estimate = {"cohort": "2025-01/own/points", "redeemed_points": 760, "reason": "fewer come than expected"}
    assert desk.client.post(f"{BOOKS}/estimates", estimate).status == 201
    found = desk.client.get(f"{BOOKS}/2025-02/disclosures").json
    # 941.06 x 380 / 760 instead of 941.06 x 380 / 950.
    assert found["change_of_estimate_minor"] == 471 - 376
    assert found["total"]["recognised_minor"] == -found["change_of_estimate_minor"]


@pytest.mark.parametrize(
    ("query", "pointer"), [("from=2025-03", "/from"), ("from=1990-01", "/from"), ("from=soon", "/from")]
)
def test_months_that_make_no_run(desk: Desk, query: str, pointer: str) -> None:
    """Refused."""
    desk.buy(10, "2025-01-10")
    close(desk, "2025-01")
    answer = desk.client.get(f"{BOOKS}/2025-02/disclosures?{query}")
    assert (answer.status, answer.slug, answer.json["pointer"]) == (422, "invalid-input", pointer)
