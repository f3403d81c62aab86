"""Webhooks over REST: made, changed, tried, delivered, logged, sent again."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from khaywe.wiring import Database
from projections.webhooks.backoff import DELAYS
from projections.webhooks.feeding import feed
from projections.webhooks.kinds import KINDS
from projections.webhooks.sending import Sender
from tests.acceptance.conftest import Client, running
from tests.acceptance.desk import BASE, Desk, open_desk
from tests.conftest import NewDatabase
from tests.receiver import Received, Receiver, Reply
from workers.delivering import Courier

HOOKS = f"{BASE}/webhooks"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Provide a receiver that accepts everything."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def inside(any_database: Database) -> Iterator[Client]:
    """Provide a client of a server that may call private addresses, as in a test it must."""
    with running(any_database, may_call_private=True) as client:
        yield client


def subscribe(client: Client, url: str, *kinds: str, **more: Any) -> Any:
    """Make a webhook, and return it with its secret."""
    answer = client.post(HOOKS, {"url": url, "kinds": list(kinds or "*")} | more)
    assert answer.status == 201, answer.text
    return answer.json["webhook"] | {"secret": answer.json["secret"]}


def deliver(client: Client, after: timedelta = timedelta(0)) -> None:
    """Feed and deliver everything that is due after a while, as the worker does."""
    database = client.database
    with database.connect() as connection:
        while feed(connection, datetime.now(UTC)):
            pass
        asyncio.run(_deliver(connection, after))


async def _deliver(connection: Any, after: timedelta) -> None:
    async with Sender(may_call_private=True) as sender:
        courier = Courier(connection, sender, lambda: datetime.now(UTC) + after)
        while await courier.step():
            await courier.finish()


def log(client: Client, hook: Any, query: str = "") -> list[Any]:
    """Return the log of a webhook."""
    return list(client.get(f"{HOOKS}/{hook['webhook_id']}/deliveries{query}").json["deliveries"])


def state(client: Client, hook: Any) -> Any:
    """Return a webhook as it is."""
    return client.get(f"{HOOKS}/{hook['webhook_id']}").json


def sequences(received: list[Received]) -> list[int]:
    """Return the places of messages in the order of their account."""
    return [one.sequence for one in received]


@contextmanager
def desk_with(client: Client, receiver: Receiver, *kinds: str, **more: Any) -> Iterator[tuple[Desk, Any]]:
    """Provide a till, and a webhook that is told what happens there."""
    desk = open_desk(client)
    yield desk, subscribe(client, receiver.url, *kinds, **more)


def test_a_purchase_is_told_with_balance_and_sequence(inside: Client, receiver: Receiver) -> None:
    """What is sent carries everything a receiver needs to act, and proves where it comes from."""
    with desk_with(inside, receiver) as (desk, hook):
        posted = desk.buy(250, "2026-03-01")
        desk.done("redemptions", "2026-03-02", points=100)
        deliver(inside)
        first, second = receiver.wait_for(2)
    assert (first.json["type"], second.json["type"]) == ("purchase.posted", "points.redeemed")
    told = first.json["data"]
    assert first.json["timestamp"] == told["recorded_at"] == posted["recorded_at"]
    assert {name: told[name] for name in ("account_id", "position", "balances", "effective_on")} == {
        name: posted[name] for name in ("account_id", "position", "balances", "effective_on")
    }
    assert (told["sequence"], told["program_id"]) == (posted["version"], "coffee")
    assert (told["moved_points"], second.json["data"]["moved_points"]) == ({"points": 250}, {"points": -100})
    assert second.json["data"]["balances"] == {"points": 150}
    assert told["event"]["transaction_id"] == posted["transaction_id"]
    for one in (first, second):
        assert Webhook(hook["secret"]).verify(one.body, dict(one.headers)) == one.json
    with pytest.raises(WebhookVerificationError):
        Webhook(hook["secret"]).verify(first.body.replace("250", "999"), dict(first.headers))


def test_only_what_was_asked_for_is_told(inside: Client, receiver: Receiver) -> None:
    """Kinds are chosen by name, and what happened before the webhook was made is told only if asked for."""
    desk = open_desk(inside)
    before = desk.buy(10, "2026-03-01")
    some = subscribe(inside, receiver.url, "points.redeemed")
    partition, _, position = before["position"].partition(":")
    every = subscribe(inside, receiver.url, "*", "purchase.posted", from_position=f"{partition}:{int(position) - 1}")
    assert every["kinds"] == ["*"]
    desk.done("redemptions", "2026-03-02", points=5)
    deliver(inside)
    assert [one["kind"] for one in log(inside, some)] == ["points.redeemed"]
    assert [one["kind"] for one in log(inside, every)] == ["points.redeemed", "purchase.posted"]


def test_a_failure_holds_up_its_account_and_no_other(inside: Client, receiver: Receiver) -> None:
    """While one account waits for its retry the other goes on; in the end each was told everything in order."""
    desk = open_desk(inside, "1", "2")
    hook = subscribe(inside, receiver.url, "purchase.posted")
    slow = desk.buy(1, "2026-03-01", member="card:1")["account_id"]
    for number in range(2, 14):
        desk.buy(number, "2026-03-01", member=f"card:{number % 2 + 1}")
    receiver.answer = lambda message: Reply(500, text="no\x00pe") if message.account_id == slow else Reply()
    deliver(inside)
    assert {one.account_id for one in receiver.accepted} != {slow}
    assert len(receiver.accepted) == 6
    assert sequences([one for one in receiver.received if one.account_id == slow]) == [2]
    (failed,) = [one for one in log(inside, hook, "?status=waiting") if one["attempt_count"]]
    (attempt,) = failed["attempts"]
    assert (attempt["status_code"], attempt["response"]) == (500, "no\N{REPLACEMENT CHARACTER}pe")
    assert state(inside, hook)["waiting_count"] == 7
    receiver.answer = lambda _: Reply()
    deliver(inside, timedelta(seconds=3))
    assert len(receiver.accepted) == 6
    deliver(inside, timedelta(seconds=7))
    accepted = receiver.wait_for(13)
    for account_id in {one.account_id for one in accepted}:
        told = sequences([one for one in accepted if one.account_id == account_id])
        assert told == list(range(2, 2 + len(told)))
    assert (state(inside, hook)["waiting_count"], state(inside, hook)["failing_since"]) == (0, None)


def test_what_is_given_up_is_a_dead_letter_and_can_be_sent_again(inside: Client, receiver: Receiver) -> None:
    """After the last retry the next event has its turn; whoever resends gets the same message with the same id."""
    with desk_with(inside, receiver, "purchase.posted") as (desk, hook):
        desk.buy(1, "2026-03-01")
        desk.buy(2, "2026-03-02")
        receiver.answer = lambda message: Reply(500 if message.sequence == 2 else 200)
        after = timedelta(0)
        for delay in (timedelta(0), *DELAYS):
            after += delay * 1.25
            deliver(inside, after)
        assert sequences(receiver.accepted) == [3]
        assert sequences(receiver.received) == [2] * (len(DELAYS) + 1) + [3]
        (dead,) = log(inside, hook, "?status=dead")
        assert [one["number"] for one in dead["attempts"]] == list(range(1, len(DELAYS) + 2))
        assert state(inside, hook)["dead_count"] == 1
        receiver.answer = lambda _: Reply()
        path = f"{HOOKS}/{hook['webhook_id']}"
        assert inside.post(f"{path}/resend", {}).json == {"resent_count": 1}
        assert inside.post(f"{path}/resend", {}).json == {"resent_count": 0}
        deliver(inside)
        assert sequences(receiver.accepted) == [3, 2]
        assert len({one.message_id for one in receiver.received if one.sequence == 2}) == 1
        again = inside.post(f"{path}/deliveries/{dead['delivery_id']}/resend", None).json
        assert (again["status"], again["payload"]["data"]["sequence"]) == ("waiting", 2)
        deliver(inside)
        assert sequences(receiver.accepted) == [3, 2, 2]
        assert inside.post(f"{path}/resend", {"since": "2026-01-01T00:00:00Z"}).json == {"resent_count": 2}
        deliver(inside)
        assert sequences(receiver.accepted) == [3, 2, 2, 2, 3]


def test_a_receiver_may_ask_for_patience(inside: Client, receiver: Receiver) -> None:
    """`Retry-After` is kept, also where the schedule would be sooner."""
    with desk_with(inside, receiver, "purchase.posted") as (desk, _):
        desk.buy(1, "2026-03-01")
        receiver.answer = lambda _: Reply(429, {"Retry-After": "600"})
        deliver(inside)
        deliver(inside, timedelta(seconds=590))
        assert len(receiver.received) == 1
        deliver(inside, timedelta(seconds=620))
        assert len(receiver.received) == 2


def test_a_receiver_that_is_down_is_left_alone(inside: Client, receiver: Receiver) -> None:
    """No account uses up its retries meanwhile: one message at a time looks whether it is back, then all go."""
    desk = open_desk(inside, *map(str, range(1, 41)))
    hook = subscribe(inside, receiver.url, "purchase.posted")
    for card in range(1, 41):
        desk.buy(1, "2026-03-01", member=f"card:{card}")
    receiver.answer = lambda _: Reply(503)
    for step in range(6):
        deliver(inside, timedelta(seconds=10 * step))
    assert len(receiver.received) <= 16 + 5
    assert state(inside, hook)["waiting_count"] == 40
    assert sum(one["attempt_count"] == 0 for one in log(inside, hook)) >= 40 - 21
    receiver.answer = lambda _: Reply()
    deliver(inside, timedelta(seconds=70))
    deliver(inside, timedelta(minutes=8))
    assert len({one.account_id for one in receiver.accepted}) == len(receiver.accepted) == 40


def test_gone_ends_it_until_somebody_begins_again(inside: Client, receiver: Receiver) -> None:
    """410 disables the webhook and says why; enabled again, it misses nothing."""
    with desk_with(inside, receiver, "purchase.posted") as (desk, hook):
        desk.buy(1, "2026-03-01")
        receiver.answer = lambda _: Reply(410)
        deliver(inside)
        assert state(inside, hook)["status"] == "disabled"
        assert "410" in state(inside, hook)["status_detail"]
        desk.buy(2, "2026-03-02")
        receiver.answer = lambda _: Reply()
        deliver(inside, timedelta(hours=1))
        assert len(receiver.received) == 1
        changed = inside.call("PATCH", f"{HOOKS}/{hook['webhook_id']}", {"is_enabled": True})
        assert (changed.json["status"], changed.json["status_detail"]) == ("enabled", "")
        deliver(inside, timedelta(hours=1))
        assert sequences(receiver.accepted) == [2, 3]


def test_a_receiver_that_only_fails_is_paused(inside: Client, receiver: Receiver) -> None:
    """First it is said since when; after five days nothing is sent until somebody enables it."""
    with desk_with(inside, receiver, "purchase.posted") as (desk, hook):
        desk.buy(1, "2026-03-01")
        receiver.answer = lambda _: Reply(500)
        deliver(inside)
        assert (state(inside, hook)["status"], state(inside, hook)["failing_since"] is None) == ("enabled", False)
        deliver(inside, timedelta(days=6))
        assert state(inside, hook)["status"] == "paused"
        desk.buy(2, "2026-03-01")
        deliver(inside, timedelta(days=7))
        assert len(receiver.received) == 2


def test_redirects_are_not_followed(inside: Client, receiver: Receiver) -> None:
    """Where a receiver points to was never checked."""
    with desk_with(inside, receiver, "purchase.posted") as (desk, hook):
        desk.buy(1, "2026-03-01")
        receiver.answer = lambda _: Reply(302, {"Location": receiver.url + "/elsewhere"})
        deliver(inside)
        assert len(receiver.received) == 1
        assert log(inside, hook)[0]["attempts"][0]["status_code"] == 302


def test_a_secret_is_replaced_without_a_gap(inside: Client, receiver: Receiver) -> None:
    """For a day both secrets verify, afterwards only the new one; neither is ever shown again."""
    with desk_with(inside, receiver, "purchase.posted") as (desk, hook):
        rotated = inside.post(f"{HOOKS}/{hook['webhook_id']}/rotate-secret", None)
        assert rotated.status == 200, rotated.text
        desk.buy(1, "2026-03-01")
        deliver(inside)
        desk.buy(2, "2026-03-01")
        deliver(inside, timedelta(hours=25))
        during, after = receiver.wait_for(2)
        shown = json.dumps([state(inside, hook), log(inside, hook), inside.get(HOOKS).json])
    new = Webhook(rotated.json["secret"])
    old = Webhook(hook["secret"])
    assert new.verify(during.body, dict(during.headers)) == old.verify(during.body, dict(during.headers))
    assert new.verify(after.body, dict(after.headers))
    with pytest.raises(WebhookVerificationError):
        old.verify(after.body, dict(after.headers))
    assert "whsec_" not in shown
    assert hook["secret"].removeprefix("whsec_") not in shown


def test_the_test_button_answers_what_the_receiver_answers(inside: Client, receiver: Receiver) -> None:
    """At once, signed, and not in the log."""
    with desk_with(inside, receiver) as (_, hook):
        receiver.answer = lambda _: Reply(418, text="I am a teapot")
        answer = inside.post(f"{HOOKS}/{hook['webhook_id']}/test", None).json
        assert (answer["status_code"], answer["response"]) == (418, "I am a teapot")
        (sent,) = receiver.received
        assert sent.json["type"] == "webhook.test"
        assert Webhook(hook["secret"]).verify(sent.body, dict(sent.headers))
        assert log(inside, hook) == []
    with Receiver() as closed:
        pass
    inside.call("PATCH", f"{HOOKS}/{hook['webhook_id']}", {"url": closed.url})
    answer = inside.post(f"{HOOKS}/{hook['webhook_id']}/test", None).json
    assert answer["status_code"] is None
    assert "ConnectError" in answer["error"]


def test_the_same_request_makes_one_webhook(inside: Client, receiver: Receiver) -> None:
    """Sent again with its key it answers the same, secret included; with another body it is refused."""
    open_desk(inside)
    body = {"url": receiver.url, "kinds": ["*"]}
    key = {"Idempotency-Key": "hook-1"}
    first = inside.post(HOOKS, body, headers=key)
    again = inside.post(HOOKS, body, headers=key)
    assert (first.status, again.status, again.headers["Idempotency-Replayed"]) == (201, 200, "true")
    assert first.json == again.json
    assert inside.post(HOOKS, body | {"kinds": ["tier.changed"]}, headers=key).slug == "key-reused"
    assert len(inside.get(HOOKS).json["webhooks"]) == 1
    with inside.database.connect() as connection:
        connection.execute("UPDATE webhooks.secrets SET created_at = created_at - interval '25 hours'")
        connection.execute("UPDATE webhooks.endpoints SET created_at = created_at - interval '25 hours'")
    assert inside.post(HOOKS, body, headers=key).json["secret"] is None


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "ftp://example.com",
        "https://localhost/hook",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.0.0.8/",
        "https://192.168.1.1:8443/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:169.254.169.254]/",
        "https://[64:ff9b::a00:1]/",
        "https://[fd00::1]/",
        "https://100.64.0.1/",
        "https://0/",
        "https://2130706433/",
        "https://user:word@example.com/",
        "https://example.com/#part",
        "https:///hook",
        "not a url",
    ],
)
def test_private_addresses_are_refused(lone_client: Client, url: str) -> None:
    """Whoever may make a webhook may not reach behind the server's own doors with it."""
    open_desk(lone_client)
    refused = lone_client.post(HOOKS, {"url": url, "kinds": ["*"]})
    assert (refused.status, refused.slug, refused.json["pointer"]) == (422, "webhook-target-refused", "/url")
    hook = subscribe(lone_client, "https://203.0.113.9.invalid/", "*")
    assert lone_client.call("PATCH", f"{HOOKS}/{hook['webhook_id']}", {"url": url}).slug == "webhook-target-refused"


