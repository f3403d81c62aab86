"""Tiers: reached by a purchase, read by the next, lost by time alone or by a return."""

from typing import Any

import pytest

from tests.acceptance.conftest import Client
from tests.acceptance.desk import BASE, Desk, open_desk

DAY, NEXT = "2026-03-01", "2026-03-02"
SPEND = [{"code": "spend", "of": "spend"}]


def ladder(**more: Any) -> dict[str, Any]:
    """Return the guide's ladder, in its short form: bronze for everybody, silver from 500 points, gold from 2,000."""
    return {
        "code": "club",
        "tiers": [
            {"code": "bronze", "name": "Bronze", "min_points": 0, "benefits": {"multiplier": "1"}},
            {"code": "silver", "name": "Silver", "min_points": 500, "benefits": {"multiplier": "1.5", "lounge": True}},
            {"code": "gold", "name": "Gold", "min_points": 2000, "benefits": {"multiplier": "2", "lounge": True}},
        ],
    } | more


def ready(client: Client, *ladders: dict[str, Any], **terms: Any) -> Desk:
    """Publish a program with ladders."""
    return open_desk(client, ladders=list(ladders or (ladder(),)), **terms)


def test_a_purchase_lifts_and_the_next_one_reads_it(client: Client) -> None:
    """The tier, its benefits and what counts so far are facts of the next purchase; the first had the old ones."""
    amount = {"var": "transaction_amount"}
    earn = [
        {"rule": {"*": [amount, {"var": "benefit_multiplier"}]}, "point_currency": "points"},
        {"rule": 7, "point_currency": "points", "rule_id": "gold", "condition": {"==": [{"var": "tier"}, "gold"]}},
        {
            "rule": {"var": "period_points"},
            "point_currency": "extra",
            "rule_id": "so-far",
            "condition": {"==": [{"var": "benefit_lounge"}, True]},
        },
    ]
    currencies = [{"code": "points", "name": "Points", "qualifying": True}, {"code": "extra", "name": "Extra"}]
    desk = ready(client, earn=earn, point_currencies=currencies)
    assert desk.buy(600, DAY)["balances"] == {"points": 600}
    assert desk.tier(DAY) == "silver"
    # Silver: 1,000 x 1.5 points, and as many extra ones as counted before.
    assert desk.buy(1000, NEXT)["balances"] == {"points": 2100, "extra": 600}
    assert desk.tier(NEXT) == "gold"
    assert desk.buy(10, NEXT)["balances"] == {"points": 2100 + 20 + 7, "extra": 600 + 2100}
    told = client.get(f"{BASE}/purchases/purchases-2/explanation?source=till-1").json
    assert told["rules"][0]["calculation"]["facts"] == {"transaction_amount": "1000.00", "benefit_multiplier": "1.5"}


def test_where_a_member_stands_is_told(client: Client) -> None:
    """What is held and until when, what the next tier takes, and what happens otherwise; also as a sentence."""
    desk = ready(client)
    begun = desk.progress(DAY)
    assert (begun["tier"], begun["valid_until"], begun["drop"]) == ("bronze", None, None)
    assert begun["text"] == "Bronze; 500 points to Silver by 2026-12-31."
    desk.buy(600, DAY)
    found = desk.progress(DAY)
    assert (found["tier"], found["name"], found["valid_until"]) == ("silver", "Silver", "2028-01-01")
    assert found["benefits"] == {"multiplier": "1.5", "lounge": True}
    assert found["counters"] == [{"counter": "points", "amount": "600", "rolled_over": "0"}]
    assert found["next"]["all_of"] == [{"counter": "points", "at_least": "2000", "missing": "1400"}]
    assert found["drop"] == {"tier": "bronze", "on": "2028-01-01"}
    assert found["text"] == (
        "Silver; 1400 points to Gold by 2026-12-31; drops to Bronze on 2028-01-01 unless it is earned again."
    )
    desk.buy(1400, DAY)
    top = desk.progress(DAY)
    assert (top["tier"], top["next"]) == ("gold", None)
    assert top["text"] == "Gold; drops to Bronze on 2028-01-01 unless it is earned again."
    assert desk.client.get(f"{BASE}/members/card:1/progress?as_of=soon").slug == "invalid-input"
    assert desk.client.get(f"{BASE}/members/card:9/progress").slug == "unknown-member"


