"""Proposed estimates of breakage: made from the ledger, agreed to by two, applied to every cohort at once."""

import json
from hashlib import sha256
from typing import Any

import pytest

from tests.acceptance.conftest import Answer, Client
from tests.acceptance.desk import BASE, Desk, open_desk

BOOKS = f"{BASE}/books"
PROPOSALS = f"{BOOKS}/proposals"
SETTINGS = {
    "point_currency": "points",
    "effective_on": "2025-01-01",
    "currency": "EUR",
    "point_value_minor": "1",
    "redemption_rate": "0.95",
    "funders": [{"funding": "bakery", "redemption_minor": "0.8"}],
}
SPENT = (80, 120, 60, 40)
"""Points that a member spends in the first month, and in each after it; the own ones, which are older, first."""
ASKED = {"point_currency": "points", "tail": "none"}


@pytest.fixture
def desk(client: Client) -> Desk:
    """Provide the nine months."""
    return nine_months(client)


def nine_months(client: Client) -> Desk:
    """Live nine months, each with a new member who earns 200 own points and 200 of a bakery, and spends some."""
    desk = open_desk(client, *map(str, range(1, 10)))
    assert client.post(f"{BOOKS}/settings", SETTINGS).status == 201
    for month in range(1, 10):
        desk.buy(200, f"2025-{month:02}-05", member=f"card:{month}")
        desk.done(
            "accruals", f"2025-{month:02}-06", points=200, reason="welcome", funding="bakery", member=f"card:{month}"
        )
        for age, points in enumerate(SPENT):
            if month - age >= 1 and month < 9:
                card = f"card:{month - age}"
                desk.done("redemptions", f"2025-{month:02}-20", points=points, member=card)
    desk.catch_up()
    return desk


def propose(desk: Desk, **changes: Any) -> Any:
    """Have a proposal made."""
    desk.catch_up()
    answer = desk.client.post(PROPOSALS, ASKED | changes)
    assert answer.status == 201, answer.text
    return answer.json


def close(desk: Desk, *months: int) -> None:
    """Close months of 2025."""
    for month in months:
        answer = desk.client.post(f"{BOOKS}/2025-{month:02}/close", None)
        assert answer.status == 201, answer.text


def finance(desk: Desk) -> str:
    """Issue a key of finance."""
    return str(desk.client.post("/v1/access/keys", {"role": "finance"}).json["key"])


def ask(desk: Desk, proposal: Any, key: str) -> Answer:
    """Ask to apply a proposal."""
    return desk.client.post(f"{PROPOSALS}/{proposal['proposal_id']}/apply", None, key=key)


def agree(desk: Desk, asked: Answer, key: str, verb: str = "approve") -> Answer:
    """Decide a request for approval."""
    path = f"{BASE}/approvals/{asked.json['approval_id']}/{verb}"
    return desk.client.post(path, {} if verb == "reject" else None, key=key)


def test_a_proposal_is_kept_to_the_byte(desk: Desk) -> None:
    """Its cohorts are those of the books; made again it is the same one; the document has the hash that is told."""
    made = propose(desk)
    assert made["application"] is None
    assert {one["cohort"] for one in made["document"]["cohorts"]} == {
        f"2025-{month:02}/{funding}/points" for month in range(1, 9) for funding in ("bakery", "own")
    }
    assert made["through"] == "2025-08"
    assert propose(desk) == made
    document = desk.client.get(f"{PROPOSALS}/{made['proposal_id']}/document")
    assert sha256(document.text.encode()).hexdigest() == made["sha256"]
    assert json.loads(document.text) == made["document"]
    other = propose(desk, through="2025-07")
    first = desk.client.get(f"{PROPOSALS}?limit=1").json
    assert [one["through"] for one in first["proposals"]] == ["2025-07"]
    second = desk.client.get(f"{PROPOSALS}?limit=1&cursor={first['next_cursor']}").json
    assert [one["proposal_id"] for one in second["proposals"]] == [made["proposal_id"]]
    assert desk.client.get(f"{PROPOSALS}/{other['proposal_id']}").json == other
    assert "estimates" in desk.client.get(BOOKS).json
    assert desk.client.get(BOOKS).json["estimates"] == {}


