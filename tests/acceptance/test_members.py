"""Members: enrolment, profiles, identifiers, search, mergers."""

from datetime import UTC, datetime
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import pytest

from ledger.members.people import Criteria, member_of_account, search_members
from tests.acceptance.conftest import Client
from tests.acceptance.desk import BASE, Desk, open_desk

DAY, NEXT = "2026-03-01", "2026-03-02"
MEMBERS = f"{BASE}/members"
CONSENT = {"status": "granted", "at": "2026-03-01T09:00:00Z", "source": "web form"}
ADA: dict[str, Any] = {
    "given_name": "Ada",
    "family_name": "Beispiel",
    "email": "Ada@Example.org",
    "phone": "+41446681800",
    "birth_date": "1990-02-28",
    "language": "de-CH",
    "country": "CH",
    "address": {"lines": ["Beispielweg 1"], "postal_code": "8000", "city": "Zürich", "country": "CH"},
    "attributes": {"shoe_size": 39, "has_dog": True},
    "consents": {"email": CONSENT},
}


def card(value: str) -> dict[str, str]:
    """Return an identifier."""
    return {"kind": "card", "value": value}


def profile(client: Client, name: str = "card:1") -> Any:
    """Return who a member is."""
    answer = client.get(f"{MEMBERS}/{name}/profile")
    assert answer.status == 200, answer.text
    return answer.json


def put(client: Client, body: Any, name: str = "card:1", **headers: str) -> Any:
    """Write a profile."""
    return client.call("PUT", f"{MEMBERS}/{name}/profile", body, headers=headers)


def test_an_enrolment_is_repeated_by_its_key(client: Client) -> None:
    """The same answer again, whatever became of the identifiers; another body under the key is refused."""
    client.create_program()
    body = {"identifiers": [card("1")], "profile": ADA, "occurred_at": "2026-01-01T00:00:00Z"}
    headers = {"Idempotency-Key": "E-1"}
    first = client.post(MEMBERS, body, headers=headers)
    assert first.status == 201, first.text
    client.post(f"{MEMBERS}/card:1/identifiers/replace", {"old": card("1"), "new": card("2")})
    again = client.post(MEMBERS, body, headers=headers)
    assert (again.status, again.headers["Idempotency-Replayed"], again.json) == (200, "true", first.json)
    before = client.event_count()
    other = client.post(MEMBERS, body | {"identifiers": [card("3")]}, headers=headers)
    assert (other.status, other.slug) == (422, "key-reused")
    assert client.event_count() == before
    assert client.get(f"{MEMBERS}/card:3").slug == "unknown-member"


def test_a_key_is_used_for_one_thing(client: Client) -> None:
    """A key that a purchase had enrols nobody, and the other way round."""
    desk = open_desk(client)
    bought = {"source": "t", "transaction_id": "T", "member": "card:1", "occurred_at": f"{DAY}T10:00:00Z"}
    bought |= {"amount": "5", "currency": "EUR"}
    assert client.post(f"{BASE}/purchases", bought, headers={"Idempotency-Key": "K"}).status == 201
    enrolled = client.post(MEMBERS, {"identifiers": [card("2")]}, headers={"Idempotency-Key": "K"})
    assert enrolled.slug == "key-reused"
    assert client.get(f"{MEMBERS}/card:2").slug == "unknown-member"
    assert client.post(MEMBERS, {"identifiers": [card("2")]}, headers={"Idempotency-Key": "L"}).status == 201
    later = client.post(f"{BASE}/purchases", bought | {"transaction_id": "U"}, headers={"Idempotency-Key": "L"})
    assert later.slug == "key-reused"
    assert desk.available() == 5


def test_one_key_at_once_enrols_one_member(client: Client) -> None:
    """Whoever comes second waits, and gets the same answer."""
    client.create_program()
    body = {"identifiers": [card("1")], "occurred_at": "2026-01-01T00:00:00Z"}
    answers: list[Any] = []
    threads = [
        Thread(target=lambda: answers.append(client.post(MEMBERS, body, headers={"Idempotency-Key": "K"})))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 200, 201]
    assert len({answer.text for answer in answers}) == 1


