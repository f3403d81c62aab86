"""Streams over REST: a line for a line, in order, while both go on."""

import json
import time
from typing import Any

from tests.acceptance.conftest import Client, purchase
from tests.acceptance.streams import NDJSON, STREAM, OpenStream, stream

CARDS = tuple(str(number) for number in range(1, 21))


def line(number: int, **changes: Any) -> bytes:
    """Return a purchase as a line."""
    card = CARDS[number % len(CARDS)]
    return json.dumps(purchase(transaction_id=f"S{number}", member=f"card:{card}") | changes).encode()


def open_shop(client: Client) -> None:
    """Publish the program and enrol the members."""
    client.create_program()
    for card in CARDS:
        client.enrol(card)


def purchase_count(client: Client) -> int:
    """Return how many purchases are booked."""
    with client.database.connect() as connection:
        query = "SELECT count(*) FROM ledger.events WHERE topic = 'account.purchase_posted.v1'"
        row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def test_twenty_thousand_lines_are_answered_in_order(lone_client: Client) -> None:
    """Each with its own points and position; sent again, all of them are replayed."""
    open_shop(lone_client)
    lines = [line(number, amount=f"{100 + number % 900}.50") for number in range(20_000)]
    answers = stream(lone_client, lines)
    assert [answer["index"] for answer in answers] == list(range(20_000))
    assert {answer["status"] for answer in answers} == {201}
    assert [answer["points"] for answer in answers] == [
        (1000 + number % 900 * 10 + 5) // 100 for number in range(20_000)
    ]
    assert len({answer["position"] for answer in answers}) == 20_000
    assert purchase_count(lone_client) == 20_000
    again = stream(lone_client, lines)
    assert again == [answer | {"status": 200, "replayed": True} for answer in answers]
    assert purchase_count(lone_client) == 20_000


def test_a_bad_line_costs_only_itself(client: Client) -> None:
    """What is wrong with it is said at its index, and blank lines have none."""
    open_shop(client)
    lines = [
        line(0),
        b"",
        line(1)[:-5],
        line(2, amount="-1"),
        b"  ",
        b'"' + b"x" * 70_000 + b'"',
        line(3, member="card:99"),
        line(0, amount="500"),
        b"\xff\xfe",
        line(4),
    ]
    answers = stream(client, lines)
    assert [(answer["index"], answer["status"]) for answer in answers] == [
        (0, 201),
        (1, 400),
        (2, 422),
        (3, 413),
        (4, 404),
        (5, 422),
        (6, 400),
        (7, 201),
    ]
    slugs = [answer["problem"]["type"].rpartition(":")[2] for answer in answers if "problem" in answer]
    assert slugs == [
        "malformed-body",
        "invalid-amount",
        "body-too-large",
        "unknown-member",
        "key-reused",
        "malformed-body",
    ]
    assert answers[0] == {
        "index": 0,
        "status": 201,
        "points": 24,
        "position": answers[0]["position"],
        "replayed": False,
    }
    assert purchase_count(client) == 2


def test_the_answer_comes_while_the_question_goes_on(lone_client: Client) -> None:
    """A line is answered before the next one is sent."""
    open_shop(lone_client)
    opened = OpenStream(lone_client)
    for number in range(3):
        opened.send(line(number) + b"\n")
        assert opened.read()["index"] == number
    opened.send(line(3))
    opened.end()
    assert opened.read()["status"] == 201
    assert opened.read() is None
    opened.hang_up()


def test_the_whole_purchase_is_told_on_request(client: Client) -> None:
    """As a batch tells it."""
    open_shop(client)
    lines = [line(number) for number in range(5)]
    told = stream(client, lines, "?detail=full")
    batch = client.post(
        "/v1/programs/coffee/purchases/batch", b"\n".join(lines), headers={"Content-Type": NDJSON}
    ).text.splitlines()
    assert [one["purchase"] | {"replayed": True} for one in told] == [json.loads(one)["purchase"] for one in batch]


def test_what_was_booked_before_the_connection_broke_stays(lone_client: Client) -> None:
    """Sent again, those lines are replayed, and the rest is booked: nothing twice, nothing lost."""
    open_shop(lone_client)
    lines = [line(number) for number in range(5_000)]
    opened = OpenStream(lone_client)
    opened.send(b"\n".join(lines[:2_000]) + b"\n" + lines[2_000][:20])
    assert opened.read()["status"] == 201
    opened.hang_up()
    before = -1
    while (count := purchase_count(lone_client)) != before:
        before = count
        time.sleep(0.3)
    assert 0 < count <= 2_000
    answers = stream(lone_client, lines)
    assert [answer["status"] for answer in answers] == [200] * count + [201] * (5_000 - count)
    assert purchase_count(lone_client) == 5_000


def test_an_empty_stream_is_an_empty_answer(lone_client: Client) -> None:
    """Nothing asked, nothing told."""
    open_shop(lone_client)
    assert stream(lone_client, []) == []
    assert stream(lone_client, [b"", b" "]) == []


def test_what_is_no_stream_is_refused(lone_client: Client) -> None:
    """Before anything is read."""
    open_shop(lone_client)
    headers = {"Content-Type": NDJSON}
    assert lone_client.post(STREAM, [purchase()]).slug == "unsupported-media-type"
    refused = lone_client.post(f"{STREAM}?detail=some", line(1), headers=headers)
    assert (refused.slug, refused.json["pointer"]) == ("invalid-input", "/detail")
    assert lone_client.post(STREAM.replace("coffee", "tea"), line(1), headers=headers).slug == "unknown-program"
    assert lone_client.post(STREAM, line(1), headers=headers, key="khaywe_no").slug == "unauthorized"
    assert purchase_count(lone_client) == 0


def test_the_ways_to_post_many_are_documented(lone_client: Client) -> None:
    """Each with its own types, in the OpenAPI document."""
    answer = lone_client.get("/openapi.json")
    assert answer.status == 200, answer.text
    document = answer.json
    program = "/v1/programs/{program_id}"
    assert {f"{program}/purchases/batch", f"{program}/purchases/stream", f"{program}/batches"} <= set(document["paths"])
    assert {"BatchResult", "LineResult", "BatchView", "BatchResults"} <= set(document["components"]["schemas"])