def test_two_people_apply_it_to_every_cohort_at_once(desk: Desk) -> None:
    """In one append, with the hash of the document; asked or agreed to again, the answer is the same."""
    close(desk, *range(1, 8))
    made, clerk, boss = propose(desk), finance(desk), finance(desk)
    asked = ask(desk, made, clerk)
    assert (asked.status, asked.json["kind"], asked.json["status"]) == (202, "estimates", "pending"), asked.text
    assert asked.json["request"]["sha256"] == made["sha256"]
    assert desk.client.get(BOOKS).json["estimates"] == {}
    own = agree(desk, asked, clerk)
    assert (own.status, own.slug) == (403, "second-person-needed")
    before = desk.client.event_count()
    agreed = agree(desk, asked, boss)
    assert (agreed.status, agreed.json["cohort_count"], agreed.json["sha256"]) == (201, 16, made["sha256"]), agreed.text
    # One event per cohort, and who agreed.
    assert desk.client.event_count() == before + 17
    wanted = {one["cohort"]: one["ultimate_points"] for one in made["document"]["cohorts"]}
    assert desk.client.get(BOOKS).json["estimates"] == wanted
    applied = desk.client.get(f"{PROPOSALS}/{made['proposal_id']}").json["application"]
    assert (applied["by"], applied["approved_by"], applied["cohort_count"]) == (
        asked.json["requested_by"],
        applied["approved_by"],
        16,
    )
    assert applied["by"] != applied["approved_by"]
    again = agree(desk, asked, boss)
    assert (again.status, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert again.json["position"] == agreed.json["position"]
    asked_again = ask(desk, made, boss)
    assert (asked_again.json["approval_id"], asked_again.json["status"]) == (asked.json["approval_id"], "approved")
    close(desk, 8, 9)
    assert agree(desk, asked, boss).status == 200
    assert desk.client.event_count() > before + 17
    owed = {one["cohort"]: one for one in desk.client.get(f"{BOOKS}/2025-08/liability").json["cohorts"]}
    for one in made["document"]["cohorts"]:
        left = one["ultimate_points"] - one["redeemed_points"]
        assert owed[one["cohort"]]["expected_points"] == min(left, owed[one["cohort"]]["open_points"])


def test_what_was_refused_can_be_asked_for_again(desk: Desk) -> None:
    """As another request."""
    made, clerk, boss = propose(desk), finance(desk), finance(desk)
    first = ask(desk, made, clerk)
    assert ask(desk, made, clerk).json["approval_id"] == first.json["approval_id"]
    assert agree(desk, first, boss, "reject").status == 200
    second = ask(desk, made, clerk)
    assert (second.status, second.json["status"]) == (202, "pending")
    assert second.json["approval_id"] != first.json["approval_id"]
    assert agree(desk, second, boss).status == 201


def test_a_stale_proposal_is_refused(desk: Desk) -> None:
    """Where more was redeemed than it expects, and where the books are closed beyond it, also when agreeing."""
    clerk, boss = finance(desk), finance(desk)
    asked = ask(desk, propose(desk), clerk)
    assert asked.status == 202, asked.text
    desk.done("redemptions", "2025-10-01", points=100)
    desk.catch_up()
    for refused in (agree(desk, asked, boss), ask(desk, propose(desk, through="2025-07"), clerk)):
        assert (refused.status, refused.slug) == (409, "stale-proposal"), refused.text
        worst = refused.json["cohorts"][0]
        assert worst["redeemed_points"] > worst["estimated_points"]
    close(desk, *range(1, 10))
    refused = agree(desk, asked, boss)
    assert (refused.slug, refused.json["closed_period"], refused.json["through"]) == (
        "stale-proposal",
        "2025-09",
        "2025-08",
    )
    assert desk.client.get(BOOKS).json["estimates"] == {}


def test_what_cannot_be_proposed_is_told(lone_client: Client) -> None:
    """Too little history, points that were never issued, months that are none, and books that are not set up."""
    desk = open_desk(lone_client, "1")
    desk.buy(100, "2025-01-05")
    desk.catch_up()
    for changes, status, slug in (
        ({}, 422, "invalid-input"),
        ({"point_currency": "stars"}, 422, "invalid-input"),
        ({"through": "2025-13"}, 422, "invalid-input"),
        ({"through": "2025-03"}, 409, "too-little-history"),
    ):
        answer = lone_client.post(PROPOSALS, ASKED | changes)
        assert (answer.status, answer.slug) == (status, slug), answer.text
    for name in ("nobody", "3f0c6a4e-6b1f-5d5e-9d7e-2f0c8a4b6e11"):
        answer = lone_client.get(f"{PROPOSALS}/{name}")
        assert (answer.status, answer.slug) == (404, "unknown-proposal")
    for month in range(1, 9):
        desk.buy(100, f"2025-{month:02}-05")
        desk.done("redemptions", f"2025-{month:02}-20", points=50)
    answer = ask(desk, propose(desk), finance(desk))
    assert (answer.status, answer.slug) == (409, "books-not-set-up")
    till = str(lone_client.post("/v1/access/keys", {"role": "analyst"}).json["key"])
    assert lone_client.call("GET", PROPOSALS, key=till).status == 200
    assert lone_client.post(PROPOSALS, ASKED, key=till).slug == "forbidden"
