"""Programs with several earn rules, limits and declared attributes, as a marketer and a till use them."""

from typing import Any

import pytest

from tests.acceptance.conftest import Client, purchase

AMOUNT = {"var": "transaction_amount"}
POINTS = [{"code": "points", "name": "Points"}]


def rule(points: Any, rule_id: str = "earn", **more: Any) -> dict[str, Any]:
    """Return an earn rule."""
    return {"rule": points, "point_currency": "points", "rule_id": rule_id} | more


def create(client: Client, *earn: dict[str, Any], **terms: Any) -> None:
    """Publish a program with these earn rules, and enrol two members."""
    client.create_program(earn=list(earn), **terms)
    client.enrol("1")
    client.enrol("2")


def post(client: Client, number: int, **changes: Any) -> Any:
    """Post a purchase and return its answer."""
    answer = client.post("/v1/programs/coffee/purchases", purchase(transaction_id=f"T{number}", **changes))
    assert answer.status == 201, answer.text
    return answer.json


def explain(client: Client, number: int) -> Any:
    """Return the explanation of a purchase that was posted."""
    answer = client.get(f"/v1/programs/coffee/purchases/T{number}/explanation?source=till-1")
    assert answer.status == 200, answer.text
    return answer.json


def test_what_was_sent_is_what_is_read_back(client: Client) -> None:
    """Rules as JSON, fields that were left out left out."""
    earn = [
        rule({"*": [AMOUNT, 2]}, "double", condition={"==": [{"var": "tender"}, "card"]}, group="offers"),
        rule({"var": "line_amount"}, "bread", per="line", kind="bonus", budget_points=1000),
    ]
    attributes = [{"name": "tender", "type": "str", "enum": ["cash", "card"]}]
    create(client, *earn, attributes=attributes)
    terms = client.get("/v1/programs/coffee").json["versions"][0]["terms"]
    assert terms["attributes"] == attributes
    assert terms["earn"] == earn


def test_a_purchase_is_explained_rule_by_rule(client: Client) -> None:
    """Which gave what, which did not and why; the sentences can be read out."""
    create(
        client,
        rule({"*": [AMOUNT, 0.1]}, "tenth", caps=[{"period": "day", "points": 30}]),
        rule(5, "weekend", condition={">=": [{"var": "weekday"}, 6]}),
        rule({"*": [{"var": "base_points"}, 2]}, "triple", kind="bonus", group="offer"),
        rule(1, "one", kind="bonus", group="offer"),
        rule(7, "spring", valid_from="2026-04-01", kind="bonus"),
        rule({"var": "line_amount"}, "bread", per="line", condition={"==": [{"var": "line_category"}, "bread"]}),
    )
    lines = [{"amount": "3.40", "category": "bread"}, {"amount": "9.90", "category": "fuel"}]
    # A Sunday: 24 + 5 + 3 base points, and twice as many on top.
    assert post(client, 1, lines=lines)["points"] == 32 + 64
    assert post(client, 2, occurred_at="2026-03-01T11:00:00Z")["points"] == 11 + 22
    told = explain(client, 1)
    assert {one["rule"]: (one["status"], one["points"]) for one in told["rules"]} == {
        "tenth": ("awarded", 24),
        "weekend": ("awarded", 5),
        "bread": ("awarded", 3),
        "triple": ("awarded", 64),
        "one": ("outbid", 0),
        "spring": ("not_valid", 0),
    }
    bread = told["rules"][2]
    assert [(one["line"], one["is_met"], one["result"]) for one in bread["lines"]] == [
        ("1", True, "3.40"),
        ("2", False, None),
    ]
    tenth, weekend, *_ = explain(client, 2)["rules"]
    assert tenth["cuts"] == [{"limit": "day", "limit_points": 30, "used_points": 24, "from_points": 24, "to_points": 6}]
    assert tenth["text"] == (
        "24 points from 'tenth': 249.90 \N{MULTIPLICATION SIGN} 0.1 = 24.99, rounded down to 24; "
        "of at most 30 a day, 24 were given before, which leaves 6."
    )
    assert weekend["text"] == "5 points from 'weekend': weekday 7 is at least 6 and 5."
    assert told["rules"][5]["text"] == "No points from 'spring': it applies from 2026-04-01."
    assert told["rules"][4]["text"] == "No points from 'one': 'triple' gives them, and only one of the two does."


