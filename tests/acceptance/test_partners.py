"""A key limited to partners reaches only members whom these enrolled; others are not there, wherever they are named."""

from typing import Any

import pytest

from tests.acceptance.conftest import Client, purchase

PATH = "/v1/programs/coffee"


class Two:
    """A bakery and a garage in one program, each with a member and a key of its own."""

    def __init__(self, client: Client) -> None:
        self.client = client
        client.create_program()
        self.keys = {name: self.key(name) for name in ("bakery", "garage")}
        for name in self.keys:
            body = {"identifiers": [{"kind": "card", "value": name}], "occurred_at": "2017-01-01T00:00:00Z"}
            assert client.post(f"{PATH}/members", body, key=self.keys[name]).status == 201

    def key(self, partner: str) -> str:
        """Issue a key."""
        grant = {"role": "partner", "partners": [partner], "programs": ["coffee"]}
        return str(self.client.post("/v1/access/keys", grant).json["key"])

    def call(self, who: str, method: str, path: str, body: Any = None) -> tuple[int, str]:
        """Call as a partner; return status and slug, if it was refused."""
        answer = self.client.call(method, path, body, key=self.keys[who])
        return answer.status, answer.slug if answer.status >= 400 else ""


@pytest.fixture
def two(lone_client: Client) -> Two:
    """Provide two partners."""
    return Two(lone_client)


def test_a_partner_books_for_its_own_members_only(two: Two) -> None:
    """Alone, in a batch, as a checkout, or on a hold of theirs."""
    own, other = purchase(member="card:bakery"), purchase(member="card:garage", transaction_id="T2")
    assert two.call("bakery", "POST", f"{PATH}/purchases", own) == (201, "")
    assert two.call("bakery", "POST", f"{PATH}/purchases", other) == (404, "unknown-member")
    batch = two.client.post(f"{PATH}/purchases/batch", [own, other], key=two.keys["bakery"]).json["results"]
    assert [item["status"] for item in batch] == [200, 404]
    redemption = {
        "source": "till-1",
        "redemption_id": "R1",
        "member": "card:bakery",
        "occurred_at": "2026-03-02T10:00:00Z",
        "points": 5,
    }
    assert two.call("garage", "POST", f"{PATH}/redemptions", redemption) == (404, "unknown-member")
    assert two.call("bakery", "POST", f"{PATH}/redemptions", redemption) == (201, "")
    reversal = {"source": "till-1", "occurred_at": "2026-03-02T11:00:00Z", "reason": "cancelled"}
    assert two.call("garage", "POST", f"{PATH}/redemptions/R1/reversal", reversal) == (404, "unknown-redemption")
    returned = {"source": "till-1", "return_id": "X1", "occurred_at": "2026-03-03T10:00:00Z", "amount": "10.00"}
    path = f"{PATH}/purchases/T1/returns?source=till-1"
    assert two.call("garage", "POST", path, returned) == (404, "unknown-purchase")
    hold = {key: value for key, value in redemption.items() if key != "redemption_id"} | {"hold_id": "H1"}
    assert two.call("bakery", "POST", f"{PATH}/holds", hold) == (201, "")
    voiding = {"source": "till-1", "occurred_at": "2026-03-02T10:01:00Z"}
    assert two.call("garage", "POST", f"{PATH}/holds/H1/void", voiding) == (404, "unknown-hold")
    assert two.call("bakery", "POST", f"{PATH}/holds/H1/void", voiding) == (201, "")


def test_a_partner_reads_its_own_members_only(two: Two) -> None:
    """By card and by id; the answer is that of a member who is not there."""
    assert two.call("bakery", "POST", f"{PATH}/purchases", purchase(member="card:bakery")) == (201, "")
    member_id = two.client.get(f"{PATH}/members/card:bakery").json["member_id"]
    explanation = f"{PATH}/purchases/T1/explanation?source=till-1"
    for path in ("", "/account", "/lots", "/purchases", "/timeline", "/tiers", "/holds"):
        for name in ("card:bakery", member_id):
            assert two.call("garage", "GET", f"{PATH}/members/{name}{path}") == (404, "unknown-member"), path
    assert two.call("garage", "GET", explanation) == (404, "unknown-purchase")
    assert two.call("bakery", "GET", explanation) == (200, "")
    quote = purchase(member="card:bakery")
    del quote["transaction_id"]
    assert two.call("garage", "POST", f"{PATH}/quotes", quote) == (404, "unknown-member")


def test_what_is_about_everybody_is_closed_to_partners(two: Two) -> None:
    """Also by what they would be allowed to do: reports over all members, streams and queued batches."""
    assert two.call("bakery", "GET", f"{PATH}/variances") == (403, "forbidden")
    assert two.call("bakery", "GET", f"{PATH}/batches") == (403, "forbidden")
    redemption = {
        "source": "till-1",
        "redemption_id": "R1",
        "occurred_at": "2026-03-02T10:00:00Z",
        "points": 5,
    }
    assert two.call("bakery", "POST", f"{PATH}/pools/home/redemptions", redemption) == (403, "forbidden")


def test_a_partner_cannot_take_over_a_member(two: Two) -> None:
    """Enrolling somebody who is there already, through somebody else, tells no more than that."""
    body = {"identifiers": [{"kind": "card", "value": "garage"}]}
    assert two.call("bakery", "POST", f"{PATH}/members", body) == (409, "identifier-taken")
    assert two.call("bakery", "POST", f"{PATH}/members", body | {"partner": "garage"}) == (403, "forbidden")
