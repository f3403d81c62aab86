"""Accounts that are stopped, let go on, ended or merged; tiers given by hand."""

from typing import Any

import pytest

from tests.acceptance.conftest import Answer, Client
from tests.acceptance.desk import BASE, Desk, open_desk

DAY, NEXT = "2026-03-01", "2026-03-02"
LADDER = {
    "code": "club",
    "tiers": [
        {"code": "basic", "name": "Basic"},
        {"code": "silver", "name": "Silver", "min_points": 500},
        {"code": "gold", "name": "Gold", "min_points": 2000},
    ],
}


def ready(client: Client, **terms: Any) -> Desk:
    """Publish a program with everything that can be refused, and give card 1 a thousand points."""
    desk = open_desk(client, "1", "2", **{"transfers": [{"point_currency": "points"}]} | terms)
    desk.buy(1000, DAY, transaction_id="T")
    return desk


def stand(desk: Desk, verb: str, at: str = NEXT, card: str = "1", **body: Any) -> Answer:
    """Do something to an account as a whole."""
    return desk.send(f"members/card:{card}/{verb}", at, **{"reason": "review"} | body)


def test_a_suspended_account_neither_earns_nor_spends(client: Client) -> None:
    """What undoes earlier things goes on, and operators can correct."""
    desk = ready(client)
    desk.done("redemptions", DAY, redemption_id="R", points=100)
    desk.done("holds", f"{NEXT}T11:59:00Z", hold_id="H", points=100)
    desk.done("holds", f"{NEXT}T11:59:00Z", hold_id="I", points=100)
    suspended = stand(desk, "suspend")
    assert (suspended.status, suspended.json["kind"]) == (201, "account.suspended.v1")
    for path, body in (
        ("purchases", {"amount": "5", "currency": "EUR"}),
        ("accruals", {"points": 1, "reason": "gift"}),
        ("redemptions", {"points": 1}),
        ("holds", {"points": 1}),
        ("transfers", {"points": 1, "to_member": "card:2"}),
        ("transfers", {"points": 1, "member": "card:2", "to_member": "card:1"}),
    ):
        if body.get("member"):
            desk.buy(5, NEXT, member="card:2")
        assert desk.refused(path, NEXT, "account-suspended", **body)["may_earn"] is False
    desk.done("holds/H/void", NEXT)
    # What was authorised before is captured: the goods have left the shop.
    desk.done("holds/I/capture", NEXT)
    desk.done("redemptions/R/reversal", NEXT, reason="regret", points=50)
    desk.done("purchases/T/returns?source=till-1", NEXT, amount="100")
    desk.done("adjustments", NEXT, points=-10, reason="fraud")
    desk.catch_up()
    read = client.get(f"{BASE}/members/card:1/account").json
    assert (read["status"], read["balances"][0]["balance_points"]) == ("suspended", 1000 - 100 - 100 + 50 - 100 - 10)


def test_a_suspended_account_may_go_on_earning(client: Client) -> None:
    """If that is how it is stopped; and can be stopped further."""
    desk = ready(client)
    assert stand(desk, "suspend", may_earn=True).json["may_earn"] is True
    assert desk.buy(5, NEXT)["balances"] == {"points": 1005}
    assert desk.refused("redemptions", NEXT, "account-suspended", points=1)["may_earn"] is True
    assert stand(desk, "suspend", may_earn=True, reason="again").slug == "already-suspended"
    assert stand(desk, "suspend").status == 201
    desk.refused("accruals", NEXT, "account-suspended", points=1, reason="gift")


def test_a_suspension_is_lifted_once(client: Client) -> None:
    """Then everything is as before; the same request is answered again."""
    desk = ready(client)
    assert stand(desk, "resume").slug == "not-suspended"
    first = stand(desk, "suspend")
    again = stand(desk, "suspend")
    assert (again.status, again.json) == (200, first.json | {"replayed": True})
    assert stand(desk, "resume", reason="cleared").json["kind"] == "account.suspension_lifted.v1"
    assert stand(desk, "resume", reason="cleared again").slug == "not-suspended"
    desk.done("redemptions", NEXT, points=1000)


def test_a_closed_account_is_over(client: Client) -> None:
    """Its points lapse with it; only what undoes earlier things is booked, and the story can be read."""
    desk = ready(client)
    desk.done("redemptions", DAY, redemption_id="R", points=100)
    closed = stand(desk, "close", reason="left").json
    assert (closed["kind"], closed["balances"]) == ("account.closed.v1", {"points": 0})
    for path, body in (
        ("purchases", {"amount": "5", "currency": "EUR"}),
        ("accruals", {"points": 1, "reason": "gift"}),
        ("redemptions", {"points": 1}),
        ("holds", {"points": 1}),
        ("reinstatements", {"points": 1, "reason": "sorry"}),
        ("members/card:1/suspend", {"reason": "x"}),
        ("members/card:1/resume", {"reason": "x"}),
        ("members/card:1/close", {"reason": "x"}),
    ):
        assert desk.refused(path, NEXT, "account-closed", **body)["merged_into"] is None
    desk.done("purchases/T/returns?source=till-1", NEXT, amount="100")
    balance = desk.balance(NEXT)
    assert (balance["available_points"], balance["expired_points"]) == (0, 900)
    assert desk.read("timeline")["lines"][0]["topic"] == "account.purchase_returned.v1"


