"""Settling a checkout: the purchase and the points that pay for it, both or neither."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.acceptance.conftest import Answer, Client
from tests.acceptance.desk import BASE, CENT, Desk, open_desk

TEN = "2026-03-02T10:00:00Z"


def ready(client: Client, points: int = 1000, **terms: Any) -> Desk:
    """Publish a program, give its member points, and hold 400 of them until eleven."""
    desk = open_desk(client, **terms)
    desk.buy(points, "2026-03-01")
    desk.done("holds", TEN, hold_id="H", points=400)
    return desk


def settlement(**changes: Any) -> dict[str, Any]:
    """Return what a till sends at the end of a checkout, changed as told."""
    return {
        "source": "till-1",
        "transaction_id": "T",
        "redemption_id": "R",
        "occurred_at": "2026-03-02T10:20:00Z",
        "amount": "100",
        "currency": "EUR",
    } | changes


def settle(client: Client, **changes: Any) -> Answer:
    """Settle the hold."""
    return client.post(f"{BASE}/holds/H/settle", settlement(**changes))


def test_a_settlement_books_purchase_and_capture(client: Client) -> None:
    """In one answer, the points before the purchase; sent again it is answered again."""
    desk = ready(client)
    answer = settle(client, points=300)
    assert answer.status == 201, answer.text
    redemption, purchase = answer.json["redemption"], answer.json["purchase"]
    assert (redemption["kind"], redemption["points"], redemption["value_minor"]) == (
        "account.hold_captured.v1",
        300,
        300,
    )
    assert redemption["returned"] == [{"lot": 1, "points": 100}]
    assert (purchase["points"], purchase["version"]) == (100, redemption["version"] + 1)
    assert answer.json["balances"] == {"points": 800}
    assert not answer.json["replayed"]
    count = client.event_count()
    again = settle(client, points=300, amount=100.0, occurred_at="2026-03-02T11:20:00+01:00")
    assert (again.status, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert again.json["replayed"]
    assert again.json["redemption"] == redemption | {"replayed": True}
    assert again.json["purchase"] == purchase | {"replayed": True}
    assert client.event_count() == count
    assert desk.available("2026-03-02") == 800


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": "100.01"},
        {"points": 399},
        {"transaction_id": "T2"},
        {"redemption_id": "R2"},
        {"if_expired": "redeem"},
        {"basket_amount": "120"},
        {"lines": [{"amount": "100"}]},
    ],
)
def test_another_settlement_under_the_same_keys_is_refused(lone_client: Client, changes: dict[str, Any]) -> None:
    """Whatever differs, and also where only the caller's own key is the same; nothing is booked."""
    ready(lone_client)
    path, headers = f"{BASE}/holds/H/settle", {"Idempotency-Key": "k"}
    assert lone_client.post(path, settlement(), headers=headers).status == 201
    count = lone_client.event_count()
    refused = lone_client.post(path, settlement(**changes), headers=headers)
    assert (refused.status, refused.slug) == (422, "key-reused")
    assert lone_client.event_count() == count
    assert lone_client.post(path, settlement(), headers=headers).status == 200


def test_what_differs_is_named_of_both_parts(lone_client: Client) -> None:
    """The purchase's fields and the points', each once."""
    ready(lone_client)
    assert settle(lone_client, points=300).status == 201
    differences = settle(lone_client, points=299, amount="101", occurred_at=TEN).json["differences"]
    assert [(one["pointer"], one["first"], one["now"]) for one in differences] == [
        ("/occurred_at", "2026-03-02T10:20:00Z", TEN),
        ("/points", 300, 299),
        ("/amount", "100.00", "101"),
    ]


@pytest.mark.parametrize(
    ("changes", "slug"),
    [
        ({"amount": "-1"}, "invalid-amount"),
        ({"currency": "USD"}, "currency-mismatch"),
        ({"attributes": {"unheard": 1}}, "invalid-attributes"),
        ({"points": 401}, "capture-exceeds-hold"),
        ({"occurred_at": "2026-03-02T11:00:00Z"}, "hold-resolved"),
        ({"if_expired": "never"}, "invalid-input"),
        ({"basket_amount": "-1"}, "invalid-input"),
        ({"member": "card:1"}, "invalid-input"),
    ],
)
def test_a_refused_settlement_books_neither(client: Client, changes: dict[str, Any], slug: str) -> None:
    """Whichever of the two is at fault; and the hold is still there to be settled."""
    desk = ready(client)
    count = client.event_count()
    assert settle(client, **changes).slug == slug
    assert client.event_count() == count
    assert (desk.balance("2026-03-02")["held_points"], desk.available("2026-03-02")) == (400, 600)
    assert settle(client).status == 201


def test_points_pay_a_part_of_the_basket(client: Client) -> None:
    """Which may be more than what earns."""
    ready(client, burn=CENT)
    desk = open_other(client, maximum_share="0.5")
    desk.done("holds", TEN, hold_id="S", points=400, amount="8")
    path = "/v1/programs/tea/holds/S/settle"
    assert client.post(path, settlement(amount="7.99")).slug == "share-exceeded"
    assert client.post(path, settlement(amount="4", basket_amount="8")).json["purchase"]["points"] == 4


