"""Points without a purchase: given, corrected, brought back, promised until something happens, turned into vouchers."""

from typing import Any

import pytest

from tests.acceptance.conftest import Client
from tests.acceptance.desk import open_desk

DAY = "2026-03-01"
STAY = {"type": "on_event", "event": "stay-completed", "cancel_after_days": 30}


def currency(**more: Any) -> dict[str, Any]:
    """Return terms with one point currency."""
    return {"point_currencies": [{"code": "points", "name": "Points"} | more]}


def test_an_accrual_follows_its_currency(client: Client) -> None:
    """Availability and expiry as for purchases; kind and funding as it says."""
    desk = open_desk(client, **currency(expiry_months=12, availability={"type": "after_days", "days": 14}))
    given = desk.done("accruals", DAY, points=500, reason="welcome", kind="bonus", funding="partner-7")
    (lot,) = given["accruals"]
    assert (lot["available_from"], lot["expires_on"]) == ("2026-03-15", "2027-03-01")
    assert (lot["kind"], lot["funding"], given["balances"]) == ("bonus", "partner-7", {"points": 500})
    before, after = desk.balance("2026-03-14"), desk.balance("2026-03-15")
    assert (before["available_points"], before["promised_points"]) == (0, 500)
    assert (after["available_points"], after["promised_points"]) == (500, 0)
    desk.refused("redemptions", "2026-03-14", "insufficient-points", points=1)
    desk.done("redemptions", "2026-03-15", points=500)


@pytest.mark.parametrize(
    ("asked", "slug"),
    [
        ({"points": 0}, "invalid-input"),
        ({"points": -5}, "invalid-input"),
        ({"points": 10**15 + 1}, "invalid-input"),
        ({"points": 1, "point_currency": "stars"}, "unknown-point-currency"),
        ({"points": 1, "member": "card:9"}, "unknown-member"),
        ({"points": 1, "member": "nobody"}, "invalid-input"),
        ({"points": 1, "occurred_at": "2099-01-01T00:00:00Z"}, "occurred-in-future"),
        ({"points": 1, "occurred_at": "2016-01-01T00:00:00Z"}, "no-version-in-force"),
        ({"points": 1, "reason": ""}, "invalid-input"),
        ({"points": 1, "reason": "a\u0000b"}, "invalid-input"),
    ],
)
def test_what_cannot_be_given_is_refused(lone_client: Client, asked: dict[str, Any], slug: str) -> None:
    """And nothing is written."""
    open_desk(lone_client).refused("accruals", DAY, slug, **{"reason": "gift"} | asked)


def test_everything_can_be_sent_again(client: Client) -> None:
    """Under the same id once; another body under it is refused."""
    desk = open_desk(client, "1", "2", transfers=[{"point_currency": "points"}])
    desk.buy(1000, DAY)
    for path, body, other in (
        ("accruals", {"accrual_id": "A", "points": 5, "reason": "gift"}, {"points": 6}),
        ("adjustments", {"adjustment_id": "J", "points": -5, "reason": "fraud"}, {"note": "more"}),
        ("transfers", {"transfer_id": "X", "points": 5, "to_member": "card:2"}, {"to_member": "card:1"}),
    ):
        first = desk.done(path, DAY, **body)
        again = desk.send(path, f"{DAY}T13:00:00+01:00", **body)
        assert (again.status, again.json) == (200, first | {"replayed": True})
        desk.refused(path, DAY, "key-reused", **body | other)


def test_an_adjustment_gives_and_takes(client: Client) -> None:
    """What is given can be spent at once; what is taken comes from what would be spent first, promised points last."""
    desk = open_desk(client, **currency(availability={"type": "after_days", "days": 14}, expiry_months=12))
    desk.buy(100, DAY)
    up = desk.done("adjustments", DAY, points=50, reason="goodwill", note="late parcel")
    assert up["accruals"][0]["available_from"] == DAY
    assert desk.available(DAY) == 50
    down = desk.done("adjustments", DAY, points=-60, reason="fraud")
    assert [(one["lot"], one["points"]) for one in down["taken"]] == [(2, 50), (1, 10)]
    problem = desk.refused("adjustments", DAY, "insufficient-points", points=-91, reason="fraud")
    assert problem["available_points"] == 90
    over = desk.done("adjustments", DAY, adjustment_id="J", points=-100, reason="fraud", may_overdraw=True)
    assert (over["debts"], over["balances"]) == ({"points": 10}, {"points": -10})
    assert desk.buy(25, "2026-03-02")["repaid"][0] == {"lot": 3, "point_currency": "points", "points": 10, "debt": "J"}
    balance = desk.balance("2026-04-01")
    assert (balance["available_points"], balance["credited_points"], balance["debited_points"]) == (15, 50, 160)
    desk.refused("adjustments", DAY, "invalid-points", points=0, reason="nothing")


def test_a_program_may_name_its_reasons(client: Client) -> None:
    """Others are refused, with those it has."""
    desk = open_desk(client, adjustment_reasons=["goodwill", "fraud"])
    desk.done("adjustments", DAY, points=1, reason="goodwill")
    problem = desk.refused("adjustments", DAY, "unknown-reason", points=1, reason="because")
    assert (problem["pointer"], problem["reasons"]) == ("/reason", ["goodwill", "fraud"])


