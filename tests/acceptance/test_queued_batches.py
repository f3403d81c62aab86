"""Batches over REST that are taken in at once, carried out by a worker, and asked about."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from projections.batches import BLOCK_SIZE
from tests.acceptance.conftest import Answer, Client, purchase
from workers.batches import delete_old_items, take_turns
from workers.sweeping import Deps

BATCHES = "/v1/programs/coffee/batches"
NDJSON = "application/x-ndjson"


def deps(client: Client, poster: Any) -> Deps:
    """Return what a worker works with."""
    return Deps(client.database.connect, poster, client.database.partition_count)


def work(client: Client) -> None:
    """Carry out everything that was sent."""
    with client.database.poster() as poster:
        while take_turns(deps(client, poster), uuid4()):
            pass


def send(client: Client, body: Any, key: str | None = "K1", kind: str = "application/json") -> Answer:
    """Send a batch."""
    headers = {"Content-Type": kind} | ({"Idempotency-Key": key} if key is not None else {})
    return client.post(BATCHES, body, headers=headers)


def sent(client: Client, body: Any, key: str = "K1", kind: str = "application/json") -> str:
    """Send a batch that is taken in, and return where it is."""
    answer = send(client, body, key, kind)
    assert answer.status == 202, answer.text
    return answer.headers["Location"]


def results(client: Client, path: str, limit: int = 1000) -> list[Any]:
    """Read all results of a batch that has ended, page by page."""
    found: list[Any] = []
    cursor = ""
    while True:
        page = client.get(f"{path}/results?limit={limit}{cursor}").json
        found += page["results"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def rejects(client: Client, path: str) -> list[Any]:
    """Download what was refused."""
    answer = client.get(f"{path}/rejects")
    assert answer.headers["Content-Type"].startswith(NDJSON)
    assert answer.headers["Content-Disposition"].startswith("attachment")
    return [json.loads(line) for line in answer.text.splitlines()]


def numbered(numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Return purchases."""
    return [purchase(transaction_id=f"Q{number}") for number in numbers]


def test_a_batch_is_taken_in_and_carried_out(client: Client) -> None:
    """Queued at first, nothing booked; then done, with a result per item in order and a file of what was refused."""
    client.create_program()
    client.enrol()
    count = client.event_count()
    bad = {"nonsense": 1, "at": "ü"}
    items = [
        *numbered([0, 1]),
        purchase(amount="-1"),
        bad,
        purchase(transaction_id="N", member="card:9"),
        *numbered([0]),
    ]
    taken = send(client, items)
    assert taken.status == 202
    assert (taken.json["status"], taken.json["item_count"], taken.json["done_count"]) == ("queued", 6, 0)
    assert taken.json["sent_by"].startswith("key:khaywe_")
    assert client.event_count() == count
    path = taken.headers["Location"]
    assert path == f"{BATCHES}/{taken.json['batch_id']}"
    early = client.get(f"{path}/results").json
    assert early["results"] == []
    assert client.get(f"{path}/results?cursor={early['next_cursor']}").json == early

    work(client)
    batch = client.get(path).json
    assert (batch["status"], batch["done_count"], batch["seconds_left"]) == ("done", 6, None)
    assert (batch["posted_count"], batch["replayed_count"], batch["refused_count"]) == (2, 1, 3)
    assert batch["created_at"] <= batch["started_at"] <= batch["ended_at"]
    assert client.event_count() == count + 2
    told = results(client, path, limit=4)
    assert [(one["index"], one["status"]) for one in told] == [
        (0, 201),
        (1, 201),
        (2, 422),
        (3, 422),
        (4, 404),
        (5, 200),
    ]
    assert told[5] == {"index": 5, "status": 200, "points": 24, "position": told[0]["position"], "replayed": True}
    refused = rejects(client, path)
    assert [(one["index"], one["item"]) for one in refused] == [(index, items[index]) for index in (2, 3, 4)]
    assert [one["problem"] for one in refused] == [told[index]["problem"] for index in (2, 3, 4)]
    alone = client.post("/v1/programs/coffee/purchases", items[4])
    assert refused[2]["problem"] == {name: value for name, value in alone.json.items() if name != "instance"}


@pytest.mark.parametrize("kind", ["application/json", NDJSON])
def test_a_large_batch_keeps_its_order(lone_client: Client, kind: str) -> None:
    """Over several blocks, in either form, in one page or many."""
    client = lone_client
    client.create_program()
    client.enrol()
    item_count = 2 * BLOCK_SIZE + 500
    items = numbered(range(item_count))
    items[1_500]["amount"] = "1.001"
    lines = "\n".join(json.dumps(item) for item in items)
    path = sent(client, json.dumps(items, indent=1) if kind != NDJSON else lines, kind=kind)
    work(client)
    told = results(client, path, limit=999)
    assert [one["index"] for one in told] == list(range(item_count))
    assert {one["index"]: one["status"] for one in told if one["status"] != 201} == {1_500: 422}
    assert [one["item"] for one in rejects(client, path)] == [items[1_500]]
    batch = client.get(path).json
    assert (batch["posted_count"], batch["refused_count"]) == (item_count - 1, 1)


def test_lines_that_are_no_json_come_back_as_text(lone_client: Client) -> None:
    """So that the file of rejects is good NDJSON whatever was sent."""
    client = lone_client
    client.create_program()
    client.enrol()
    body = json.dumps(purchase()).encode() + b'\n\n{"source": \n\xff\n'
    path = sent(client, body, kind=NDJSON)
    work(client)
    assert [(one["index"], one["item"]) for one in rejects(client, path)] == [(1, '{"source": '), (2, "\ufffd")]
    assert {one["problem"]["type"].rpartition(":")[2] for one in rejects(client, path)} == {"malformed-body"}


