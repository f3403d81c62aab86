"""Redemptions and reversals over REST."""

from typing import Any

from tests.acceptance.conftest import Client, purchase

PURCHASES = "/v1/programs/coffee/purchases"
REDEMPTIONS = "/v1/programs/coffee/redemptions"


def redemption(**changes: Any) -> dict[str, Any]:
    """Return a redemption of 30 points by card 1, changed as told."""
    return {
        "source": "till-1",
        "redemption_id": "R1",
        "member": "card:1",
        "occurred_at": "2026-03-05T10:00:00Z",
        "points": 30,
    } | changes


def test_points_are_worth_a_cent_and_come_from_the_oldest_lots(client: Client) -> None:
    """100 points are 1.00: 30 points are 0.30, taken from the lot that was earned first."""
    client.create_program()
    client.enrol()
    client.post(PURCHASES, purchase(transaction_id="T1", occurred_at="2026-03-02T10:00:00Z"))
    client.post(PURCHASES, purchase(transaction_id="T2", occurred_at="2026-03-01T10:00:00Z"))
    answer = client.post(REDEMPTIONS, redemption())
    assert answer.status == 201
    assert (answer.json["value_minor"], answer.json["value"], answer.json["currency"]) == (30, "0.30", "EUR")
    assert answer.json["taken"] == [{"lot": 2, "points": 24}, {"lot": 1, "points": 6}]
    assert answer.json["balances"] == {"points": 18}
    assert client.post(REDEMPTIONS, redemption()).json == answer.json | {"replayed": True}


def test_the_lot_that_lapses_first_goes_first(client: Client) -> None:
    """Earliest expiry before oldest: a lot with an expiry is used before an older one without."""
    currencies = [{"code": "points", "name": "Points", "expiry_months": 12}]
    client.create_program(point_currencies=currencies)
    client.enrol()
    client.post(PURCHASES, purchase(transaction_id="T1"))
    lot = client.post(PURCHASES, purchase(transaction_id="T2", occurred_at="2026-02-28T10:00:00Z")).json
    assert lot["accruals"][0]["expires_on"] == "2027-02-28"
    assert client.post(REDEMPTIONS, redemption(points=10)).json["taken"] == [{"lot": 2, "points": 10}]


def test_more_than_there_is_is_refused(client: Client) -> None:
    """The refusal says how many points are available, and changes nothing."""
    client.create_program()
    client.enrol()
    client.post(PURCHASES, purchase())
    count = client.event_count()
    refused = client.post(REDEMPTIONS, redemption(points=25))
    assert (refused.status, refused.slug) == (409, "insufficient-points")
    assert (refused.json["available_points"], refused.json["requested_points"]) == (24, 25)
    early = client.post(REDEMPTIONS, redemption(points=1, occurred_at="2026-02-28T10:00:00Z"))
    assert early.slug == "insufficient-points"
    assert client.event_count() == count
    assert client.post(REDEMPTIONS, redemption(points=24)).status == 201


def test_a_reversal_gives_the_same_lots_back(client: Client) -> None:
    """The lots get their points back once; another reversal of the same redemption is refused."""
    client.create_program()
    client.enrol()
    client.post(PURCHASES, purchase())
    client.post(REDEMPTIONS, redemption(points=20))
    reversal = {"source": "till-1", "occurred_at": "2026-03-06T10:00:00Z", "reason": "order cancelled"}
    answer = client.post(f"{REDEMPTIONS}/R1/reversal", reversal)
    assert answer.status == 201
    assert answer.json["returned"] == [{"lot": 1, "points": 20}]
    assert answer.json["balances"] == {"points": 24}
    again = client.post(f"{REDEMPTIONS}/R1/reversal", reversal)
    assert (again.status, again.json["replayed"]) == (200, True)
    other = client.post(f"{REDEMPTIONS}/R1/reversal", reversal | {"reason": "again"})
    assert (other.status, other.slug) == (409, "redemption-already-reversed")
    assert client.post(f"{REDEMPTIONS}/R9/reversal", reversal).slug == "unknown-redemption"


def test_bad_redemptions_are_refused(lone_client: Client) -> None:
    """Zero and negative points, unknown and unspendable point currencies, a reused id."""
    currencies = [{"code": "points", "name": "Points"}, {"code": "status", "name": "Status", "redeemable": False}]
    lone_client.create_program(point_currencies=currencies)
    lone_client.enrol()
    lone_client.post(PURCHASES, purchase())
    slugs = {
        "invalid-input": redemption(points=0),
        "unknown-point-currency": redemption(point_currency="stars"),
        "not-redeemable": redemption(point_currency="status"),
        "unknown-member": redemption(member="card:2"),
        "occurred-in-future": redemption(occurred_at="2099-01-01T00:00:00Z"),
    }
    count = lone_client.event_count()
    assert list(slugs) == [lone_client.post(REDEMPTIONS, body).slug for body in slugs.values()]
    assert lone_client.event_count() == count
    lone_client.post(REDEMPTIONS, redemption(points=1))
    assert lone_client.post(REDEMPTIONS, redemption(points=2)).slug == "key-reused"