def test_what_lapsed_can_be_given_back(client: Client) -> None:
    """Never more than has lapsed, and it can be spent at once; recorded by a worker or not."""
    desk = open_desk(client, **currency(expiry={"type": "after", "days": 30}))
    desk.buy(100, DAY)
    problem = desk.refused("reinstatements", "2026-03-30", "invalid-points", points=1, reason="ill")
    assert (problem["lapsed_points"], problem["pointer"]) == (0, "/points")
    back = desk.done("reinstatements", "2026-04-02", points=60, reason="ill", expires_on="2026-05-01")
    assert (back["kind"], back["balances"]) == ("account.points_reinstated.v1", {"points": 60})
    assert (
        desk.refused("reinstatements", "2026-04-02", "invalid-points", points=41, reason="ill")["lapsed_points"] == 40
    )
    assert desk.run("expire-lots", "2026-04-30").event_count == 0
    desk.refused("reinstatements", "2026-04-02", "invalid-input", points=1, reason="x", expires_on="2026-04-02")
    balance = desk.balance("2026-04-30")
    assert (balance["available_points"], balance["expired_points"], balance["reinstated_points"]) == (60, 100, 60)
    assert desk.available("2026-05-01") == 0


def test_promised_points_await_their_event(client: Client) -> None:
    """They are available when it is reported, also a part of them, and only once."""
    desk = open_desk(client, **currency(availability=STAY))
    first, second = desk.buy(100, DAY)["accruals"], desk.buy(50, DAY)["accruals"]
    assert (first[0]["awaits"], first[0]["cancels_on"]) == ("stay-completed", "2026-04-01")
    assert desk.balance(DAY)["promised_points"] == 150
    problem = desk.refused("confirmations", "2026-03-10", "nothing-awaits", event="breakfast")
    assert problem["pointer"] == "/event"
    desk.refused("confirmations", "2026-03-10", "nothing-awaits", event="stay-completed", lots=[1, 9])
    came = desk.done("confirmations", "2026-03-10", event="stay-completed", lots=[1], reference="stay-1")
    assert (came["lots"][0]["points"], came["reference"]) == (100, "stay-1")
    assert [desk.available(on) for on in ("2026-03-10", "2026-05-01")] == [100, 100]
    gone = desk.done("cancellations", "2026-03-11", event="stay-completed", lots=[second[0]["lot"]])
    assert (gone["reason"], gone["balances"]) == ("cancelled", {"points": 100})
    desk.refused("confirmations", "2026-03-12", "nothing-awaits", event="stay-completed")
    again = desk.send("confirmations", "2026-03-10", event="stay-completed", lots=[1], reference="stay-1")
    assert (again.status, again.json) == (200, came | {"replayed": True})


def test_promised_points_are_lost_after_their_deadline(client: Client) -> None:
    """By the date alone; the last day still counts, and a worker records it."""
    desk = open_desk(client, "1", "2", **currency(availability=STAY))
    desk.buy(100, DAY)
    desk.buy(100, DAY, member="card:2")
    desk.done("confirmations", "2026-03-31", event="stay-completed", member="card:2")
    desk.refused("confirmations", "2026-04-01", "nothing-awaits", event="stay-completed")
    balance = desk.balance("2026-04-01")
    assert (balance["promised_points"], balance["lapsed_points"]) == (0, 100)
    assert desk.run("expire-lots", "2026-04-01").event_count == 1
    assert (desk.balance()["expired_points"], desk.available("2026-04-01", "2")) == (100, 100)
    story = desk.read("timeline")["lines"]
    assert (story[0]["topic"], story[0]["effective_on"]) == ("account.lots_expired.v1", "2026-04-01")


def test_points_become_available_by_days(client: Client) -> None:
    """Without a worker; the worker records it, as of the day."""
    desk = open_desk(client, **currency(availability={"type": "on_dates", "dates": ["04-01", "10-01"]}))
    desk.buy(100, DAY)
    assert [desk.available(on) for on in ("2026-03-31", "2026-04-01")] == [0, 100]
    assert desk.run("release-lots", "2026-03-31T20:00").event_count == 0
    # In Berlin it is April already.
    assert desk.run("release-lots", "2026-03-31T22:30").event_count == 1
    assert desk.run("release-lots", "2026-04-02").event_count == 0


def test_what_lapses_becomes_a_voucher(client: Client) -> None:
    """Whole steps of it, in the program's money; the rest lapses."""
    conversion = {"step_points": 100, "step_value": "1.50", "valid_months": 6}
    desk = open_desk(client, **currency(expiry={"type": "after", "days": 30}, conversion=conversion))
    desk.buy(250, DAY)
    desk.done("redemptions", DAY, points=20)
    desk.run("expire-lots", "2026-03-31")
    assert desk.balance("2026-04-01")["balance_points"] == 0
    (voucher,) = desk.read("vouchers")["vouchers"]
    assert (voucher["points"], voucher["value_minor"], voucher["currency"]) == (200, 300, "EUR")
    assert voucher["expires_on"] == "2026-09-30"
    # The member has a voucher for 200 of them; the other 30 are lost, and can be given back.
    again = desk.refused("reinstatements", "2026-04-01", "invalid-points", points=31, reason="ill")
    assert again["lapsed_points"] == 30
    desk.done("reinstatements", "2026-04-01", points=30, reason="ill")
    assert desk.run("expire-lots", "2026-03-31").event_count == 0
