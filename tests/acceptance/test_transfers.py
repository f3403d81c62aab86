"""Points that members send to each other: both accounts change, or neither."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

from tests.acceptance.conftest import Client
from tests.acceptance.desk import BASE, Desk, open_desk

DAY = "2026-03-01"
CARDS = tuple("12345678")
"""Enough that with four partitions senders and receivers live in different ones."""


def ready(client: Client, *cards: str, **rule: Any) -> Desk:
    """Publish a program whose members may send points, and give card 1 a thousand that lapse after a year."""
    desk = open_desk(
        client,
        *cards or ("1", "2"),
        transfers=[{"point_currency": "points"} | rule],
        point_currencies=[{"code": "points", "name": "Points", "expiry_months": 12}, {"code": "status", "name": "S"}],
    )
    desk.buy(1000, DAY)
    return desk


def test_points_keep_their_dates_wherever_they_go(client: Client) -> None:
    """Age, expiry and funding; from hand to hand through accounts in every partition."""
    desk = ready(client, *CARDS)
    for sender, receiver in pairwise(CARDS):
        sent = desk.done("transfers", "2026-05-01", member=f"card:{sender}", to_member=f"card:{receiver}", points=400)
        assert (sent["kind"], sent["points"]) == ("account.points_transferred_out.v1", 400)
    (lot,) = desk.lots("8")
    assert (lot["open_points"], lot["earned_on"], lot["expires_on"]) == (400, DAY, "2027-03-01")
    assert lot["kind"] == "base"
    assert [desk.balance("2026-05-01", card)["balance_points"] for card in CARDS] == [600, *[0] * 6, 400]
    middle = desk.balance("2026-05-01", "5")
    assert (middle["transferred_in_points"], middle["transferred_out_points"], middle["accrued_points"]) == (
        400,
        400,
        0,
    )


def test_both_accounts_change_or_neither(client: Client) -> None:
    """Whatever refuses it, and whichever of the two."""
    desk = ready(client, *CARDS)
    for slug, asked in (
        ("insufficient-points", {"points": 1001}),
        ("same-account", {"to_member": "card:1"}),
        ("unknown-member", {"to_member": "card:9"}),
        ("unknown-member", {"member": "card:9"}),
        ("invalid-input", {"to_member": "nobody"}),
        ("not-transferable", {"point_currency": "status"}),
        ("unknown-point-currency", {"point_currency": "stars"}),
        ("invalid-input", {"points": 0}),
    ):
        desk.refused("transfers", DAY, slug, **{"points": 100, "to_member": "card:2"} | asked)
    assert desk.refused("transfers", DAY, "unknown-member", points=1, to_member="card:9")["pointer"] == "/to_member"
    closing = {"source": "desk", "occurred_at": f"{DAY}T00:00:00Z", "reason": "left"}
    assert client.post(f"{BASE}/members/card:3/close", closing).status == 201
    desk.refused("transfers", DAY, "account-closed", points=1, to_member="card:3")
    assert client.post(f"{BASE}/members/card:4/suspend", closing).status == 201
    desk.refused("transfers", DAY, "account-suspended", points=1, to_member="card:4")
    assert desk.available(DAY) == 1000


def test_nobody_sends_to_themself_under_another_name(client: Client) -> None:
    """A second card, or the member's id, is the same account."""
    desk = ready(client)
    both = [{"kind": "card", "value": "77"}, {"kind": "phone", "value": "0791"}]
    member = client.post(f"{BASE}/members", {"identifiers": both, "occurred_at": "2017-01-01T00:00:00Z"}).json
    desk.buy(10, DAY, member="card:77")
    for name in ("phone:0791", member["member_id"]):
        problem = desk.refused("transfers", DAY, "same-account", points=1, member="card:77", to_member=name)
        assert problem["pointer"] == "/to_member"
    desk.done("transfers", DAY, points=1, member=member["member_id"], to_member="card:2")


def test_minimum_step_and_years_limit_what_is_sent(client: Client) -> None:
    """What is sent counts in the year of its date, for who sends and for who gets."""
    desk = ready(client, "1", "2", "3", minimum_points=100, step_points=50, out_per_year=500, in_per_year=300)
    assert desk.refused("transfers", DAY, "below-minimum", points=50, to_member="card:2")["minimum_points"] == 100
    assert desk.refused("transfers", DAY, "not-in-steps", points=120, to_member="card:2")["step_points"] == 50
    desk.done("transfers", DAY, points=300, to_member="card:2")
    problem = desk.refused("transfers", DAY, "transfer-limit-reached", points=100, to_member="card:2")
    assert (problem["limit_points"], problem["used_points"]) == (300, 300)
    desk.done("transfers", DAY, points=200, to_member="card:3")
    problem = desk.refused("transfers", "2026-08-01", "transfer-limit-reached", points=100, to_member="card:3")
    assert (problem["limit_points"], problem["used_points"]) == (500, 500)


def test_a_new_year_has_new_limits(client: Client) -> None:
    """By the program's calendar: in Berlin it is the last second of the year, then the first of the next."""
    desk = ready(client, "1", "2", out_per_year=100)
    desk.buy(1000, "2025-06-01")
    desk.done("transfers", "2025-12-31T22:59:59Z", points=100, to_member="card:2")
    desk.refused("transfers", "2025-12-31T22:59:59Z", "transfer-limit-reached", points=1, to_member="card:2")
    desk.done("transfers", "2025-12-31T23:00:00Z", points=100, to_member="card:2")


def test_what_is_owed_is_paid_from_what_is_sent(client: Client) -> None:
    """As by every accrual."""
    desk = ready(client)
    desk.done("adjustments", DAY, points=-30, reason="fraud", may_overdraw=True, member="card:2")
    desk.done("transfers", DAY, points=100, to_member="card:2")
    assert desk.available(DAY, "2") == 70


def test_a_ring_of_transfers_loses_no_point(client: Client) -> None:
    """Everybody sends to everybody at once, in both directions; together they have what they had."""
    desk = ready(client, *CARDS)
    for card in CARDS[1:]:
        desk.buy(1000, DAY, member=f"card:{card}")

    def send(number: int) -> int:
        sender, receiver = CARDS[number % 8], CARDS[(number * 3 + 1) % 8]
        asked = {"member": f"card:{sender}", "to_member": f"card:{receiver}", "points": 7 * number + 1}
        body = {"source": "app", "transfer_id": f"X{number}", "occurred_at": f"{DAY}T12:00:00Z"} | asked
        return client.post(f"{BASE}/transfers", body).status

    with ThreadPoolExecutor(8) as members:
        statuses = set(members.map(send, range(80)))
    assert statuses <= {201, 409, 422}
    assert sum(desk.balance(DAY, card)["balance_points"] for card in CARDS) == 8000
