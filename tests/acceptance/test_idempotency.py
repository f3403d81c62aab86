"""Every write can be sent again: the first answer comes again, and anything changed is refused by name."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from khaywe.wiring import Database
from tests.acceptance.conftest import Answer, Client, purchase, running
from tests.acceptance.desk import BASE, Desk, open_desk

AT = "2026-03-02T10:00:00Z"
WHO = {"source": "desk", "occurred_at": AT}
SOLD = {"transaction_id": "T9", "amount": "249.90", "currency": "EUR"}

WRITES: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "purchase": ("purchases", SOLD | {"member": "card:1"}, {"amount": "250.00"}, "/amount"),
    "redemption": ("redemptions", {"redemption_id": "R", "member": "card:1", "points": 5}, {"points": 6}, "/points"),
    "reversal": ("redemptions/R0/reversal", {"reason": "undone"}, {"reason": "other"}, "/reason"),
    "return": ("purchases/T0/returns?source=till-1", {"return_id": "B", "amount": "9"}, {"amount": "8"}, "/amount"),
    "hold": ("holds", {"hold_id": "H", "member": "card:1", "points": 5}, {"points": 6}, "/points"),
    "capture": ("holds/H0/capture", {"redemption_id": "R", "points": 5}, {"points": 6}, "/points"),
    "void": ("holds/H0/void", {"reason": "left"}, {"reason": "other"}, "/reason"),
    "settlement": ("holds/H0/settle", SOLD | {"redemption_id": "R", "points": 5}, {"points": 6}, "/points"),
    "checkout": (
        "checkouts",
        SOLD | {"redemption_id": "R", "points": 5, "member": "card:1"},
        {"points": 6},
        "/points",
    ),
    "accrual": (
        "accruals",
        {"accrual_id": "A", "member": "card:1", "points": 5, "reason": "welcome"},
        {"points": 6},
        "/points",
    ),
    "adjustment": (
        "adjustments",
        {"adjustment_id": "A", "member": "card:1", "points": -5, "reason": "error"},
        {"points": -6},
        "/points",
    ),
    "transfer": (
        "transfers",
        {"transfer_id": "X", "member": "card:1", "to_member": "card:2", "points": 5},
        {"points": 6},
        "/points",
    ),
    "suspension": ("members/card:1/suspend", {"reason": "misuse"}, {"reason": "other"}, "/reason"),
    "closure": ("members/card:2/close", {"reason": "left"}, {"reason": "other"}, "/reason"),
    "merger": (
        "members/card:2/merge",
        {"reason": "one person", "into_member": "card:1"},
        {"reason": "other"},
        "/reason",
    ),
    "pool": ("pools", {"pool_id": "P", "members": ["card:1", "card:2"]}, {"source": "other"}, "/source"),
    "pool member": ("pools/P0/members", {"member": "card:2"}, {"source": "other"}, "/source"),
    "pool redemption": ("pools/P0/redemptions", {"redemption_id": "R", "points": 5}, {"points": 6}, "/points"),
    "program": ("publish", {"effective_from": AT}, {"effective_from": "2026-03-03T10:00:00Z"}, "/effective_from"),
}
"""Of each write: where it goes, what is sent, what is changed, and which field the refusal has to name."""


def ready(client: Client) -> Desk:
    """Publish a program, and have something to undo, hold, capture and spend."""
    desk = open_desk(client, "1", "2", transfers=[{"point_currency": "points"}])
    desk.buy(1000, "2026-03-01", transaction_id="T0")
    desk.done("redemptions", "2026-03-01T13:00:00Z", redemption_id="R0", points=10)
    desk.done("holds", "2026-03-02T09:50:00Z", hold_id="H0", points=10)
    desk.done("pools", "2026-03-01", pool_id="P0", members=["card:1"])
    return desk


def body_of(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return what is sent."""
    return fields if name == "program" else WHO | fields


