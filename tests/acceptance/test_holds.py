"""Points reserved for a checkout: what tills and web shops do with them, and what they must not be able to do."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.acceptance.conftest import Client
from tests.acceptance.desk import BASE, CENT, Desk, open_desk, publish

TEN = "2026-03-02T10:00:00Z"


def ready(client: Client, points: int = 1000, **terms: Any) -> Desk:
    """Publish a program, and give its member points."""
    desk = open_desk(client, **terms)
    desk.buy(points, "2026-03-01")
    return desk


def test_a_hold_reserves_and_a_capture_spends(client: Client) -> None:
    """Held points are nobody else's; captured ones are redeemed at their worth, from the lots that were held."""
    desk = ready(client)
    held = desk.done("holds", TEN, hold_id="H", points=400)
    assert (held["kind"], held["points"], held["expires_at"]) == (
        "account.points_held.v1",
        400,
        "2026-03-02T11:00:00Z",
    )
    assert held["balances"] == {"points": 1000}
    balance = desk.balance("2026-03-02")
    assert (balance["available_points"], balance["held_points"], balance["balance_points"]) == (600, 400, 1000)
    desk.refused("redemptions", TEN, "insufficient-points", points=601)
    captured = desk.done("holds/H/capture", "2026-03-02T10:20:00Z", redemption_id="R")
    assert (captured["points"], captured["value_minor"], captured["currency"]) == (400, 400, "EUR")
    assert captured["balances"] == {"points": 600}
    balance = desk.balance("2026-03-02")
    assert (balance["available_points"], balance["held_points"], balance["redeemed_points"]) == (600, 0, 400)


def test_what_is_not_captured_goes_back(client: Client) -> None:
    """To its lots, in the same breath; and a hold is captured once."""
    desk = ready(client)
    desk.done("holds", TEN, hold_id="H", points=400)
    captured = desk.done("holds/H/capture", TEN, points=150)
    assert (captured["points"], captured["returned"]) == (150, [{"lot": 1, "points": 250}])
    assert desk.available("2026-03-02") == 850
    problem = desk.refused("holds/H/capture", TEN, "hold-resolved", points=250)
    assert problem["outcome"] == "captured"
    desk.refused("holds/H/void", TEN, "hold-resolved")


def test_a_voided_hold_is_as_if_it_had_never_been(client: Client) -> None:
    """Its points are free at once, with the dates that they had."""
    desk = ready(client, point_currencies=[{"code": "points", "name": "Points", "expiry_months": 12}])
    before = desk.lots()
    desk.done("holds", TEN, hold_id="H", points=1000)
    assert desk.available("2026-03-02") == 0
    voided = desk.done("holds/H/void", TEN, reason="checkout abandoned")
    assert (voided["reason"], voided["balances"]) == ("checkout abandoned", {"points": 1000})
    assert before == desk.lots()
    assert desk.refused("holds/H/capture", TEN, "hold-resolved")["outcome"] == "voided"


def test_a_hold_ends_by_itself(client: Client) -> None:
    """At its moment, without a worker: the points can be spent, and the capture comes too late."""
    desk = ready(client)
    desk.done("holds", TEN, hold_id="H", points=1000, expires_at="2026-03-02T10:30:00Z")
    desk.refused("redemptions", "2026-03-02T10:29:59Z", "insufficient-points", points=1)
    late = desk.refused("holds/H/capture", "2026-03-02T10:30:00Z", "hold-resolved")
    assert late["outcome"] == "expired"
    desk.refused("holds/H/void", "2026-03-02T10:30:00Z", "hold-resolved")
    spent = desk.done("redemptions", "2026-03-02T10:30:00Z", points=1000)
    assert spent["balances"] == {"points": 0}
    assert desk.refused("holds/H/capture", "2026-03-02T10:31:00Z", "hold-resolved")["outcome"] == "expired"
    holds = desk.read("holds?with_resolved=true")["holds"]
    assert [(one["hold_id"], one["status"]) for one in holds] == [("H", "expired")]


def test_an_ended_hold_frees_what_is_sent_away(client: Client) -> None:
    """A transfer takes the lots that an ended hold gives back in the same breath."""
    desk = ready(client, transfers=[{"point_currency": "points"}])
    client.enrol("2")
    desk.done("holds", TEN, points=1000, expires_at="2026-03-02T10:30:00Z")
    desk.done("transfers", "2026-03-02T11:00:00Z", points=700, to_member="card:2")
    assert (desk.available("2026-03-02"), desk.available("2026-03-02", "2")) == (300, 700)