def test_a_tier_ends_by_itself(client: Client) -> None:
    """On its date, without a worker; the next purchase reads it so, and a worker records it once, as of the day."""
    desk = ready(client, ladder(validity={"type": "for_months", "months": 2}))
    desk.buy(2000, "2025-12-01")
    assert [desk.tier(on) for on in ("2026-01-31", "2026-02-01")] == ["gold", "bronze"]
    assert desk.read("tiers")["tiers"][0]["tier"] == "gold"
    assert desk.run("end-tiers", "2026-01-31").event_count == 0
    assert desk.run("end-tiers", "2026-03-01").event_count == 1
    story = desk.read("timeline")["lines"][0]
    assert (story["topic"], story["effective_on"], story["reference"]) == (
        "account.tier_changed.v1",
        "2026-02-01",
        "club:bronze",
    )
    assert desk.run("end-tiers", "2026-03-02").event_count == 0


def test_what_was_earned_meanwhile_is_held_then(client: Client) -> None:
    """Silver of this year goes on where gold of last year ends."""
    desk = ready(client, ladder(validity={"type": "until_day", "day": "03-31", "years": 1}))
    desk.buy(2000, "2024-05-01")
    desk.buy(500, "2025-01-10")
    assert [desk.tier(on) for on in ("2025-03-31", "2025-04-01", "2026-03-31", "2026-04-01")] == [
        "gold",
        "silver",
        "silver",
        "bronze",
    ]
    assert desk.progress("2025-02-01")["drop"] == {"tier": "silver", "on": "2025-04-01"}


def test_one_step_down_at_a_time(client: Client) -> None:
    """A year on each, recorded or not; and nothing holds for ever because it was recorded."""
    desk = ready(client, ladder(downgrade="one_step", validity={"type": "for_months", "months": 12}))
    desk.buy(2000, "2023-03-01")
    steps = [("2024-02-29", "gold"), ("2024-03-01", "silver"), ("2025-02-28", "silver"), ("2025-03-01", "bronze")]
    assert [(on, desk.tier(on)) for on, _ in steps] == steps
    progress = desk.progress("2024-06-01")
    assert (progress["valid_until"], progress["drop"]) == ("2025-03-01", {"tier": "bronze", "on": "2025-03-01"})
    assert desk.run("end-tiers", "2024-03-02").event_count == 1
    assert [(on, desk.tier(on)) for on, _ in steps[1:]] == steps[1:]
    assert desk.read("tiers")["tiers"][0]["valid_until"] == "2025-03-01"
    assert desk.run("end-tiers", "2024-09-01").event_count == 0
    assert desk.run("end-tiers", "2026-01-01").event_count == 1
    assert desk.run("end-tiers", "2026-01-02").event_count == 0
    assert desk.tier("2026-01-02") == "bronze"


def test_a_worker_that_was_away_for_years_records_every_step(client: Client) -> None:
    """Each as of its own day."""
    desk = ready(client, ladder(downgrade="one_step", validity={"type": "for_months", "months": 12}))
    desk.buy(2000, "2021-03-01")
    desk.run("end-tiers", "2026-01-01")
    changes = [one for one in desk.read("timeline")["lines"] if one["topic"] == "account.tier_changed.v1"]
    assert [(one["effective_on"], one["reference"]) for one in changes] == [
        ("2023-03-01", "club:bronze"),
        ("2022-03-01", "club:silver"),
        ("2021-03-01", "club:gold"),
    ]


def test_a_tier_that_never_ends(client: Client) -> None:
    """Where the program lets nobody fall."""
    desk = ready(client, ladder(downgrade="none"))
    desk.buy(2000, "2018-03-01")
    found = desk.progress("2026-01-01")
    assert (found["tier"], found["valid_until"], found["text"]) == ("gold", None, "Gold.")
    assert desk.run("end-tiers", "2026-01-01").account_count == 0


def test_days_of_grace(client: Client) -> None:
    """The tier is held beyond its end, and what is bought meanwhile keeps it."""
    desk = ready(client, ladder(grace_days=31))
    desk.buy(2000, "2023-03-01")
    assert [desk.tier(on) for on in ("2025-01-31", "2025-02-01")] == ["gold", "bronze"]
    assert desk.progress("2025-01-10")["valid_until"] == "2025-02-01"
    assert desk.run("end-tiers", "2025-01-10").event_count == 0
    desk.buy(2000, "2025-01-15")
    assert desk.tier("2026-12-31") == "gold"
    given = desk.send("members/card:1/tier", NEXT, tier="gold", reason="friend", valid_until="9999-12-31")
    assert given.status == 201
    assert desk.tier("2030-01-01") == "gold"


