"""Purchases over REST: booked once, priced to the digit, refused precisely."""

import json
from typing import Any

import pytest

from tests.acceptance.conftest import Client, purchase

PURCHASES = "/v1/programs/coffee/purchases"


def test_a_purchase_earns_by_the_guides_rule(client: Client) -> None:
    """249.90 over 100 earns a tenth, rounded down: 24 points, dated in the program's time zone."""
    client.create_program()
    client.enrol()
    answer = client.post(PURCHASES, purchase(occurred_at="2026-03-01T23:30:00Z"))
    assert answer.status == 201
    assert answer.json["points"] == 24
    assert answer.json["effective_on"] == "2026-03-02"
    assert answer.json["amount_minor"] == 24990
    assert answer.json["balances"] == {"points": 24}
    assert answer.json["accruals"][0]["expires_on"] is None
    assert not answer.json["replayed"]


@pytest.mark.parametrize(("amount", "points"), [("100", 0), ("100.00", 0), ("100.01", 10), ("0", 0), ("109.99", 10)])
def test_the_threshold_is_exact(lone_client: Client, amount: str, points: int) -> None:
    """The rule says over 100: 100.00 earns nothing, 100.01 earns."""
    lone_client.create_program()
    lone_client.enrol()
    assert lone_client.post(PURCHASES, purchase(amount=amount)).json["points"] == points


def test_sent_again_it_is_answered_again(client: Client) -> None:
    """The same purchase, spelled differently, gets the first answer and books nothing."""
    client.create_program()
    client.enrol()
    first = client.post(PURCHASES, purchase())
    count = client.event_count()
    again = client.post(PURCHASES, purchase(amount=249.9, occurred_at="2026-03-01T11:00:00+01:00"))
    assert again.status == 200
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json == first.json | {"replayed": True}
    assert client.event_count() == count


def test_another_purchase_under_the_same_key_is_refused(client: Client) -> None:
    """Source and transaction id name one purchase for ever, whatever is different and whoever bought."""
    client.create_program()
    client.enrol("1")
    client.enrol("2")
    client.post(PURCHASES, purchase())
    count = client.event_count()
    for changes in ({"amount": "250"}, {"occurred_at": "2026-03-01T10:00:01Z"}, {"member": "card:2"}):
        refused = client.post(PURCHASES, purchase(**changes))
        assert (refused.status, refused.slug) == (422, "key-reused")
    assert client.post(PURCHASES, purchase(source="till-2", amount="250")).status == 201
    assert client.event_count() == count + 1


def test_an_idempotency_key_is_a_second_net(client: Client) -> None:
    """The header keeps the caller's own key: the same body replays, another body is refused."""
    client.create_program()
    client.enrol()
    headers = {"Idempotency-Key": "abc"}
    assert client.post(PURCHASES, purchase(), headers=headers).status == 201
    assert client.post(PURCHASES, purchase(), headers=headers).status == 200
    refused = client.post(PURCHASES, purchase(transaction_id="T2"), headers=headers)
    assert (refused.status, refused.slug) == (422, "key-reused")