def test_enrolling_again_overwrites_nothing(lone_client: Client) -> None:
    """The identifiers are the second net; whoever may only enrol changes no profile."""
    client = lone_client
    client.create_program()
    first = client.post(MEMBERS, {"identifiers": [card("1")], "profile": ADA, "partner": "bakery"})
    assert first.status == 201
    again = client.post(MEMBERS, {"identifiers": [card("1")], "profile": {"given_name": "Eve"}, "partner": "kiosk"})
    assert (again.status, again.json["member_id"]) == (200, first.json["member_id"])
    assert profile(client)["profile"]["given_name"] == "Ada"
    assert client.get(f"{MEMBERS}/card:1").json["partner"] == "bakery"
    with client.database.connect() as connection:
        for partners, count in ((("bakery", "kiosk"), 1), (("kiosk",), 0), ((), 1)):
            criteria = Criteria(name="ada", partners=partners)
            assert len(search_members(connection, "coffee", criteria, after=None, limit=9)) == count


def test_a_member_is_shown_without_anything_personal(lone_client: Client) -> None:
    """Whoever may read accounts sees the kinds of identifiers, and no value."""
    client = lone_client
    client.create_program()
    enrolled = client.post(MEMBERS, {"identifiers": [card("600012"), {"kind": "phone", "value": "+41791"}]}).json
    shown = client.get(f"{MEMBERS}/{enrolled['member_id']}")
    assert shown.json["identifier_kinds"] == ["card", "phone"]
    assert (shown.json["status"], shown.json["account_id"]) == ("active", enrolled["account_id"])
    assert "600012" not in shown.text
    assert client.get(f"{MEMBERS}/{uuid4()}").slug == "unknown-member"


def test_a_profile_is_written_read_and_patched(lone_client: Client) -> None:
    """Its version is the ETag; null takes a field away, and writing the same again changes nothing."""
    client = lone_client
    open_desk(client)
    assert profile(client)["version"] == 0
    written = put(client, ADA)
    assert (written.status, written.headers["ETag"], written.json["version"]) == (200, '"1"', 1)
    assert "Ada" not in written.text
    shown = profile(client)
    assert shown["profile"] == ADA
    assert shown["identifiers"] == [card("1")]
    assert put(client, ADA).headers["ETag"] == '"1"'
    path = f"{MEMBERS}/card:1/profile"
    changes = {"phone": None, "address": {"city": "Basel"}, "attributes": {"has_dog": None}}
    patched = client.call("PATCH", path, changes, headers={"If-Match": '"1"'})
    assert (patched.status, patched.headers["ETag"]) == (200, '"2"')
    after = profile(client)["profile"]
    assert "phone" not in after
    assert (after["address"]["city"], after["address"]["postal_code"]) == ("Basel", "8000")
    assert after["attributes"] == {"shoe_size": 39}
    stale = client.call("PATCH", path, {"given_name": "Eve"}, headers={"If-Match": '"1"'})
    assert (stale.status, stale.slug, stale.json["version"]) == (412, "profile-changed", 2)
    # What was carried out, and not answered, is answered now.
    assert client.call("PATCH", path, changes, headers={"If-Match": '"1"'}).status == 200


def test_one_name_is_one_text(lone_client: Client) -> None:
    """Whichever way its letters were typed."""
    client = lone_client
    open_desk(client)
    put(client, {"family_name": "Mu\u0308ller"})
    assert profile(client)["profile"]["family_name"] == "M\u00fcller"
    assert len(find(client, family_name="MÜLL")) == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"email": "nobody"}, "/email"),
        ({"phone": "044 668 18 00"}, "/phone"),
        ({"country": "XX"}, "/country"),
        ({"address": {"country": "ZZ"}}, "/address/country"),
        ({"language": "german"}, "/language"),
        ({"birth_date": "2999-01-01"}, "/birth_date"),
        ({"given_name": "A\u0007"}, "/given_name"),
        ({"given_name": "A" * 101}, "/given_name"),
        ({"attributes": {"x": 1.5}}, "/attributes/..."),
        ({"attributes": {"x": 10**16}}, "/attributes/x"),
        ({"attributes": {f"x{n}": 1 for n in range(51)}}, "/attributes"),
        ({"nickname": "A"}, "/nickname"),
    ],
)
def test_a_profile_that_cannot_be_is_refused(lone_client: Client, body: Any, pointer: str) -> None:
    """The field is named; nothing is written."""
    open_desk(lone_client)
    refused = put(lone_client, body)
    assert (refused.status, refused.slug, refused.json["pointer"]) == (422, "invalid-input", pointer)
    assert profile(lone_client)["version"] == 0