def test_a_budget_is_never_overdrawn(client: Client) -> None:
    """Also where many purchases of several members arrive in one batch."""
    create(client, rule({"*": [AMOUNT, 0.1]}, budget_points=100))
    items = [purchase(transaction_id=f"B{number}", member=f"card:{number % 2 + 1}") for number in range(8)]
    answer = client.post("/v1/programs/coffee/purchases/batch", items)
    assert answer.status == 200, answer.text
    points = [one["purchase"]["points"] for one in answer.json["results"]]
    assert points == [24, 24, 24, 24, 4, 0, 0, 0]
    again = client.post("/v1/programs/coffee/purchases/batch", items).json
    assert again["replayed_count"] == 8
    assert post(client, 1)["points"] == 0
    assert explain(client, 1)["text"] == "No points: the promotion's budget of 100 leaves nothing."


def test_an_atomic_batch_that_is_refused_draws_on_no_budget(client: Client) -> None:
    """What it would have drawn is there for the next."""
    create(client, rule({"*": [AMOUNT, 0.1]}, budget_points=30))
    items = [purchase(transaction_id="A1"), purchase(transaction_id="A2", member="card:nobody")]
    answer = client.post("/v1/programs/coffee/purchases/batch?atomic=true", items)
    assert answer.json["refused_count"] == 2
    assert [post(client, number)["points"] for number in (1, 2)] == [24, 6]


def test_a_simulation_carries_caps_budgets_and_the_account_forward(client: Client) -> None:
    """It starts from a member's account and writes nothing."""
    create(
        client,
        rule({"*": [AMOUNT, 0.1]}, caps=[{"period": "month", "points": 50}]),
        rule(10, "promotion", budget_points=25),
        rule(100, "third", condition={"==": [{"var": "purchase_count"}, 2]}),
    )
    post(client, 1)
    before = client.event_count()
    one = {"occurred_at": "2026-03-02T10:00:00Z", "amount": "249.90", "currency": "EUR"}

    def simulated(**more: Any) -> list[int]:
        answer = client.post("/v1/programs/coffee/simulate", {"purchases": [one, one, one]} | more)
        assert answer.status == 200, answer.text
        return [result["priced"]["points"] for result in answer.json["results"]]

    assert simulated() == [24 + 10, 24 + 5, 2 + 100]
    assert simulated(member="card:1") == [24 + 10, 2 + 5 + 100, 0]
    assert client.event_count() == before


def test_a_purchase_carries_what_the_program_declares_and_nothing_else(client: Client) -> None:
    """Otherwise a misspelled attribute would silently change what is earned."""
    nights = {"name": "nights", "type": "int", "unit": "count", "required": True}
    create(client, rule({"*": [{"var": "nights"}, 100]}), attributes=[nights])
    assert post(client, 1, attributes={"nights": 3})["points"] == 300
    for attributes, pointer in (({}, "/attributes/nights"), ({"nigths": 3, "nights": 3}, "/attributes/nigths")):
        answer = client.post("/v1/programs/coffee/purchases", purchase(transaction_id="T2", attributes=attributes))
        assert (answer.status, answer.slug, answer.json["pointer"]) == (422, "invalid-attributes", pointer)
    assert explain(client, 1)["rules"][0]["calculation"]["facts"] == {"nights": "3"}


def test_the_same_purchase_with_another_basket_is_another_purchase(client: Client) -> None:
    """Lines and attributes are part of what was asked; their order of names is not."""
    both = [{"name": name, "type": "str"} for name in ("a", "b")]
    create(client, rule(1), attributes=both)
    first = purchase(lines=[{"amount": "5"}], attributes={"a": "x", "b": "y"})
    assert client.post("/v1/programs/coffee/purchases", first).status == 201
    again = first | {"attributes": {"b": "y", "a": "x"}, "lines": [{"amount": "5.00", "line": "1"}]}
    assert client.post("/v1/programs/coffee/purchases", again).status == 200
    other = first | {"lines": [{"amount": "6"}]}
    assert client.post("/v1/programs/coffee/purchases", other).slug == "key-reused"


