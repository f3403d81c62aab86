"""Quotes: what they say is what then happens, to the point, and nothing is written."""

import random
from typing import Any

import pytest

from tests.acceptance.conftest import Client
from tests.acceptance.desk import BASE, CENT, Desk, open_desk

TEN = "2026-03-02T10:00:00Z"
QUOTES = f"{BASE}/quotes"


def basket(amount: str = "100", **changes: Any) -> dict[str, Any]:
    """Return a basket of card 1, changed as told."""
    return {"source": "till-1", "member": "card:1", "occurred_at": TEN, "amount": amount, "currency": "EUR"} | changes


def quoted(desk: Desk, amount: str = "100", **changes: Any) -> Any:
    """Ask for a quote, see that nothing was written, and return it."""
    before = desk.client.event_count()
    answer = desk.client.post(QUOTES, basket(amount, **changes))
    assert answer.status == 200, answer.text
    assert desk.client.event_count() == before
    return answer.json


def ready(client: Client, points: int = 1000, **terms: Any) -> Desk:
    """Publish a program, and give its member points."""
    desk = open_desk(client, **terms)
    desk.buy(points, "2026-03-01")
    return desk


def slugs(found: list[dict[str, Any]]) -> list[str]:
    """Return the reasons."""
    return [one["type"].rsplit(":", 1)[1] for one in found]


def test_a_quote_says_what_is_earned_and_what_can_be_spent(client: Client) -> None:
    """Per point currency, with lots and their dates, every rule, and what is missing for more."""
    bonus = {"rule": 5, "kind": "bonus", "rule_id": "big", "point_currency": "points"}
    terms = {
        "point_currencies": [{"code": "points", "name": "Points", "expiry_months": 12}],
        "earn": [
            {"rule": {"var": "transaction_amount"}, "rule_id": "base", "point_currency": "points"},
            bonus | {"condition": {">": [{"var": "transaction_amount"}, 500]}},
        ],
    }
    desk = ready(client, **terms)
    found = quoted(desk, "100.50", points=400)
    earning = found["earning"]
    assert earning["points"] == {"points": 100}
    assert (earning["accruals"][0]["rule"], earning["accruals"][0]["expires_on"]) == ("base", "2027-03-02")
    assert [(one["rule"], one["status"]) for one in earning["rules"]] == [("base", "awarded"), ("big", "not_met")]
    assert "transaction_amount 100.50 is not over 500" in earning["rules"][1]["text"]
    assert earning["balances"] == {"points": 1105}
    (spending,) = found["spending"]
    assert (spending["maximum_points"], spending["value"], spending["currency"]) == (1005, "10.05", "EUR")
    (reason,) = spending["reasons"]
    assert (slugs([reason]), reason["points"], reason["missing_points"]) == (["insufficient-points"], 1006, 1)
    asked = found["asked"]
    assert (asked["is_accepted"], asked["value_minor"], asked["problem"]) == (True, 400, None)
    assert found["member_id"]


@pytest.mark.parametrize(
    ("burn", "points", "most", "reasons"),
    [
        ({}, 1000, 1000, ["insufficient-points"]),
        ({}, 0, 0, ["insufficient-points"]),
        ({"minimum_points": 200}, 150, 0, ["below-minimum", "insufficient-points"]),
        ({"step_points": 300}, 1000, 900, ["insufficient-points"]),
        ({"step_points": 300, "minimum_points": 500}, 599, 0, ["not-in-steps", "insufficient-points"]),
        ({"step_points": 300}, 299, 0, ["not-in-steps", "insufficient-points"]),
        ({"maximum_share": "0.05"}, 1000, 500, ["share-exceeded"]),
        ({"maximum_share": "0.05", "step_points": 300}, 1000, 300, ["share-exceeded"]),
        ({"maximum_share": "0.01", "step_points": 300}, 1000, 0, ["share-exceeded", "not-in-steps"]),
        ({"condition": {">": [{"var": "transaction_amount"}, 500]}}, 1000, 0, ["not-redeemable"]),
        ({"condition": {"<=": [{"var": "points_requested"}, 70]}}, 1000, 70, ["not-redeemable"]),
    ],
)
def test_the_most_that_can_be_spent(
    lone_client: Client, burn: dict[str, Any], points: int, most: int, reasons: list[str]
) -> None:
    """Is accepted when it is asked for, and one step more is refused for the reason that was told."""
    desk = ready(lone_client, points, burn=CENT | burn)
    (spending,) = quoted(desk)["spending"]
    assert (spending["maximum_points"], slugs(spending["reasons"])) == (most, reasons)
    for reason in spending["reasons"]:
        problem = desk.refused("redemptions", TEN, slugs([reason])[0], points=reason["points"], amount="100")
        assert problem["detail"] == reason["detail"]
    if most:
        booked = desk.done("redemptions", TEN, points=most, amount="100")
        assert booked["value_minor"] == spending["value_minor"]