def test_a_return_withdraws_what_it_carried(client: Client) -> None:
    """As far as the rest does not carry it; the tier below holds for as long as it would have."""
    desk = ready(client)
    desk.buy(600, DAY)
    desk.buy(1500, NEXT, transaction_id="T")
    assert desk.tier(NEXT) == "gold"
    desk.done("purchases/T/returns?source=till-1", "2026-03-05", amount="50")
    assert desk.tier("2026-03-05") == "gold"
    desk.done("purchases/T/returns?source=till-1", "2026-03-05", amount="100")
    assert [desk.tier(on) for on in ("2026-03-05", "2027-12-31", "2028-01-01")] == ["silver", "silver", "bronze"]
    desk.done("purchases/T/returns?source=till-1", "2026-03-06")
    found = desk.progress("2026-03-06")
    assert (found["tier"], found["counters"][0]["amount"]) == ("silver", "600")
    assert desk.run("end-tiers", "2028-01-02").event_count == 1


def test_a_tier_by_hand_survives_a_return(client: Client) -> None:
    """It does not rest on purchases."""
    desk = ready(client)
    desk.buy(600, DAY, transaction_id="T")
    assert desk.send("members/card:1/tier", NEXT, tier="gold", reason="x", valid_until="2026-06-01").status == 201
    desk.done("purchases/T/returns?source=till-1", "2026-03-05")
    assert [desk.tier(on) for on in ("2026-03-05", "2026-06-01")] == ["gold", "bronze"]


def test_several_ladders_count_for_themselves(client: Client) -> None:
    """The first is called tier, the others by their names; each with its own counters and window."""
    miles = ladder(
        code="flight",
        tiers=[
            {"code": "blue", "name": "Blue"},
            {"code": "sky", "name": "Sky", "all_of": [{"counter": "legs", "at_least": 2}]},
        ],
        counters=[{"code": "legs", "of": "attribute", "attribute": "legs"}],
        window={"type": "lifetime"},
        validity={"type": "for_ever"},
    )
    sky = {"==": [{"var": "tier_flight"}, "sky"]}
    earn = [
        {"rule": {"var": "transaction_amount"}, "point_currency": "points"},
        {"rule": 1000, "point_currency": "points", "rule_id": "sky", "condition": sky, "kind": "bonus"},
    ]
    legs = {"name": "legs", "type": "int", "unit": "count"}
    desk = ready(client, ladder(), miles, earn=earn, attributes=[legs])
    desk.buy(600, DAY, attributes={"legs": 2}, transaction_id="T")
    assert [desk.progress(DAY, ladder=number)["tier"] for number in (0, 1)] == ["silver", "sky"]
    assert desk.buy(1, NEXT)["points"] == 1001
    # A night or a leg can come back without the rest.
    desk.done("purchases/T/returns?source=till-1", "2026-03-05", amount="0", attributes={"legs": 1})
    assert [desk.progress("2026-03-05", ladder=number)["tier"] for number in (0, 1)] == ["silver", "blue"]
    back = {"amount": "0", "attributes": {"legs": 2}}
    desk.refused("purchases/T/returns?source=till-1", "2026-03-05", "return-exceeds-purchase", **back)


@pytest.mark.parametrize("priorities", [(3, 2, 1), (30, -5, 0)])
def test_priorities_say_what_stands_above(client: Client, priorities: tuple[int, ...]) -> None:
    """Whatever the order in which tiers are listed."""
    tiers = [
        {"code": "gold", "name": "Gold", "min_points": 2000},
        {"code": "silver", "name": "Silver", "min_points": 500},
        {"code": "bronze", "name": "Bronze"},
    ]
    ordered = sorted(priorities, reverse=True)
    desk = ready(client, ladder(tiers=[t | {"priority": p} for t, p in zip(tiers, ordered, strict=True)]))
    assert [desk.progress(DAY)["tier"], desk.buy(600, DAY)["points"], desk.tier(DAY)] == ["bronze", 600, "silver"]
    assert desk.progress(DAY)["next"]["tier"] == "gold"


def test_a_simulation_carries_tiers_forward(client: Client) -> None:
    """What the first purchase reaches changes the second; an ended hold is no obstacle, and nothing is written."""
    earn = {"rule": {"*": [{"var": "transaction_amount"}, {"var": "benefit_multiplier"}]}, "point_currency": "points"}
    desk = ready(client, earn=earn)
    desk.buy(450, DAY)
    desk.done("holds", DAY, points=100)
    one = {"occurred_at": "2026-03-05T10:00:00Z", "amount": "500", "currency": "EUR"}

    def simulated(**more: Any) -> list[int]:
        answer = client.post(f"{BASE}/simulate", {"purchases": [one, one, one, one]} | more)
        assert answer.status == 200, answer.text
        return [result["priced"]["points"] for result in answer.json["results"]]

    before = client.event_count()
    assert simulated() == [500, 750, 750, 1000]
    assert simulated(member="card:1") == [500, 750, 750, 1000]
    assert client.event_count() == before