@pytest.mark.parametrize(
    ("changes", "status", "slug", "pointer"),
    [
        ({"amount": "-1"}, 422, "invalid-amount", "/amount"),
        ({"amount": "1.001"}, 422, "invalid-amount", "/amount"),
        ({"amount": 0.1 + 0.2}, 422, "invalid-amount", "/amount"),
        ({"amount": "NaN"}, 422, "invalid-amount", "/amount"),
        ({"amount": "Infinity"}, 422, "invalid-amount", "/amount"),
        ({"amount": "1E+400000"}, 422, "invalid-amount", "/amount"),
        ({"amount": "12,50"}, 422, "invalid-input", "/amount"),
        ({"amount": None}, 422, "invalid-input", "/amount"),
        ({"amount": True}, 422, "invalid-input", "/amount"),
        ({"currency": "USD"}, 422, "currency-mismatch", "/currency"),
        ({"currency": "XXX"}, 422, "unknown-currency", "/currency"),
        ({"currency": "eur"}, 422, "unknown-currency", "/currency"),
        ({"currency": "EURO"}, 422, "invalid-input", "/currency"),
        ({"occurred_at": "2099-01-01T00:00:00Z"}, 422, "occurred-in-future", "/occurred_at"),
        ({"occurred_at": "1969-12-31T23:59:59Z"}, 422, "invalid-input", "/occurred_at"),
        ({"occurred_at": "2026-03-01T10:00:00"}, 422, "invalid-input", "/occurred_at"),
        ({"occurred_at": "yesterday"}, 422, "invalid-input", "/occurred_at"),
        ({"occurred_at": "2016-12-31T22:59:59Z"}, 409, "no-version-in-force", "/occurred_at"),
        ({"member": "card:2"}, 404, "unknown-member", "/member"),
        ({"member": "00000000-0000-4000-8000-000000000000"}, 409, "account-not-open", None),
        ({"member": "nonsense"}, 422, "invalid-input", "/member"),
        ({"member": "card:"}, 422, "invalid-input", "/member"),
        ({"transaction_id": ""}, 422, "invalid-input", "/transaction_id"),
        ({"transaction_id": "a\u001fb"}, 422, "invalid-input", "/transaction_id"),
        ({"transaction_id": "x" * 201}, 422, "invalid-input", "/transaction_id"),
        ({"surprise": 1}, 422, "invalid-input", "/surprise"),
    ],
)
def test_bad_input_is_refused_precisely(
    lone_client: Client,
    changes: dict[str, Any],
    status: int,
    slug: str,
    pointer: str | None,
) -> None:
    """Each refusal has its own slug, points at the field, and leaves the ledger as it was."""
    lone_client.create_program()
    lone_client.enrol()
    count = lone_client.event_count()
    refused = lone_client.post(PURCHASES, purchase(**changes))
    assert (refused.status, refused.slug, refused.json.get("pointer")) == (status, slug, pointer)
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json["detail"]
    assert lone_client.event_count() == count


def test_bodies_that_are_no_purchase_are_refused(lone_client: Client) -> None:
    """Not JSON, JSON of another shape, a number that is none, and ten megabytes: each is told apart."""
    lone_client.create_program()
    lone_client.enrol()
    count = lone_client.event_count()
    assert lone_client.post(PURCHASES, "{").slug == "malformed-body"
    assert lone_client.post(PURCHASES, b"\xff\xfe").slug == "malformed-body"
    assert lone_client.post(PURCHASES, "[]").slug == "invalid-input"
    naked = json.dumps(purchase()).replace('"249.90"', "NaN")
    assert lone_client.post(PURCHASES, naked).slug == "malformed-body"
    large = lone_client.post(PURCHASES, json.dumps(purchase(source="x" * 10_000_000)))
    assert (large.status, large.slug) == (413, "body-too-large")
    assert lone_client.event_count() == count


def test_a_missing_field_is_named(lone_client: Client) -> None:
    """The pointer is that of the field that is not there."""
    lone_client.create_program()
    body = purchase()
    del body["currency"]
    assert lone_client.post(PURCHASES, body).json["pointer"] == "/currency"


def test_an_unknown_program_is_told(lone_client: Client) -> None:
    """A purchase for a program that does not exist is told so, however the member is named."""
    for member in ("card:1", "00000000-0000-4000-8000-000000000000"):
        refused = lone_client.post("/v1/programs/nothing/purchases", purchase(member=member))
        assert (refused.status, refused.slug) == (404, "unknown-program")


def test_nothing_is_open_without_a_key(lone_client: Client) -> None:
    """No key, a wrong key, and a path that does not exist all answer 401 below /v1."""
    assert lone_client.post(PURCHASES, purchase(), key="").status == 401
    assert lone_client.post(PURCHASES, purchase(), key="khaywe_wrong").slug == "unauthorized"
    assert lone_client.call("GET", "/v1/whatever", key="").status == 401


def test_unknown_addresses_and_methods_are_problems_too(lone_client: Client) -> None:
    """Even what the router refuses is a problem with a slug."""
    assert lone_client.get("/v1/whatever").slug == "no-such-resource"
    refused = lone_client.call("DELETE", PURCHASES)
    assert (refused.status, refused.slug, refused.headers["Allow"]) == (405, "method-not-allowed", "POST")


def test_request_ids_go_through(lone_client: Client) -> None:
    """A caller's request id comes back; a bad one is replaced."""
    answer = lone_client.call("GET", "/v1/programs/x", headers={"X-Request-Id": "till-7/42"})
    assert answer.headers["X-Request-Id"] == "till-7/42"
    assert len(lone_client.call("GET", "/v1/programs/x").headers["X-Request-Id"]) == 32