def test_sent_again_it_is_the_same_batch(client: Client) -> None:
    """Before and after it is carried out; another body under the key is refused, with what tells them apart."""
    client.create_program()
    client.enrol()
    first = send(client, numbered([0]))
    again = send(client, numbered([0]))
    assert (again.status, again.headers["Idempotency-Replayed"], again.json) == (200, "true", first.json)
    work(client)
    assert send(client, numbered([0])).json["status"] == "done"
    other = send(client, numbered([0, 1]))
    assert (other.status, other.slug, other.json["pointer"]) == (422, "key-reused", "/Idempotency-Key")
    assert other.json["batch_id"] == first.json["batch_id"]
    assert other.json["known_sha256"] == first.json["body_sha256"] != other.json["sent_sha256"]
    assert other.json["known_bytes"] < other.json["sent_bytes"]
    assert send(client, json.dumps(numbered([0])), kind=NDJSON).slug == "key-reused"
    assert len(client.get(BATCHES).json["batches"]) == 1


def test_batches_are_listed_newest_first(lone_client: Client) -> None:
    """Page by page, and only those of the program."""
    client = lone_client
    client.create_program()
    client.create_program("tea")
    paths = [sent(client, [], key=f"K{number}") for number in range(5)]
    found: list[str] = []
    cursor = ""
    while True:
        page = client.get(f"{BATCHES}?limit=2{cursor}").json
        found += [one["batch_id"] for one in page["batches"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == [path.rpartition("/")[2] for path in reversed(paths)]
    assert client.get("/v1/programs/tea/batches").json["batches"] == []
    assert client.get(paths[0].replace("coffee", "tea")).slug == "unknown-batch"


def test_an_empty_batch_is_done_at_once(lone_client: Client) -> None:
    """There is nothing to do, and that is no error."""
    client = lone_client
    client.create_program()
    for number, kind in enumerate(["application/json", NDJSON]):
        path = sent(client, "[]" if kind != NDJSON else "\n", key=f"K{number}", kind=kind)
        work(client)
        assert client.get(path).json["status"] == "done"
        assert results(client, path) == rejects(client, path) == []


def test_a_queued_batch_can_be_cancelled(lone_client: Client) -> None:
    """Nothing of it is booked; cancelled again it stays so; one that is done cannot be."""
    client = lone_client
    client.create_program()
    client.enrol()
    count = client.event_count()
    path = sent(client, numbered([0]))
    for _ in range(2):
        answer = client.post(f"{path}/cancel", None)
        assert (answer.status, answer.json["status"], answer.json["is_stopping"]) == (200, "cancelled", False)
    work(client)
    assert client.event_count() == count
    assert results(client, path) == []
    done = sent(client, numbered([0]), key="K2")
    work(client)
    refused = client.post(f"{done}/cancel", None)
    assert (refused.status, refused.slug) == (409, "batch-ended")


def test_what_is_no_batch_is_refused(lone_client: Client) -> None:
    """And nothing of it is kept."""
    client = lone_client
    client.create_program()
    assert send(client, "a;b", kind="text/csv").slug == "unsupported-media-type"
    missing = send(client, [], key=None)
    assert (missing.status, missing.slug, missing.json["pointer"]) == (422, "invalid-input", "/Idempotency-Key")
    for body in ("", "{}", "[{}", "[1,]", "5"):
        assert send(client, body).slug == "malformed-body"
    large = json.dumps(purchase(transaction_id="x" * 70_000))
    assert send(client, f"[{large}]").slug == "body-too-large"
    assert send(client, large, kind=NDJSON).slug == "body-too-large"
    assert send(client, " " * (64 * 1024 * 1024 + 1)).slug == "body-too-large"
    many = send(client, "1\n" * 1_000_001, kind=NDJSON)
    assert (many.slug, many.status) == ("invalid-input", 422)
    headers = {"Idempotency-Key": "K1"}
    assert client.post("/v1/programs/tea/batches", [], headers=headers).slug == "unknown-program"
    assert client.get(BATCHES).json["batches"] == []
    for path in ("", "/results", "/rejects"):
        assert client.get(f"{BATCHES}/nonsense{path}").slug == "unknown-batch"
        assert client.get(f"{BATCHES}/{uuid4()}{path}").slug == "unknown-batch"
    path = sent(client, [])
    assert client.get(f"{path}/results?cursor=x").slug == "invalid-input"
    assert client.get(f"{path}/results?limit=0").slug == "invalid-input"


def test_items_are_deleted_after_a_while(lone_client: Client) -> None:
    """They may name members; the counts stay, and open batches keep theirs."""
    client = lone_client
    client.create_program()
    client.enrol()
    path = sent(client, [*numbered([0]), 5])
    work(client)
    waiting = sent(client, numbered([1]), key="K2")
    with client.database.poster() as poster:
        for days, deleted in ((29, False), (31, True)):
            now = datetime.now(UTC) + timedelta(days=days)
            report = delete_old_items(deps(client, poster), now, lambda _: None)
            assert bool(report.detail) == deleted
            assert (client.get(path).json["items_deleted_at"] is not None) == deleted
    for question in ("results", "rejects"):
        answer = client.get(f"{path}/{question}")
        assert (answer.status, answer.slug) == (410, "batch-items-deleted")
    assert client.get(path).json["refused_count"] == 1
    with client.database.connect() as connection:
        assert connection.execute("SELECT count(DISTINCT batch_id) FROM batches.blocks").fetchone() == (1,)
    work(client)
    assert client.get(waiting).json["posted_count"] == 1