def test_an_etag_is_one_of_ours(lone_client: Client) -> None:
    """Anything else in If-Match is refused."""
    open_desk(lone_client)
    for text in ("3", '"x"', "*", 'W/"1"'):
        refused = put(lone_client, ADA, **{"If-Match": text})
        assert (refused.slug, refused.json["pointer"]) == ("invalid-input", "/If-Match")


def test_a_lost_card_is_replaced(client: Client) -> None:
    """From then on the old one names nobody, for every poster at once, and the new one the member."""
    desk = open_desk(client, "1", "2")
    desk.buy(10, DAY)
    body = {"old": card("1"), "new": card("9")}
    path = f"{MEMBERS}/card:1/identifiers/replace"
    assert client.post(path, body).status == 201
    desk.refused("purchases", DAY, "unknown-member", amount="5", currency="EUR")
    desk.buy(5, DAY, member="card:9")
    assert desk.available(card="9") == 15
    again = client.post(path, body)
    assert (again.status, again.headers["Idempotency-Replayed"]) == (200, "true")
    taken = client.post(f"{MEMBERS}/card:9/identifiers/replace", {"old": card("9"), "new": card("2")})
    assert taken.slug == "identifier-taken"
    unknown = client.post(f"{MEMBERS}/card:9/identifiers/replace", {"old": card("7"), "new": card("8")})
    assert (unknown.status, unknown.slug) == (404, "unknown-identifier")
    desk.refused("purchases", DAY, "unknown-member", member="card:8", amount="5", currency="EUR")
    assert desk.available(card="9") == 15


def test_identifiers_come_and_go(client: Client) -> None:
    """The last may go too: the member id remains."""
    desk = open_desk(client, "1", "2")
    member_id = client.get(f"{MEMBERS}/card:1").json["member_id"]
    path = f"{MEMBERS}/{member_id}/identifiers"
    assert client.post(path, {"kind": "phone", "value": "+41/7"}).status == 201
    assert client.post(path, {"kind": "phone", "value": "+41/7"}).status == 200
    assert client.post(path, card("2")).slug == "identifier-taken"
    desk.buy(5, DAY, member="phone:+41/7")
    assert client.call("DELETE", f"{path}/phone:+41/7").status == 200
    desk.refused("purchases", DAY, "unknown-member", member="phone:+41/7", amount="5", currency="EUR")
    # Somebody else's is not theirs to remove.
    assert client.call("DELETE", f"{path}/card:2").headers["Idempotency-Replayed"] == "true"
    desk.buy(5, DAY, member="card:2")
    for _ in range(2):
        assert client.call("DELETE", f"{path}/card:1").status == 200
    desk.buy(5, DAY, member=member_id)
    assert client.call("DELETE", f"{path}/card").slug == "invalid-input"
    for number in range(20):
        assert client.post(path, card(f"n{number}")).status == 201
    assert client.post(path, card("n20")).slug == "invalid-input"


def find(client: Client, **criteria: Any) -> list[Any]:
    """Search, page by page, and return whom that finds."""
    members, cursor = [], None
    while True:
        body = criteria | ({"cursor": cursor} if cursor else {})
        answer = client.post(f"{MEMBERS}/search", body)
        assert answer.status == 200, answer.text
        members += answer.json["members"]
        cursor = answer.json["next_cursor"]
        if cursor is None:
            return members


def test_members_are_found(lone_client: Client) -> None:
    """By identifier, e-mail, phone, the beginning of a name, id, and when they joined; page by page."""
    client = lone_client
    open_desk(client, "1", "2", "3")
    put(client, ADA)
    put(client, {"given_name": "Beat", "family_name": "Müller"}, "card:2")
    ada = client.get(f"{MEMBERS}/card:1").json["member_id"]
    for criteria in (
        {"identifier": card("1")},
        {"email": "ada@EXAMPLE.org"},
        {"phone": "+41446681800"},
        {"name": "BEIS"},
        {"name": "ad"},
        {"given_name": "ada", "family_name": "b"},
        {"member_id": ada},
    ):
        assert [one["member_id"] for one in find(client, **criteria)] == [ada], criteria
    assert find(client, name="be%") == []
    assert find(client, email="ada@example") == []
    assert find(client, given_name="Ada", family_name="M") == []
    assert len(find(client, name="be")) == 2
    everybody = find(client, enrolled_from="2020-01-01T00:00:00Z", limit=1)
    assert len({one["member_id"] for one in everybody}) == 3
    assert find(client, enrolled_before="2020-01-01T00:00:00Z") == []
    assert client.post(f"{MEMBERS}/search", {}).slug == "invalid-input"
    assert client.post(f"{MEMBERS}/search", {"name": "a", "limit": 101}).slug == "invalid-input"