def test_an_account_with_holds_is_not_closed(client: Client) -> None:
    """Unless their time is up."""
    desk = ready(client)
    desk.done("holds", f"{NEXT}T11:30:00Z", hold_id="H", points=100)
    problem = stand(desk, "close")
    assert (problem.slug, problem.json["hold_ids"]) == ("holds-open", ["H"])
    assert stand(desk, "merge", into_member="card:2").slug == "holds-open"
    assert stand(desk, "close", "2026-03-02T12:30:00Z").json["balances"] == {"points": 0}


def test_a_merger_moves_everything(client: Client) -> None:
    """Promised points and those of ended holds too, with their dates; whoever asks is told who has them now."""
    currency = {"code": "points", "name": "Points", "expiry_months": 12}
    desk = ready(client, point_currencies=[currency | {"availability": {"type": "after_days", "days": 14}}])
    desk.done("adjustments", DAY, points=50, reason="goodwill")
    desk.done("holds", f"{DAY}T12:30:00Z", points=50)
    first = client.get(f"{BASE}/members/card:1").json
    merged = stand(desk, "merge", into_member="card:2", reason="two cards of one person").json
    assert (merged["kind"], merged["balances"]) == ("account.closed.v1", {"points": 0})
    lots = [(one["open_points"], one["available_from"], one["expires_on"]) for one in desk.lots("2")]
    assert sorted(lots) == [(50, "2026-03-01", "2027-03-01"), (1000, "2026-03-15", "2027-03-01")]
    problem = desk.refused("redemptions", "2026-03-20", "account-closed", points=1, member=first["member_id"])
    other = client.get(f"{BASE}/members/card:2/account").json
    assert problem["merged_into"] == other["member_id"] == merged["merged_into"]
    desk.done("redemptions", "2026-03-20", points=1050, member="card:1")
    again = stand(desk, "merge", into_member="card:2", reason="two cards of one person")
    assert (again.status, again.json) == (200, merged | {"replayed": True})


def test_a_merger_that_cannot_be_is_refused(client: Client) -> None:
    """Whole, whoever of the two is in the way, and whether or not there are points to move."""
    desk = ready(client, point_currencies=[{"code": "points", "name": "Points"}])
    client.enrol("3")
    client.enrol("4")
    before = client.event_count()
    assert stand(desk, "merge", into_member="card:1").slug == "same-account"
    unknown = stand(desk, "merge", into_member="card:9")
    assert (unknown.slug, unknown.json["pointer"]) == ("unknown-member", "/into_member")
    assert client.event_count() == before
    assert stand(desk, "close", card="3").status == 201
    for card in ("1", "2"):
        closed = stand(desk, "merge", card=card, into_member="card:3")
        assert (closed.slug, closed.json["pointer"]) == ("account-closed", "/into_member")
    assert stand(desk, "suspend", card="4").status == 201
    for card in ("1", "2"):
        assert stand(desk, "merge", card=card, into_member="card:4").slug == "account-suspended"
        assert stand(desk, "merge", card="4", into_member=f"card:{card}").slug == "account-suspended"
    desk.done("adjustments", NEXT, points=-5, reason="fraud", member="card:2", may_overdraw=True)
    owing = stand(desk, "merge", card="2", into_member="card:1")
    assert (owing.slug, owing.json["owed"]) == ("points-owed", {"points": 5})
    # Who goes on may owe: what comes pays it back.
    assert stand(desk, "merge", into_member="card:2").status == 201
    assert desk.available(NEXT, "2") == 995


def test_a_tier_by_hand(client: Client) -> None:
    """It is held until its date, blocks falling below it, and no rise above it."""
    desk = ready(client, ladders=[LADDER])
    given = stand(desk, "tier", tier="gold", valid_until="2026-06-01", reason="status match").json
    assert (given["kind"], given["tier"], given["previous"], given["reason"]) == (
        "account.tier_changed.v1",
        "gold",
        "silver",
        "assigned",
    )
    # Without it the member has what was earned: silver, until the end of next year.
    assert [desk.tier(on) for on in ("2026-05-31", "2026-06-01", "2027-12-31", "2028-01-01")] == [
        "gold",
        "silver",
        "silver",
        "basic",
    ]
    kept = stand(desk, "tier", tier="silver", reason="for longer", valid_until="2029-01-01").json
    assert kept["kind"] == "account.tier_retained.v1"
    assert desk.tier("2028-12-31") == "silver"
    # A shorter promise takes nothing away.
    assert stand(desk, "tier", tier="silver", reason="shorter", valid_until="2026-04-01").status == 201
    assert desk.tier("2028-12-31") == "silver"
    assert desk.buy(2000, NEXT)["points"] == 2000
    assert desk.tier("2026-06-01") == "gold"


@pytest.mark.parametrize(
    ("asked", "slug", "pointer"),
    [
        ({"tier": "platinum"}, "unknown-tier", "/tier"),
        ({"tier": "gold", "ladder": "other"}, "unknown-tier", "/ladder"),
        ({"tier": "gold", "valid_until": NEXT}, "invalid-input", "/valid_until"),
    ],
)
def test_a_tier_that_cannot_be_given_is_refused(
    lone_client: Client, asked: dict[str, Any], slug: str, pointer: str
) -> None:
    """With the field at fault."""
    answer = stand(ready(lone_client, ladders=[LADDER]), "tier", **asked)
    assert (answer.slug, answer.json["pointer"]) == (slug, pointer)


def test_unknown_members_are_told(lone_client: Client) -> None:
    """By every operation on an account as a whole."""
    desk = ready(lone_client)
    for verb in ("suspend", "resume", "close", "merge", "tier"):
        more = {"merge": {"into_member": "card:2"}, "tier": {"tier": "gold"}}.get(verb, {})
        assert stand(desk, verb, card="9", **more).slug == "unknown-member"