def test_two_tills_share_no_point(client: Client) -> None:
    """However many ask at once, what is held is there; together never more than the member has."""
    desk = ready(client)

    def ask(number: int) -> int:
        body = {"source": f"till-{number}", "hold_id": f"H{number}", "member": "card:1", "occurred_at": TEN}
        return client.post(f"{BASE}/holds", body | {"points": 300}).status

    with ThreadPoolExecutor(8) as tills:
        statuses = sorted(tills.map(ask, range(8)))
    assert statuses == [201] * 3 + [409] * 5
    assert desk.refused("holds", TEN, "insufficient-points", points=101)["available_points"] == 100


def test_of_two_captures_at_once_one_is_carried_out(client: Client) -> None:
    """Two tills that resolve one hold: one spends, the other is told."""
    desk = ready(client)
    desk.done("holds", TEN, hold_id="H", points=400)

    def capture(number: int) -> int:
        body = {"source": "till", "redemption_id": f"R{number}", "occurred_at": TEN}
        return client.post(f"{BASE}/holds/H/capture", body).status

    with ThreadPoolExecutor(4) as tills:
        assert sorted(tills.map(capture, range(4))) == [201, 409, 409, 409]
    assert desk.done("redemptions", TEN, points=600)["balances"] == {"points": 0}


def test_everything_can_be_sent_again(client: Client) -> None:
    """The same request has its effect once, also when the hold was resolved or has ended since."""
    desk = ready(client)
    sent = {
        "holds": {"source": "t", "hold_id": "H", "member": "card:1", "occurred_at": TEN, "points": 400},
        "holds/H/capture": {"source": "t", "redemption_id": "R", "occurred_at": TEN, "points": 100},
    }
    answers = {path: client.post(f"{BASE}/{path}", body) for path, body in sent.items()}
    desk.done("holds", TEN, hold_id="V", points=10)
    sent["holds/V/void"] = {"source": "t", "occurred_at": TEN}
    answers["holds/V/void"] = client.post(f"{BASE}/holds/V/void", sent["holds/V/void"])
    before = client.event_count()
    for path, body in sent.items():
        assert answers[path].status == 201, answers[path].text
        again = client.post(f"{BASE}/{path}", body)
        assert (again.status, again.headers["Idempotency-Replayed"]) == (200, "true")
        assert again.json == answers[path].json | {"replayed": True}
    # Half past ten in Berlin is the same moment as half past nine in UTC, and 400 is 400.
    berlin = sent["holds"] | {"occurred_at": "2026-03-02T11:00:00+01:00"}
    assert client.post(f"{BASE}/holds", berlin).status == 200
    assert client.event_count() == before


def test_an_id_means_one_thing(client: Client) -> None:
    """Another body under the same hold id or redemption id is another request; a redemption's id is taken for all."""
    desk = ready(client)
    client.enrol("2")
    desk.done("holds", TEN, hold_id="H", points=400)
    for changes in ({"points": 401}, {"member": "card:2"}, {"source": "till-2"}, {"amount": "5"}):
        desk.refused("holds", TEN, "key-reused", **{"hold_id": "H", "points": 400} | changes)
    desk.done("redemptions", TEN, redemption_id="R", points=1)
    desk.refused("holds/H/capture", TEN, "key-reused", redemption_id="R")
    desk.done("holds/H/capture", TEN, redemption_id="R2", points=200)
    desk.refused("holds/H/capture", TEN, "key-reused", redemption_id="R2", points=100)
    desk.refused("redemptions", TEN, "key-reused", redemption_id="R2", points=200)
    desk.refused("holds", TEN, "key-reused", hold_id="H", points=100)


def test_a_captured_redemption_is_reversed_in_parts(client: Client) -> None:
    """Each part once, never more than was captured; to the lots it came from."""
    desk = ready(client)
    desk.done("holds", TEN, hold_id="H", points=400)
    desk.done("holds/H/capture", TEN, redemption_id="R", points=300)
    first = desk.done("redemptions/R/reversal", "2026-03-03", points=100, reason="one of three came back")
    assert (first["points"], first["returned"], first["balances"]) == (
        100,
        [{"lot": 1, "points": 100}],
        {"points": 800},
    )
    problem = desk.refused("redemptions/R/reversal", "2026-03-03", "invalid-points", points=201, reason="more")
    assert problem["remaining_points"] == 200
    assert desk.done("redemptions/R/reversal", "2026-03-03", reason="all of it")["points"] == 200
    desk.refused("redemptions/R/reversal", "2026-03-04", "redemption-already-reversed", reason="once more")
    desk.refused("holds/H/capture", "2026-03-03", "hold-resolved")
    balance = desk.balance("2026-03-04")
    assert (balance["available_points"], balance["redeemed_points"], balance["reversed_points"]) == (1000, 300, 300)