def open_other(client: Client, **burn: Any) -> Desk:
    """Open a second program with another burn rule, and give its member points."""

    class Tea(Desk):
        def send(self, path: str, at: str, **body: Any) -> Answer:
            asked = {"source": "till-1", "occurred_at": at, "member": "card:1"}
            return self.client.post(f"/v1/programs/tea/{path}", asked | body)

    earn = {"rule": {"var": "transaction_amount"}, "point_currency": "points"}
    client.create_program("tea", earn=earn, burn=CENT | burn)
    client.enrol("1", "tea")
    desk = Tea(client)
    desk.done("purchases", "2026-03-01T12:00:00Z", transaction_id="P", amount="1000", currency="EUR")
    return desk


def test_a_settlement_may_arrive_hours_later(client: Client) -> None:
    """What counts is when it happened, as long as nobody had to record meanwhile that the hold ended."""
    desk = ready(client)
    desk.buy(5, "2026-03-02T10:40:00Z")
    answer = settle(client, occurred_at="2026-03-02T10:59:59Z")
    assert answer.status == 201, answer.text
    assert answer.json["balances"] == {"points": 705}


def test_a_hold_that_ended_is_redeemed_if_the_till_says_so(client: Client) -> None:
    """Whether or not its end was recorded, for as many points as were held, if they are still there."""
    desk = ready(client)
    late = {"occurred_at": "2026-03-02T12:00:00Z"}
    assert settle(client, **late).json["outcome"] == "expired"
    assert settle(client, **late, if_expired="redeem", points=401).slug == "capture-exceeds-hold"
    # Somebody else was faster.
    desk.done("redemptions", "2026-03-02T11:30:00Z", redemption_id="other", points=700)
    count = client.event_count()
    short = settle(client, **late, if_expired="redeem")
    assert (short.slug, short.json["available_points"]) == ("insufficient-points", 300)
    assert client.event_count() == count
    answer = settle(client, **late, if_expired="redeem", points=250)
    assert answer.status == 201, answer.text
    redemption = answer.json["redemption"]
    assert (redemption["kind"], redemption["points"]) == ("account.points_redeemed.v1", 250)
    assert answer.json["balances"] == {"points": 150}
    again = settle(client, **late, if_expired="redeem", points=250)
    assert (again.status, again.json["redemption"]) == (200, redemption | {"replayed": True})
    desk.done("redemptions/R/reversal", "2026-03-03", reason="it came back")


def test_only_time_makes_a_redemption_of_a_settlement(client: Client) -> None:
    """A hold that was voided or captured stays so."""
    desk = ready(client)
    desk.done("holds/H/void", TEN)
    refused = settle(client, if_expired="redeem")
    assert (refused.slug, refused.json["outcome"]) == ("hold-resolved", "voided")


def test_a_checkout_without_a_hold(client: Client) -> None:
    """Redeems and buys at once; what is earned does not pay for itself."""
    desk = open_desk(client)
    desk.buy(100, "2026-03-01")
    path, body = f"{BASE}/checkouts", settlement(member="card:1", points=101)
    count = client.event_count()
    assert client.post(path, body).slug == "insufficient-points"
    assert client.event_count() == count
    answer = client.post(path, body | {"points": 100})
    assert answer.status == 201, answer.text
    assert (answer.json["redemption"]["points"], answer.json["purchase"]["points"]) == (100, 100)
    assert answer.json["balances"] == {"points": 100}
    assert client.post(path, body | {"points": 100}).json["replayed"]
    assert client.post(path, body | {"points": 100, "member": "card:2"}).slug == "key-reused"
    assert client.post(path, settlement(member="card:9", points=1, redemption_id="R9")).slug == "key-reused"
    unknown = settlement(member="card:9", points=1, redemption_id="R9", transaction_id="T9")
    assert client.post(path, unknown).slug == "unknown-member"


def test_a_checkout_is_as_late_as_its_parts(client: Client) -> None:
    """Where the order decides what is earned, an offline checkout gets what it would have got in time."""
    first = {"if": [{"==": [{"var": "purchase_count"}, 0]}, 50, 1]}
    desk = open_desk(client, earn={"rule": first, "point_currency": "points"})
    assert desk.buy(10, "2026-03-05")["points"] == 50
    desk.done("accruals", "2026-03-01", points=30, reason="welcome")
    answer = client.post(f"{BASE}/checkouts", settlement(member="card:1", points=30))
    assert answer.status == 201, answer.text
    assert answer.json["purchase"]["points"] == 50
    desk.refused("redemptions", "2026-03-06", "insufficient-points", points=52)


def test_of_many_settlements_at_once_one_is_booked(client: Client) -> None:
    """The others wait for it, and are answered with it."""
    ready(client)
    with ThreadPoolExecutor(8) as tills:
        answers = list(tills.map(lambda _: settle(client), range(8)))
    assert sorted(one.status for one in answers) == [200] * 7 + [201]
    assert len({one.json["purchase"]["position"] for one in answers}) == 1
