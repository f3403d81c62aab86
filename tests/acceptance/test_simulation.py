"""Pricing without booking, and explaining what was booked."""

from typing import Any

import pytest

from tests.acceptance.conftest import GUIDE_EARN, Client, purchase

DOUBLED = {
    "point_currencies": [{"code": "points", "name": "Points"}],
    "earn": {"rule": {"*": [{"var": "transaction_amount"}, 0.2]}, "point_currency": "points"},
}


def simulated(amount: str = "249.90", **changes: Any) -> dict[str, Any]:
    """Return a purchase that nobody made."""
    return {"occurred_at": "2026-05-01T10:00:00Z", "amount": amount, "currency": "EUR"} | changes


def test_a_sequence_is_priced_with_what_came_before(client: Client) -> None:
    """Balances go on from purchase to purchase, and nothing is written."""
    client.create_program()
    before = client.event_count()
    answer = client.post(
        "/v1/programs/coffee/simulate", {"purchases": [simulated(), simulated("80"), simulated("100.01")]}
    )
    assert answer.status == 200
    results = [one["priced"] for one in answer.json["results"]]
    assert [(one["points"], one["balances"]) for one in results] == [
        (24, {"points": 24}),
        (0, {"points": 24}),
        (10, {"points": 34}),
    ]
    assert results[1]["text"] == "No points: transaction_amount 80 is not over 100."
    assert results[1]["rules"][0]["calculation"]["skipped"] == ["/if/1/*"]
    assert client.event_count() == before


def test_a_draft_is_tried_before_it_is_published(client: Client) -> None:
    """The draft, a version by its number, or what is in force."""
    client.create_program()
    draft = client.call("PUT", "/v1/programs/coffee/draft", DOUBLED)
    assert draft.status == 200
    points = {}
    for version in ("draft", 1, None):
        body = {"purchases": [simulated()]} | ({} if version is None else {"version": version})
        (result,) = client.post("/v1/programs/coffee/simulate", body).json["results"]
        points[version] = (result["priced"]["program_version"], result["priced"]["points"])
    assert points == {"draft": (2, 49), 1: (1, 24), None: (1, 24)}


def test_a_purchase_that_would_be_refused_is_told_so(client: Client) -> None:
    """With the problem a posted one would get; the others are priced."""
    client.create_program()
    body = {"purchases": [simulated("-1"), simulated(currency="CHF"), simulated("1.005"), simulated()]}
    results = client.post("/v1/programs/coffee/simulate", body).json["results"]
    assert [one.get("problem", {}).get("type", "").rsplit(":", 1)[-1] for one in results] == [
        "invalid-amount",
        "currency-mismatch",
        "invalid-amount",
        "",
    ]
    assert results[3]["priced"]["balances"] == {"points": 24}


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        ({"purchases": [simulated()], "version": 7}, 404, "unknown-version"),
        ({"purchases": [simulated()], "version": "draft"}, 409, "nothing-to-publish"),
        ({"purchases": [simulated()], "version": "latest"}, 422, "invalid-input"),
        ({"purchases": []}, 422, "invalid-input"),
        ({"purchases": [simulated()] * 101}, 422, "invalid-input"),
        ({"purchases": [simulated(member="card:1")]}, 422, "invalid-input"),
        ({"purchases": [simulated()], "member": "card:1"}, 404, "unknown-member"),
    ],
)
def test_bad_simulations_are_refused(client: Client, body: dict[str, Any], status: int, slug: str) -> None:
    """Precisely, and with nothing written."""
    client.create_program()
    answer = client.post("/v1/programs/coffee/simulate", body)
    assert (answer.status, answer.slug) == (status, slug)


def test_unknown_program(client: Client) -> None:
    """As everywhere."""
    assert client.post("/v1/programs/none/simulate", {"purchases": [simulated()]}).slug == "unknown-program"


def test_a_booked_purchase_is_explained_by_the_rule_of_its_day(client: Client) -> None:
    """Also after the rule has changed."""
    client.create_program()
    client.enrol()
    posted = client.post("/v1/programs/coffee/purchases", purchase(amount="249.90"))
    assert posted.status == 201
    client.call("PUT", "/v1/programs/coffee/draft", DOUBLED)
    assert client.post("/v1/programs/coffee/publish", {}).status == 201
    source, transaction_id = posted.json["source"], posted.json["transaction_id"]
    answer = client.get(f"/v1/programs/coffee/purchases/{transaction_id}/explanation?source={source}")
    assert answer.status == 200
    assert answer.json["points"] == posted.json["points"] == 24
    assert answer.json["program_version"] == 1
    assert answer.json["text"].startswith("24 points: transaction_amount 249.90 is over 100, so 249.90 ")
    assert client.get("/v1/programs/coffee").json["versions"][0]["terms"]["earn"]["rule"] == GUIDE_EARN


def test_a_purchase_that_is_not_booked_has_no_explanation(client: Client) -> None:
    """Whether the source or the transaction is wrong, or missing."""
    client.create_program()
    path = "/v1/programs/coffee/purchases/T-404/explanation"
    assert client.get(f"{path}?source=till").slug == "unknown-purchase"
    assert client.get(path).slug == "invalid-input"
