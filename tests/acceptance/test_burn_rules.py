"""What points are worth, and how many may be spent at once."""

from typing import Any

import pytest

from tests.acceptance.conftest import Client, purchase

WORTH = {"/": [{"var": "points_requested"}, 100]}
CURRENCIES = [{"code": "points", "name": "Points"}, {"code": "miles", "name": "Miles", "scale": 1}]


def burn(worth: Any = WORTH, **more: Any) -> dict[str, Any]:
    """Return a burn rule."""
    return {"rule": worth, "point_currency": "points"} | more


def create(client: Client, rules: Any) -> None:
    """Publish a program with these burn rules, and give its member 1,000 points and 100.0 miles."""
    earn = [
        {"rule": 1000, "point_currency": "points"},
        {"rule": 100, "point_currency": "miles", "rule_id": "miles"},
    ]
    client.create_program(earn=earn, burn=rules, point_currencies=CURRENCIES)
    client.enrol("1")
    assert client.post("/v1/programs/coffee/purchases", purchase()).status == 201


def redeem(client: Client, points: int = 500, **more: Any) -> Any:
    """Ask for a redemption."""
    body = {
        "source": "till-1",
        "redemption_id": f"R{points}",
        "member": "card:1",
        "occurred_at": "2026-03-02T10:00:00Z",
        "points": points,
    }
    return client.post("/v1/programs/coffee/redemptions", body | more)


def test_the_first_rule_whose_condition_holds_says_the_worth(client: Client) -> None:
    """Of the point currency that was asked for; without one, of the first rule's."""
    rules = [
        burn(
            {"/": [{"var": "points_requested"}, 50]},
            rule_id="many",
            condition={">=": [{"var": "points_requested"}, 500]},
        ),
        burn(rule_id="few"),
        burn({"*": [{"var": "points_requested"}, 0.02]}, rule_id="miles", point_currency="miles"),
    ]
    create(client, rules)
    assert redeem(client, 500).json["value"] == "10.00"
    assert redeem(client, 100).json["value"] == "1.00"
    answer = redeem(client, 55, point_currency="miles")
    assert (answer.json["value"], answer.json["balances"]) == ("0.11", {"points": 400, "miles": 945})


@pytest.mark.parametrize(
    ("rule", "asked", "refusal", "members"),
    [
        (burn(minimum_points=200), {"points": 199}, (409, "below-minimum"), {"minimum_points": 200}),
        (burn(step_points=200), {"points": 300}, (409, "not-in-steps"), {"step_points": 200}),
        (burn(maximum_share="0.5"), {"points": 500}, (422, "amount-required"), {}),
        (
            burn(maximum_share="0.5"),
            {"points": 500, "amount": "9.99"},
            (409, "share-exceeded"),
            {"maximum_value_minor": 499, "requested_value_minor": 500},
        ),
        (burn(maximum_share="0.5"), {"points": 500, "amount": "-1"}, (422, "invalid-input"), {"pointer": "/amount"}),
        (burn(maximum_share="0.5"), {"points": 500, "amount": "NaN"}, (422, "invalid-input"), {"pointer": "/amount"}),
        (
            burn(maximum_share="0.5"),
            {"points": 500, "amount": "9.999"},
            (422, "invalid-amount"),
            {"pointer": "/amount"},
        ),
        (burn(condition={">": [{"var": "purchase_count"}, 1]}), {"points": 500}, (409, "not-redeemable"), {}),
        (burn(condition={">": [{"var": "transaction_amount"}, 1]}), {"points": 500}, (409, "not-redeemable"), {}),
    ],
)
def test_what_a_burn_rule_does_not_allow_is_refused(
    client: Client, rule: Any, asked: dict[str, Any], refusal: tuple[int, str], members: dict[str, Any]
) -> None:
    """With what it does allow, and nothing written."""
    create(client, rule)
    before = client.event_count()
    answer = redeem(client, **asked)
    assert (answer.status, answer.slug) == refusal, answer.text
    assert members == {name: answer.json[name] for name in members}
    assert client.event_count() == before


def test_what_a_burn_rule_allows_is_redeemed(client: Client) -> None:
    """Exactly the minimum, exactly a step, exactly the share."""
    create(client, burn(minimum_points=200, step_points=100, maximum_share="0.5"))
    assert redeem(client, 200, amount="4.00").json["value"] == "2.00"
    assert redeem(client, 300, amount="100").status == 201


@pytest.mark.parametrize("share", ["0", "1.01", "-0.5", "NaN"])
def test_a_share_is_a_part(lone_client: Client, share: str) -> None:
    """More than nothing, and not more than all."""
    terms = {"point_currencies": CURRENCIES, "earn": {"rule": 1, "point_currency": "points"}}
    body = {"program_id": "tea", "name": "Tea", "currency": "EUR", "terms": terms | {"burn": burn(maximum_share=share)}}
    answer = lone_client.post("/v1/programs", body)
    assert (answer.slug, answer.json["pointer"]) == ("invalid-input", "/terms/burn/maximum_share")