def test_what_turns_private_later_is_refused_when_it_is_delivered(
    new_database: NewDatabase, receiver: Receiver
) -> None:
    """A name that points inside by the time of the delivery is not called; the log says so."""
    with running(new_database(1), may_call_private=True) as client:
        open_desk(client)
        hook = subscribe(client, receiver.url)
    with running(client.database) as client:
        answer = client.post(f"{HOOKS}/{hook['webhook_id']}/test", None).json
    assert answer["status_code"] is None
    assert "https" in answer["error"]
    assert receiver.received == []


def test_what_cannot_be_is_refused(inside: Client, receiver: Receiver) -> None:
    """Each refusal has its slug and changes nothing."""
    body = {"url": receiver.url, "kinds": ["*"]}
    assert inside.post(HOOKS, body).slug == "unknown-program"
    with desk_with(inside, receiver) as (_, hook):
        unknown = inside.post(HOOKS, body | {"kinds": ["points.*"]})
        assert (unknown.slug, unknown.json["pointer"]) == ("invalid-input", "/kinds/0")
        assert "purchase.posted" in unknown.json["detail"]
        assert inside.post(HOOKS, body | {"kinds": []}).slug == "invalid-input"
        assert inside.post(HOOKS, body | {"from_position": "9:1"}).slug == "invalid-input"
        assert inside.post(HOOKS, body | {"description": "a\x00b"}).slug == "invalid-input"
        path = f"{HOOKS}/{hook['webhook_id']}"
        nobody = hook["webhook_id"].replace(hook["webhook_id"][:8], "00000000")
        for method, rest in (("GET", ""), ("DELETE", ""), ("POST", "/test"), ("GET", "/deliveries")):
            assert inside.call(method, f"{HOOKS}/{nobody}{rest}").slug == "unknown-webhook"
            assert inside.call(method, f"{HOOKS}/x{rest}").slug == "unknown-webhook"
            assert inside.call(method, f"/v1/programs/tea/webhooks/{nobody}{rest}").slug == "unknown-program"
        assert inside.get(f"{path}/deliveries/{nobody}").slug == "unknown-delivery"
        assert inside.post(f"{path}/deliveries/x/resend", None).slug == "unknown-delivery"
        assert inside.get(f"{path}/deliveries?status=lost").slug == "invalid-input"
        for _ in range(49):
            subscribe(inside, receiver.url)
        assert inside.post(HOOKS, body).slug == "too-many-webhooks"
        assert inside.call("DELETE", path).status == 204
        assert inside.get(path).slug == "unknown-webhook"
        assert inside.post(HOOKS, body).status == 201