@pytest.mark.parametrize("name", WRITES)
def test_every_write_can_be_sent_again(lone_client: Client, name: str) -> None:
    """Under the caller's own key, and nothing is booked twice; something else under it is refused by name."""
    ready(lone_client)
    if name == "program":
        draft = {
            "point_currencies": [{"code": "points", "name": "Points"}],
            "earn": {"rule": 1, "point_currency": "points"},
        }
        assert lone_client.call("PUT", f"{BASE}/draft", draft).status == 200
    path, fields, changes, pointer = WRITES[name]
    body, headers = body_of(name, fields), {"Idempotency-Key": "k"}
    first = lone_client.post(f"{BASE}/{path}", body, headers=headers)
    assert first.status == 201, first.text
    assert "Idempotency-Replayed" not in first.headers
    count = lone_client.event_count()
    again = lone_client.post(f"{BASE}/{path}", body, headers=headers)
    assert (again.status, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert without_replayed(again.json) == without_replayed(first.json)
    if name != "program":
        assert (first.json["replayed"], again.json["replayed"]) == (False, True)
    other = lone_client.post(f"{BASE}/{path}", body | changes, headers=headers)
    assert (other.status, other.slug) == (422, "key-reused"), other.text
    assert pointer in [one["pointer"] for one in other.json["differences"]]
    assert other.json["first"]["position"]
    assert lone_client.event_count() == count


def without_replayed(body: Any) -> Any:
    """Return an answer without what says that it is one again."""
    if isinstance(body, dict):
        return {name: without_replayed(value) for name, value in body.items() if name != "replayed"}
    return body


@pytest.mark.parametrize("name", ["purchase", "redemption", "hold", "capture", "settlement", "checkout", "transfer"])
def test_the_business_reference_is_a_key_by_itself(lone_client: Client, name: str) -> None:
    """Without any header, and under another one."""
    ready(lone_client)
    path, fields, changes, pointer = WRITES[name]
    body = body_of(name, fields)
    assert lone_client.post(f"{BASE}/{path}", body).status == 201
    again = lone_client.post(f"{BASE}/{path}", body, headers={"Idempotency-Key": "another"})
    assert (again.status, again.json["replayed"]) == (200, True)
    other = lone_client.post(f"{BASE}/{path}", body | changes)
    assert pointer in [one["pointer"] for one in other.json["differences"]]


@pytest.mark.parametrize(
    ("changes", "differences"),
    [
        ({"amount": "250.00"}, [{"pointer": "/amount", "first": "249.90", "now": "250.00"}]),
        ({"amount": 250.5}, [{"pointer": "/amount", "first": "249.90", "now": "250.5"}]),
        (
            {"occurred_at": "2026-03-01T10:00:00+01:00"},
            [{"pointer": "/occurred_at", "first": "2026-03-01T10:00:00Z", "now": "2026-03-01T10:00:00+01:00"}],
        ),
        ({"lines": [{"amount": "1"}]}, [{"pointer": "/lines", "first": "2 lines", "now": "1 lines"}]),
        (
            {"lines": [{"amount": "199.90", "sku": "a"}, {"amount": "50", "sku": "c", "quantity": 2}]},
            [
                {"pointer": "/lines/1/quantity", "first": "1", "now": 2},
                {"pointer": "/lines/1/sku", "first": "b", "now": "c"},
            ],
        ),
        ({"member": "card:2"}, [{"pointer": "/member", "note": "It is about another member."}]),
        ({"member": "card:77777"}, [{"pointer": "/member", "note": "It is about another member."}]),
    ],
)
def test_the_difference_is_named(client: Client, changes: dict[str, Any], differences: list[Any]) -> None:
    """With what was recorded first and where, what is sent now, and no word about who the member is."""
    client.create_program()
    client.enrol("1")
    client.enrol("2")
    lines = [{"amount": "199.9", "sku": "a"}, {"amount": "50.00", "sku": "b"}]
    first = client.post(f"{BASE}/purchases", purchase(lines=lines))
    assert first.status == 201, first.text
    refused = client.post(f"{BASE}/purchases", purchase(lines=lines) | changes)
    assert refused.json["differences"] == differences
    assert refused.json["first"] == {
        "kind": "account.purchase_posted.v1",
        "position": first.json["position"],
        "recorded_at": first.json["recorded_at"],
        "source": "till-1",
        "transaction_id": "T1",
    }
    assert "card" not in refused.text


def test_a_key_of_another_operation_is_told(client: Client) -> None:
    """By what was recorded under it; and one member named in two ways is not called another."""
    desk = open_desk(client)
    desk.buy(100, "2026-03-01")
    member_id = client.enrol("2")["member_id"]
    headers = {"Idempotency-Key": "k"}
    sold = purchase(transaction_id="T8", member="card:2")
    assert client.post(f"{BASE}/purchases", sold, headers=headers).status == 201
    spent = WHO | {"redemption_id": "R", "member": "card:1", "points": 1}
    other = client.post(f"{BASE}/redemptions", spent, headers=headers)
    assert other.json["differences"] == [
        {"pointer": "", "first": "account.purchase_posted.v1", "now": "account.points_redeemed.v1"}
    ]
    (difference,) = client.post(f"{BASE}/purchases", sold | {"member": member_id}).json["differences"]
    assert (difference["pointer"], difference["note"].startswith("Nothing that the ledger keeps")) == ("", True)


def test_a_batch_names_the_difference_too(client: Client) -> None:
    """Also between two of its own items."""
    client.create_program()
    client.enrol()
    answer = client.post(f"{BASE}/purchases/batch", [purchase(), purchase(amount="250"), purchase()])
    results = answer.json["results"]
    assert [one["status"] for one in results] == [201, 422, 200]
    problem = results[1]["problem"]
    assert problem["differences"] == [{"pointer": "/amount", "first": "249.90", "now": "250"}]
    assert problem["first"]["position"] == results[0]["purchase"]["position"]
    again = client.post(f"{BASE}/purchases/batch", [purchase(amount="1")])
    assert again.json["results"][0]["problem"]["differences"][0]["first"] == "249.90"


@pytest.fixture
def two_processes(any_database: Database) -> Iterator[tuple[Client, Client]]:
    """Provide clients of two API servers, each with a poster of its own, on one ledger."""
    with running(any_database) as one, running(any_database) as other:
        yield one, other


@pytest.mark.parametrize("name", ["purchase", "redemption", "capture", "settlement", "checkout", "adjustment"])
def test_duplicates_in_flight_wait_for_the_first(two_processes: tuple[Client, Client], name: str) -> None:
    """However many arrive at once, at one process or at two: one is carried out, all get its answer."""
    ready(two_processes[0])
    path, fields, _, _ = WRITES[name]
    body = body_of(name, fields)
    before = two_processes[0].event_count()

    def send(number: int) -> Answer:
        return two_processes[number % 2].post(f"{BASE}/{path}", body, headers={"Idempotency-Key": "k"})

    with ThreadPoolExecutor(8) as tills:
        answers = list(tills.map(send, range(16)))
    assert sorted(one.status for one in answers) == [200] * 15 + [201]
    (told,) = {str(without_replayed(one.json)) for one in answers}
    assert told
    assert two_processes[0].event_count() == before + (2 if name in {"settlement", "checkout"} else 1)