def test_quotes_and_postings_never_differ(client: Client) -> None:
    """Over a walk of purchases and redemptions under caps, a budget, steps and shares, much of it late."""
    chance = random.Random(7)
    terms = {
        "point_currencies": [{"code": "points", "name": "Points", "expiry_months": 12}],
        "earn": [
            {
                "rule": {"var": "transaction_amount"},
                "rule_id": "base",
                "point_currency": "points",
                "caps": [{"period": "day", "points": 150}, {"period": "month", "points": 600}],
            },
            {
                "rule": {"if": [{"<": [{"var": "purchase_count"}, 3]}, 40, 0]},
                "rule_id": "welcome",
                "kind": "bonus",
                "point_currency": "points",
                "budget_points": 100,
            },
        ],
    }
    desk = open_desk(client, burn=CENT | {"step_points": 7, "maximum_share": "0.1"}, **terms)
    for turn in range(25):
        day, amount = chance.randint(1, 9), str(chance.randint(1, 120))
        at = f"2026-03-{day:02}T{chance.randint(0, 23):02}:00:00Z"
        found = quoted(desk, amount, occurred_at=at)
        most = found["spending"][0]["maximum_points"]
        body: dict[str, Any] = {"redemption_id": f"R{turn}", "transaction_id": f"T{turn}", "amount": amount}
        if most:
            desk.refused("redemptions", at, slugs(found["spending"][0]["reasons"])[0], points=most + 7, amount=amount)
            booked = desk.done("checkouts", at, member="card:1", currency="EUR", points=most, **body)["purchase"]
        else:
            booked = desk.done("purchases", at, transaction_id=f"T{turn}", amount=amount, currency="EUR")
        assert [one | {"lot": 0} for one in booked["accruals"]] == [
            one | {"lot": 0} for one in found["earning"]["accruals"]
        ]
        assert booked["points"] == sum(found["earning"]["points"].values())


def test_an_account_that_may_not_is_told(client: Client) -> None:
    """With what it may not do as a part of the answer, so that the till can say so."""
    desk = ready(client)
    desk.done("members/card:1/suspend", "2026-03-01", reason="suspected misuse", may_earn=True)
    found = quoted(desk, points=5)
    assert found["earning"]["points"] == {"points": 100}
    assert slugs(found["spending"][0]["reasons"]) == ["account-suspended"]
    assert (found["asked"]["is_accepted"], slugs([found["asked"]["problem"]])) == (False, ["account-suspended"])
    desk.done("members/card:1/resume", "2026-03-01", reason="cleared")
    desk.done("members/card:1/suspend", "2026-03-01", reason="proven misuse")
    assert slugs([quoted(desk)["earning"]["problem"]]) == ["account-suspended"]


def test_held_points_are_not_for_others(client: Client) -> None:
    """Until the hold ends, at its moment, without a worker."""
    desk = ready(client)
    desk.done("holds", TEN, points=400)
    (balance,) = quoted(desk)["balances"]
    assert (balance["available_points"], balance["held_points"], balance["balance_points"]) == (600, 400, 1000)
    assert quoted(desk)["spending"][0]["maximum_points"] == 600
    assert quoted(desk, occurred_at="2026-03-02T11:00:00Z")["spending"][0]["maximum_points"] == 1000


def test_somebody_who_is_no_member_yet(client: Client) -> None:
    """Is told what joining would bring."""
    desk = open_desk(client)
    body = basket()
    del body["member"]
    answer = client.post(QUOTES, body)
    assert (answer.status, answer.json["member_id"]) == (200, None)
    assert answer.json["earning"]["points"] == {"points": 100}
    assert answer.json["spending"][0]["maximum_points"] == 0
    by_id = client.enrol("2")["member_id"]
    assert quoted(desk, member=by_id)["member_id"] == by_id


@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({"amount": "1.001"}, "invalid-amount"),
        ({"amount": "-1"}, "invalid-amount"),
        ({"currency": "USD"}, "currency-mismatch"),
        ({"currency": "XXX"}, "unknown-currency"),
        ({"member": "card:9"}, "unknown-member"),
        ({"member": "nobody"}, "invalid-input"),
        ({"occurred_at": "2099-01-01T00:00:00Z"}, "occurred-in-future"),
        ({"occurred_at": "2016-01-01T00:00:00Z"}, "no-version-in-force"),
        ({"attributes": {"unheard": 1}}, "invalid-attributes"),
        ({"points": 0}, "invalid-input"),
        ({"lines": [{"amount": "1", "line": "a"}, {"amount": "1", "line": "a"}]}, "invalid-input"),
    ],
)
def test_a_basket_that_cannot_be_is_refused(lone_client: Client, changes: dict[str, Any], slug: str) -> None:
    """As its purchase would be."""
    open_desk(lone_client)
    assert lone_client.post(QUOTES, basket(**changes)).slug == slug
    assert lone_client.post("/v1/programs/tea/quotes", basket()).slug == "unknown-program"