@pytest.mark.parametrize(
    ("rule", "asked", "slug"),
    [
        ({"minimum_points": 200}, {"points": 199}, "below-minimum"),
        ({"step_points": 200}, {"points": 300}, "not-in-steps"),
        ({"maximum_share": "0.5"}, {"points": 500}, "amount-required"),
        ({"maximum_share": "0.5"}, {"points": 500, "amount": "9.99"}, "share-exceeded"),
        ({"maximum_share": "0.5"}, {"points": 500, "amount": "-1"}, "invalid-input"),
        ({}, {"points": 1, "point_currency": "stars"}, "unknown-point-currency"),
        ({}, {"points": 1001}, "insufficient-points"),
        ({}, {"points": 0}, "invalid-input"),
        ({}, {"points": 1, "member": "card:9"}, "unknown-member"),
        ({}, {"points": 1, "expires_at": "2026-03-02T10:00:00Z"}, "invalid-expiry"),
        ({}, {"points": 1, "expires_at": "2026-03-02T10:10:00"}, "invalid-input"),
        ({}, {"points": 1, "expires_at": "2026-04-01T10:00:01Z"}, "hold-too-long"),
    ],
)
def test_a_hold_is_refused_for_what_its_redemption_would_be(
    lone_client: Client, rule: dict[str, Any], asked: dict[str, Any], slug: str
) -> None:
    """When it is made, not at the end of a checkout."""
    ready(lone_client, burn=CENT | rule).refused("holds", TEN, slug, **asked)


def test_a_hold_that_was_allowed_can_be_captured(client: Client) -> None:
    """Wholly or partly, whatever minimum, step and share say of the part; the amount was told when it was held."""
    burn = CENT | {"minimum_points": 200, "step_points": 100, "maximum_share": "0.5"}
    desk = ready(client, burn=burn)
    desk.done("holds", TEN, hold_id="H", points=400, amount="8.00")
    desk.done("holds/H/capture", TEN, points=50)
    desk.done("holds", TEN, hold_id="I", points=300, amount="8.00")
    # The basket became smaller at the counter, and with it what points may pay of it.
    desk.refused("holds/I/capture", TEN, "share-exceeded", amount="5.99")
    desk.done("holds/I/capture", TEN, points=299, amount="5.99")
    desk.done("holds", TEN, hold_id="J", points=300, amount="8.00")
    publish(client, "2026-03-02T10:10:00Z", burn=burn | {"minimum_points": 1000})
    desk.done("holds/J/capture", "2026-03-02T10:20:00Z")


def test_a_capture_takes_no_more_than_was_held(client: Client) -> None:
    """Even where the member has more."""
    desk = ready(client)
    desk.done("holds", TEN, hold_id="H", points=400)
    assert desk.refused("holds/H/capture", TEN, "capture-exceeds-hold", points=401)["held_points"] == 400
    desk.refused("holds/H/capture", TEN, "invalid-input", points=0)


def test_the_program_says_how_long(client: Client) -> None:
    """Its default where nothing is asked for, and its longest."""
    desk = ready(client, holds={"default_minutes": 5, "maximum_minutes": 10})
    assert desk.done("holds", TEN, points=1)["expires_at"] == "2026-03-02T10:05:00Z"
    desk.done("holds", TEN, points=1, expires_at="2026-03-02T10:10:00Z")
    problem = desk.refused("holds", TEN, "hold-too-long", points=1, expires_at="2026-03-02T10:10:01Z")
    assert (problem["pointer"], problem["maximum_minutes"]) == ("/expires_at", 10)


def test_an_unknown_hold_is_told(client: Client) -> None:
    """Of a program that exists and of one that does not."""
    desk = ready(client)
    for path in ("holds/H9/capture", "holds/H9/void"):
        assert desk.refused(path, TEN, "unknown-hold")["pointer"] == "/hold_id"
        body = {"source": "t", "redemption_id": "R", "occurred_at": TEN}
        body = body if path.endswith("capture") else {"source": "t", "occurred_at": TEN}
        assert client.post(f"/v1/programs/tea/{path}", body).slug == "unknown-program"