def test_the_log_is_read_page_by_page(inside: Client, receiver: Receiver) -> None:
    """Newest first, each delivery once; one alone with what was sent."""
    with desk_with(inside, receiver, "purchase.posted") as (desk, hook):
        for number in range(1, 8):
            desk.buy(number, "2026-03-01")
        deliver(inside)
        found: list[Any] = []
        cursor = ""
        while True:
            page = inside.get(f"{HOOKS}/{hook['webhook_id']}/deliveries?limit=3{cursor}").json
            found += page["deliveries"]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert [one["sequence"] for one in found] == [8, 7, 6, 5, 4, 3, 2]
        assert {one["status"] for one in found} == {"delivered"}
        one = inside.get(f"{HOOKS}/{hook['webhook_id']}/deliveries/{found[0]['delivery_id']}").json
        assert one["payload"] == receiver.accepted[-1].json
        assert one["attempts"][0]["status_code"] == 200
        assert receiver.accepted[-1].message_id == f"msg_{one['delivery_id'].replace('-', '')}"


def test_nothing_personal_is_told(inside: Client, receiver: Receiver) -> None:
    """No identifier, no remark, and none of the program's own facts."""
    with desk_with(inside, receiver) as (desk, _):
        inside.enrol("6000-secret-card")
        desk.buy(5, "2026-03-01")
        deliver(inside)
        told = " ".join(one.body for one in receiver.received)
    assert "secret-card" not in told
    assert {"note", "attributes"}.isdisjoint(json.loads(receiver.received[-1].body)["data"]["event"])


def test_every_kind_has_a_name_outside() -> None:
    """Names are stable, lower case, and of two parts."""
    assert all(kind.replace("_", "").replace(".", "", 1).isalpha() and kind.islower() for kind in KINDS)
