"""Two pairs of eyes over REST."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.acceptance.conftest import Answer, Client

PATH = "/v1/programs/coffee"
POLICY = {"adjustments_above": 100}


def adjustment(**changes: Any) -> dict[str, Any]:
    """Return an adjustment by 500 points."""
    return {
        "source": "desk",
        "adjustment_id": "case-1",
        "member": "card:1",
        "occurred_at": "2026-03-01T10:00:00Z",
        "points": 500,
        "reason": "goodwill",
    } | changes


@pytest.fixture
def desk(lone_client: Client) -> Client:
    """Provide a program in which one person books at most 100 points, and a member."""
    lone_client.create_program(approvals=POLICY)
    lone_client.enrol()
    return lone_client


def key(client: Client, **grant: Any) -> str:
    """Issue a key."""
    return str(client.post("/v1/access/keys", {"role": "finance"} | grant).json["key"])


def decide(client: Client, asked: Answer, verb: str, by: str, **body: Any) -> Answer:
    """Approve or reject."""
    path = f"{PATH}/approvals/{asked.json['approval_id']}/{verb}"
    return client.post(path, body if verb == "reject" else None, key=by)


def test_what_is_above_the_limit_waits_for_a_second_person(desk: Client) -> None:
    """Nothing is booked until then; then it is, as if it had been asked for just now."""
    clerk, boss = key(desk), key(desk)
    assert desk.post(f"{PATH}/adjustments", adjustment(points=100, adjustment_id="small"), key=clerk).status == 201
    asked = desk.post(f"{PATH}/adjustments", adjustment(), key=clerk)
    assert (asked.status, asked.json["status"], asked.json["kind"]) == (202, "pending", "adjustment")
    assert asked.headers["Location"] == f"{PATH}/approvals/{asked.json['approval_id']}"
    again = desk.post(f"{PATH}/adjustments", adjustment(), key=clerk)
    assert (again.status, again.json) == (202, asked.json)
    booked = decide(desk, asked, "approve", boss)
    assert (booked.status, booked.json["kind"], booked.json["points"]) == (201, "account.points_adjusted.v1", 500)
    assert booked.json["balances"]["points"] == 600
    repeated = decide(desk, asked, "approve", boss)
    assert (repeated.status, repeated.headers["Idempotency-Replayed"]) == (200, "true")
    resent = desk.post(f"{PATH}/adjustments", adjustment(), key=clerk)
    assert (resent.status, resent.json["position"]) == (200, booked.json["position"])
    after = desk.get(f"{PATH}/approvals/{asked.json['approval_id']}").json
    assert (after["status"], after["decided_by"]) == ("approved", f"key:{boss[:15]}")


def test_nobody_approves_their_own(desk: Client) -> None:
    """Not even with a key that has taken over from the one that asked."""
    clerk = key(desk)
    asked = desk.post(f"{PATH}/adjustments", adjustment(), key=clerk)
    own = decide(desk, asked, "approve", clerk)
    assert (own.status, own.slug) == (403, "second-person-needed")
    rotated = desk.post(f"/v1/access/keys/{clerk[:15]}/rotate", {}).json["key"]
    own = decide(desk, asked, "approve", rotated)
    assert (own.status, own.slug) == (403, "second-person-needed")
    assert desk.get(f"{PATH}/approvals?status=pending").json["approvals"] == [asked.json]


def test_whoever_approves_must_be_allowed_to_do_it(desk: Client) -> None:
    """A marketer decides approvals, but does not adjust points."""
    asked = desk.post(f"{PATH}/adjustments", adjustment())
    refused = decide(desk, asked, "approve", key(desk, role="marketer"))
    assert (refused.status, refused.slug, refused.json["action"]) == (403, "forbidden", "points:adjust")
    refused = decide(desk, asked, "approve", key(desk, role="pos"))
    assert refused.json["action"] == "approvals:decide"


def test_a_request_is_rejected_or_taken_back_once(desk: Client) -> None:
    """Nothing is booked then, nor later."""
    clerk, boss = key(desk, actions=["points:adjust", "approvals:read"]), key(desk)
    asked = desk.post(f"{PATH}/adjustments", adjustment(), key=clerk)
    rejected = decide(desk, asked, "reject", boss, reason="no such case")
    assert (rejected.status, rejected.json["status"], rejected.json["reason"]) == (200, "rejected", "no such case")
    late = decide(desk, asked, "approve", boss)
    assert (late.status, late.slug, late.json["approval_status"]) == (409, "approval-decided", "rejected")
    other = desk.post(f"{PATH}/adjustments", adjustment(adjustment_id="case-2"), key=clerk)
    assert decide(desk, other, "reject", clerk).json["status"] == "rejected"
    third = desk.post(f"{PATH}/adjustments", adjustment(adjustment_id="case-3"), key=boss)
    assert decide(desk, third, "reject", clerk).status == 403
    statuses = [one["status"] for one in desk.get(f"{PATH}/approvals").json["approvals"]]
    assert statuses == ["pending", "rejected", "rejected"]


def test_what_the_ledger_refuses_stays_open(desk: Client) -> None:
    """Taking points that are not there books nothing, and records no agreement."""
    boss = key(desk)
    asked = desk.post(f"{PATH}/adjustments", adjustment(points=-500))
    refused = decide(desk, asked, "approve", boss)
    assert (refused.status, refused.slug) == (409, "insufficient-points")
    assert desk.get(f"{PATH}/approvals").json["approvals"][0]["status"] == "pending"
    desk.post(f"{PATH}/adjustments", adjustment(points=100, adjustment_id="a"))
    for one in range(5):
        desk.post(f"{PATH}/adjustments", adjustment(points=100, adjustment_id=f"more-{one}"))
    assert decide(desk, asked, "approve", boss).status == 201


def test_accruals_and_reinstatements_wait_too(desk: Client) -> None:
    """Whatever gives points by hand; an accrual with another body under the same id is refused."""
    accrual = {
        "source": "desk",
        "accrual_id": "gift",
        "member": "card:1",
        "occurred_at": "2026-03-01T10:00:00Z",
        "points": 101,
        "reason": "gift",
    }
    asked = desk.post(f"{PATH}/accruals", accrual)
    assert (asked.status, asked.json["kind"]) == (202, "accrual")
    other = desk.post(f"{PATH}/accruals", accrual | {"points": 102})
    assert (other.status, other.slug) == (422, "key-reused")
    assert decide(desk, asked, "approve", key(desk)).status == 201
    reinstatement = {key: value for key, value in accrual.items() if key != "accrual_id"} | {"reinstatement_id": "r"}
    assert desk.post(f"{PATH}/reinstatements", reinstatement).status == 202


def test_a_request_names_the_member_by_id(desk: Client) -> None:
    """A card in an event would stay for ever."""
    member_id = desk.enrol("4711-0815")["member_id"]
    asked = desk.post(f"{PATH}/adjustments", adjustment(member="card:4711-0815"))
    assert asked.json["request"]["member"] == member_id
    with desk.database.connect() as connection:
        states = connection.execute("SELECT convert_from(state, 'UTF8') FROM ledger.events").fetchall()
    assert not any("4711-0815" in state for (state,) in states)


def test_requests_are_of_one_program(desk: Client) -> None:
    """Those of another are neither listed nor found."""
    desk.create_program("tea", approvals=POLICY)
    asked = desk.post(f"{PATH}/adjustments", adjustment())
    assert desk.get("/v1/programs/tea/approvals").json["approvals"] == []
    hidden = desk.get(f"/v1/programs/tea/approvals/{asked.json['approval_id']}")
    assert (hidden.status, hidden.slug) == (404, "unknown-approval")
    wrong = desk.get(f"{PATH}/approvals?status=open")
    assert (wrong.status, wrong.json["pointer"]) == (422, "/status")


def test_requests_stay_open_as_long_as_the_program_says(lone_client: Client) -> None:
    """Counted from the moment of asking."""
    lone_client.create_program(approvals=POLICY | {"expires_hours": 5})
    lone_client.enrol()
    asked = lone_client.post(f"{PATH}/adjustments", adjustment()).json
    lasts = datetime.fromisoformat(asked["expires_at"]) - datetime.fromisoformat(asked["requested_at"])
    assert lasts == timedelta(hours=5)


def test_a_publication_waits_for_a_second_person(lone_client: Client) -> None:
    """Who looks at the request sees what the draft changes; then it is published as it was."""
    lone_client.create_program(approvals={"publishing": True})
    author, boss = key(lone_client, role="marketer"), key(lone_client, role="marketer")
    terms = lone_client.get(PATH).json["versions"][0]["terms"] | {"approvals": {}}
    assert lone_client.call("PUT", f"{PATH}/draft", terms, key=author).status in {200, 201}
    asked = lone_client.post(f"{PATH}/publish", {}, key=author)
    assert (asked.status, asked.json["kind"], asked.json["status"]) == (202, "publication", "pending"), asked.text
    assert lone_client.post(f"{PATH}/publish", {}, key=author).json == asked.json
    seen = lone_client.get(asked.headers["Location"]).json["differences"]
    assert [one["path"] for one in seen] == ["/approvals"]
    assert decide(lone_client, asked, "approve", author).slug == "second-person-needed"
    published = decide(lone_client, asked, "approve", boss)
    assert (published.status, published.json["version"]) == (201, 2), published.text
    assert decide(lone_client, asked, "approve", boss).json["replayed"] is True
    assert len(lone_client.get(PATH).json["versions"]) == 2


def test_a_draft_that_changed_meanwhile_is_not_published(lone_client: Client) -> None:
    """What was looked at is what is agreed to."""
    lone_client.create_program(approvals={"publishing": True})
    terms = lone_client.get(PATH).json["versions"][0]["terms"]
    lone_client.call("PUT", f"{PATH}/draft", terms | {"warnings": {"expiry_days": 5}})
    asked = lone_client.post(f"{PATH}/publish", {})
    lone_client.call("PUT", f"{PATH}/draft", terms | {"warnings": {"expiry_days": 6}})
    assert lone_client.get(asked.headers["Location"]).json["differences"] == []
    refused = decide(lone_client, asked, "approve", key(lone_client, role="marketer"))
    assert (refused.status, refused.slug) == (412, "stale-version")
    assert len(lone_client.get(PATH).json["versions"]) == 1