def merge(desk: Desk, name: str = "card:1", into: str = "card:2") -> Any:
    """Merge a member into another."""
    answer = desk.send(f"members/{name}/merge", NEXT, reason="one person", into_member=into)
    assert answer.status in (200, 201), answer.text
    return answer


def test_after_a_merger_the_old_card_works(client: Client) -> None:
    """It names who goes on, whose profile gets what it lacked; the other's is gone."""
    desk = open_desk(client, "1", "2", "3")
    desk.buy(10, DAY)
    put(client, ADA)
    earlier = CONSENT | {"at": "2025-01-01T00:00:00Z"}
    put(client, {"given_name": "Adah", "consents": {"email": earlier}}, "card:2")
    old = client.get(f"{MEMBERS}/card:1").json["member_id"]
    merge(desk)
    desk.buy(5, NEXT)
    assert desk.available(card="1") == desk.available(card="2") == 15
    kept = profile(client)
    assert kept["identifiers"] == [card("1"), card("2")]
    assert (kept["profile"]["given_name"], kept["profile"]["family_name"]) == ("Adah", "Beispiel")
    assert kept["profile"]["consents"] == ADA["consents"]
    assert client.get(f"{MEMBERS}/{old}").json["merged_into"] == kept["member_id"]
    gone = client.get(f"{MEMBERS}/{old}/profile")
    assert (gone.status, gone.slug, gone.json["merged_into"]) == (409, "member-merged", kept["member_id"])
    assert client.post(f"{MEMBERS}/{old}/identifiers", card("4")).slug == "member-merged"
    assert len(find(client, name="ada")) == 1
    again = merge(desk)
    assert (again.status, again.json["replayed"]) == (200, True)
    merge(desk, "card:2", "card:3")
    desk.buy(5, NEXT)
    assert desk.available(card="3") == 20


def test_a_merger_that_was_interrupted_is_finished(client: Client) -> None:
    """By a job, also where the other was merged on meanwhile, and in whatever order it comes to them."""
    desk = open_desk(client, "1", "2", "3")
    desk.buy(10, DAY)
    first, second, third = (client.get(f"{MEMBERS}/card:{number}").json["member_id"] for number in "123")
    merge(desk, first, second)
    merge(desk, second, third)
    with client.database.connect() as connection:
        # As if nothing had been moved in either.
        connection.execute("UPDATE members.members SET merged_into = NULL")
        for number, member_id in (("1", first), ("2", second)):
            connection.execute(
                "UPDATE members.identifiers AS i SET member_id = m.member_id, account_id = m.account_id"
                " FROM members.members AS m WHERE m.member_id = %s AND i.value = %s",
                (UUID(member_id), number),
            )
    assert desk.refused("purchases", NEXT, "account-closed", amount="5", currency="EUR")["merged_into"] == second
    assert desk.run("finish-mergers", NEXT).account_count == 2
    assert desk.run("finish-mergers", NEXT).account_count == 0
    for name in ("card:1", "card:2", "card:3"):
        desk.buy(5, NEXT, member=name)
        assert client.get(f"{MEMBERS}/{name}").json["member_id"] == third
    assert desk.available(card="1") == 25


def test_an_account_knows_its_member(client: Client) -> None:
    """From its first event."""
    open_desk(client)
    one = client.get(f"{MEMBERS}/card:1").json
    with client.database.connect() as connection:
        found = member_of_account(connection, UUID(one["account_id"]).bytes, client.database.partition_count)
    assert str(found) == one["member_id"]
    assert datetime.fromisoformat(one["enrolled_at"]) <= datetime.now(UTC)
