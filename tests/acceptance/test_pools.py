"""Households that spend their points together."""

import time
from typing import Any

import pytest

from rules.instructions.pools import shares_of
from tests.acceptance.conftest import Client

POOLS = "/v1/programs/coffee/pools"
AT = {"source": "app", "occurred_at": "2026-03-02T10:00:00Z"}


@pytest.fixture
def household(client: Client) -> Client:
    """Three members with 1,000, 500 and 7 points; the first two share a pool."""
    client.create_program()
    for card, points in (("1", 1000), ("2", 500), ("3", 7)):
        client.enrol(card)
        given = {"accrual_id": f"A{card}", "member": f"card:{card}", "points": points, "reason": "gift"}
        assert client.post("/v1/programs/coffee/accruals", AT | given).status == 201
    opened = client.post(POOLS, AT | {"pool_id": "home", "members": ["card:1", "card:2"]})
    assert opened.status == 201, opened.text
    return client


def points(client: Client, card: str, position: str) -> int:
    """Return what a member can spend, once all partitions are shown: members may be in others than the pool."""
    while any(view["behind"] for view in client.get("/health/ready").json["views"]):
        time.sleep(0.01)
    account = client.get(f"/v1/programs/coffee/members/card:{card}/account?min_position={position}").json
    return int(account["balances"][0]["available_points"])


def redeem(client: Client, redemption_id: str, asked: int, **more: Any) -> Any:
    """Spend points of the pool."""
    return client.post(f"{POOLS}/home/redemptions", AT | {"redemption_id": redemption_id, "points": asked} | more)


def test_each_member_pays_in_proportion(household: Client) -> None:
    """Two thirds and one third; the rest goes to the largest remainder. Sent again, it is answered again."""
    answer = redeem(household, "R1", 100)
    assert answer.status == 201, answer.text
    assert sorted(share["points"] for share in answer.json["shares"]) == [33, 67]
    assert answer.json["value_minor"] == 100
    assert redeem(household, "R1", 100).status == 200
    assert redeem(household, "R1", 101).slug == "key-reused"
    assert sum(points(household, card, answer.json["position"]) for card in "12") == 1400
    contributed = household.get(f"{POOLS}/home").json["redeemed_points"]
    assert sorted(contributed.values()) == [33, 67]


def test_a_reversal_gives_everybody_their_points_back(household: Client) -> None:
    """Also to somebody who left since; once."""
    redeem(household, "R1", 900)
    left = household.post(f"{POOLS}/home/departures", AT | {"member": "card:2"})
    assert left.status == 201, left.text
    back = AT | {"reason": "cancelled"}
    answer = household.post(f"{POOLS}/home/redemptions/R1/reversal", back)
    assert answer.status == 201, answer.text
    assert [points(household, card, answer.json["position"]) for card in "12"] == [1000, 500]
    again = household.post(f"{POOLS}/home/redemptions/R1/reversal", back | {"occurred_at": "2026-03-03T10:00:00Z"})
    assert again.slug == "redemption-already-reversed"
    assert household.post(f"{POOLS}/home/redemptions/R9/reversal", back).slug == "unknown-redemption"
    assert set(household.get(f"{POOLS}/home").json["redeemed_points"].values()) == {0}


def test_more_than_all_have_is_refused_for_all(household: Client) -> None:
    """No account changes; with a third member there is enough."""
    before = household.event_count()
    refused = redeem(household, "R1", 1507)
    assert (refused.slug, refused.json["available_points"]) == ("insufficient-points", 1500)
    assert household.event_count() == before
    assert household.post(f"{POOLS}/home/members", AT | {"member": "card:3"}).status == 201
    assert redeem(household, "R1", 1507).status == 201


def test_pools_that_cannot_be_are_refused(household: Client) -> None:
    """Twice the same member, an id that is taken, somebody nobody knows, a pool that is not there."""
    pool = AT | {"pool_id": "away", "members": ["card:1", "card:1"]}
    assert household.post(POOLS, pool).slug == "invalid-pool"
    assert household.post(POOLS, AT | {"pool_id": "home", "members": ["card:3"]}).slug == "key-reused"
    assert household.post(POOLS, pool | {"members": ["card:9"]}).slug == "unknown-member"
    twice = household.post(f"{POOLS}/home/members", AT | {"member": "card:1"})
    assert (twice.slug, twice.json["pointer"]) == ("invalid-pool", "/member")
    assert household.post(f"{POOLS}/home/departures", AT | {"member": "card:3"}).slug == "invalid-pool"
    assert household.get(f"{POOLS}/none").slug == "unknown-pool"
    assert household.post(f"{POOLS}/none/redemptions", AT | {"redemption_id": "R", "points": 1}).slug == "unknown-pool"


@pytest.mark.parametrize(
    ("asked", "available", "expected"),
    [
        (100, [1000, 500], [67, 33]),
        (1, [1, 1, 1], [1, 0, 0]),
        (2, [1, 1, 1], [1, 1, 0]),
        (10, [0, 10], [0, 10]),
        (7, [3, 3, 3], [3, 2, 2]),
        (0, [0, 0], [0, 0]),
    ],
)
def test_shares_add_up_and_nobody_pays_more_than_they_have(
    asked: int, available: list[int], expected: list[int]
) -> None:
    """Largest remainder first, then the order of joining."""
    shares = shares_of(asked, available)
    assert shares == expected
    assert sum(shares) == asked
    assert all(share <= one for share, one in zip(shares, available, strict=True))