@pytest.mark.parametrize(
    ("lines", "slug", "pointer"),
    [
        ([{"amount": "1", "line": "a"}, {"amount": "1", "line": "a"}], "invalid-input", "/lines/1/line"),
        ([{"amount": "1", "line": "2"}, {"amount": "1"}], "invalid-input", "/lines/1/line"),
        ([{"amount": "-1"}], "invalid-amount", "/amount"),
        ([{"amount": "1", "quantity": "-1"}], "invalid-input", "/lines/0/quantity"),
        ([{"amount": "1", "quantity": "Infinity"}], "invalid-input", "/lines/0/quantity"),
        ([{"amount": "1", "sku": "a\u0000"}], "invalid-input", "/lines/0"),
        ([{"amount": "1"}] * 501, "invalid-input", "/lines"),
    ],
)
def test_baskets_that_cannot_be_are_refused(client: Client, lines: list[Any], slug: str, pointer: str) -> None:
    """Precisely, and with nothing written."""
    create(client, rule(1))
    before = client.event_count()
    answer = client.post("/v1/programs/coffee/purchases", purchase(lines=lines))
    assert (answer.status, answer.slug, answer.json["pointer"]) == (422, slug, pointer)
    assert client.event_count() == before


@pytest.mark.parametrize(
    ("terms", "slug", "pointer"),
    [
        ({"earn": [rule(1), rule(2)]}, "invalid-input", "/terms/earn/1/rule_id"),
        ({"earn": [rule(1, point_currency="miles")]}, "invalid-input", "/terms/earn/0/point_currency"),
        ({"earn": rule(1, rounding_scale=1)}, "invalid-input", "/terms/earn/rounding_scale"),
        (
            {"earn": rule(1, valid_from="2026-01-02", valid_until="2026-01-02")},
            "invalid-input",
            "/terms/earn/valid_until",
        ),
        ({"earn": rule(1, caps=[{"period": "day", "points": 1}] * 2)}, "invalid-input", "/terms/earn/caps/1/period"),
        ({"earn": rule(1, expiry={"type": "after"})}, "invalid-input", "/terms/earn/expiry"),
        (
            {"earn": [rule(1, "a", group="g"), rule(1, "b", group="g", kind="bonus")]},
            "invalid-input",
            "/terms/earn",
        ),
        (
            {"point_currencies": [POINTS[0] | {"expiry_months": 1, "expiry": {"type": "never"}}]},
            "invalid-input",
            "/terms/point_currencies/0/expiry_months",
        ),
        ({"attributes": [{"name": "a", "type": "int", "enum": ["x"]}]}, "invalid-input", "/terms/attributes/0/enum"),
        ({"attributes": [{"name": "a", "type": "str", "null_as": 0}]}, "invalid-input", "/terms/attributes/0/null_as"),
        ({"attributes": [{"name": "a", "type": "str", "unit": "points"}]}, "invalid-input", "/terms/attributes/0/unit"),
        ({"attributes": [{"name": "a", "type": "str"}] * 2}, "invalid-input", "/terms/attributes/1/name"),
        (
            {"earn": [rule(1, "a"), rule(1, "b", condition={"var": "transaction_amount"})]},
            "invalid-rule",
            "/terms/earn/1/condition",
        ),
        ({"earn": rule({"var": "base_points"})}, "invalid-rule", "/terms/earn/rule/var"),
        ({"earn": rule({"var": "line_amount"})}, "invalid-rule", "/terms/earn/rule/var"),
        (
            {
                "earn": rule({"+": [AMOUNT, {"var": "tax"}]}),
                "attributes": [{"name": "tax", "type": "decimal", "unit": "money:USD", "null_as": 0}],
            },
            "invalid-rule",
            "/terms/earn/rule/+",
        ),
    ],
)
def test_terms_that_contradict_themselves_are_refused(
    lone_client: Client, terms: dict[str, Any], slug: str, pointer: str
) -> None:
    """When they are written, with the place."""
    body = {
        "program_id": "tea",
        "name": "Tea",
        "currency": "EUR",
        "terms": {"point_currencies": POINTS, "earn": rule(1)} | terms,
    }
    answer = lone_client.post("/v1/programs", body)
    assert (answer.status, answer.slug) == (422, slug), answer.text
    found = answer.json["problems"][0]["pointer"] if slug == "invalid-rule" else answer.json["pointer"]
    assert found == pointer
    assert lone_client.get("/v1/programs/tea").status == 404
