"""Batches over REST: one result per item, in order."""

import json

from tests.acceptance.conftest import Client, purchase

BATCH = "/v1/programs/coffee/purchases/batch"
NDJSON = {"Content-Type": "application/x-ndjson"}


def test_each_item_succeeds_or_fails_alone(client: Client) -> None:
    """Results come in the order of the items, each as if it had been sent alone."""
    client.create_program()
    client.enrol()
    items = [
        purchase(transaction_id="A"),
        purchase(transaction_id="B", amount="-1"),
        purchase(transaction_id="A"),
        purchase(transaction_id="A", amount="1"),
        purchase(transaction_id="C", member="card:9"),
        {"nonsense": 1},
        purchase(transaction_id="D"),
    ]
    answer = client.post(BATCH, items)
    assert answer.status == 200
    results = answer.json["results"]
    assert [result["status"] for result in results] == [201, 422, 200, 422, 404, 422, 201]
    assert [result["index"] for result in results] == list(range(7))
    assert results[3]["problem"]["type"].endswith("key-reused")
    assert results[6]["purchase"]["balances"] == {"points": 48}
    assert (answer.json["posted_count"], answer.json["replayed_count"], answer.json["refused_count"]) == (2, 1, 4)


def test_a_broken_line_costs_only_itself(client: Client) -> None:
    """Line 7 of an NDJSON body is not JSON: its result says so, and the other lines are booked."""
    client.create_program()
    client.enrol()
    lines = [json.dumps(purchase(transaction_id=f"L{index}")) for index in range(10)]
    lines[6] = lines[6][:-5]
    answer = client.post(BATCH, "\n".join(lines) + "\n", headers=NDJSON)
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    results = [json.loads(line) for line in answer.text.splitlines()]
    assert [result["status"] for result in results] == [201] * 6 + [400] + [201] * 3
    assert results[6]["problem"]["type"].endswith("malformed-body")


def test_sent_again_a_batch_changes_nothing(client: Client) -> None:
    """An offline till that uploads twice gets the same results, marked as replayed."""
    client.create_program()
    client.enrol()
    items = [purchase(transaction_id=f"O{index}") for index in range(50)]
    first = client.post(BATCH, items).json["results"]
    count = client.event_count()
    again = client.post(BATCH, items).json["results"]
    assert [result["purchase"] | {"replayed": True} for result in first] == [result["purchase"] for result in again]
    assert client.event_count() == count


def test_all_or_nothing_is_all_or_nothing(client: Client) -> None:
    """With atomic=true one bad item leaves nothing booked, and says which one it was."""
    client.create_program()
    client.enrol()
    count = client.event_count()
    for bad in (purchase(transaction_id="Z", member="card:9"), purchase(transaction_id="Z", amount="1.001"), 5):
        items = [purchase(transaction_id="X"), bad, purchase(transaction_id="Y")]
        refused = client.post(f"{BATCH}?atomic=true", items)
        assert refused.status == 409
        slugs = [result["problem"]["type"].rsplit(":", 1)[1] for result in refused.json["results"]]
        assert (slugs[0], slugs[2]) == ("not-carried-out", "not-carried-out")
        assert slugs[1] != "not-carried-out"
        assert client.event_count() == count
    booked = client.post(f"{BATCH}?atomic=true", [purchase(transaction_id="X"), purchase(transaction_id="Y")])
    assert booked.status == 200
    assert client.event_count() == count + 2


def test_what_is_no_batch_is_refused_whole(lone_client: Client) -> None:
    """A body that is no array, of another type, too long or too large is refused before anything is booked."""
    lone_client.create_program()
    assert lone_client.post(BATCH, "[{}").slug == "malformed-body"
    assert lone_client.post(BATCH, {}).slug == "invalid-input"
    assert lone_client.post(BATCH, "a;b", headers={"Content-Type": "text/csv"}).slug == "unsupported-media-type"
    assert lone_client.post(BATCH, [1] * 10_001).slug == "invalid-input"
    assert lone_client.post(BATCH, b" " * (8 * 1024 * 1024 + 1)).slug == "body-too-large"
    assert lone_client.post(f"{BATCH}?atomic=maybe", []).slug == "invalid-input"
    assert lone_client.post(BATCH, []).json["results"] == []
