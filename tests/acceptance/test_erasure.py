"""The right to be forgotten: the person is gone, and nothing else."""

import json
from threading import Thread
from typing import Any

from psycopg import sql
from structlog.testing import capture_logs

from khaywe.cli.rebuilding import rebuild
from ledger.store.verify import verify_chain
from tests.acceptance.conftest import Answer, Client
from tests.acceptance.desk import BASE, Desk, open_desk

DAY, NEXT = "2026-03-01", "2026-03-02"
MEMBERS = f"{BASE}/members"
MARK = "zq7markzq7"
"""Stands in everything personal that these tests send."""
CARD = f"card:{MARK}01"
PERSON = {
    "given_name": f"G{MARK}",
    "family_name": f"F{MARK}",
    "email": f"{MARK}@example.org",
    "address": {"lines": [f"{MARK} 1"], "city": MARK},
    "attributes": {"note": MARK},
    "consents": {"email": {"status": "granted", "at": "2026-03-01T09:00:00Z", "source": f"form {MARK}"}},
}
EVERYWHERE = """
SELECT table_schema, table_name FROM information_schema.tables
WHERE table_schema IN ('ledger', 'views', 'workers', 'access', 'members') AND table_type = 'BASE TABLE'
"""
"""Schemas with data; ``members`` is where personal data may be."""


def ready(client: Client) -> Desk:
    """Publish a program, with a person who bought something and another one."""
    desk = open_desk(client, "other")
    body = {
        "identifiers": [{"kind": "card", "value": f"{MARK}01"}, {"kind": "phone", "value": f"{MARK}02"}],
        "profile": PERSON,
        "occurred_at": "2026-01-01T00:00:00Z",
    }
    enrolled = client.post(MEMBERS, body, headers={"Idempotency-Key": "E"})
    assert enrolled.status == 201, enrolled.text
    desk.buy(100, DAY, member=CARD, transaction_id="T")
    desk.buy(7, DAY, member="card:other")
    desk.catch_up("other")
    return desk


def erase(desk: Desk, name: str = CARD, points: str = "keep", key: str | None = None, at: str = NEXT) -> Answer:
    """Ask for a person to be forgotten."""
    body = {"source": "desk", "occurred_at": f"{at}T12:00:00Z", "reason": "on_request", "points": points}
    headers = {"Idempotency-Key": key} if key else {}
    return desk.client.post(f"{MEMBERS}/{name}/erasure", body, headers=headers)


def tables_with_mark(client: Client) -> set[str]:
    """Return every table that holds the mark, whatever the column; events as they are stored."""
    found = set()
    with client.database.connect_as_owner() as connection:
        for schema, table in connection.execute(EVERYWHERE).fetchall():
            name = sql.Identifier(schema, table)
            for row in connection.execute(sql.SQL("SELECT * FROM {}").format(name)):
                spelled = " ".join(
                    value.decode("utf-8", "replace") if isinstance(value, bytes) else repr(value) for value in row
                )
                if MARK in spelled:
                    found.add(f"{schema}.{table}")
    return found


def totals(client: Client) -> Any:
    """Return the booked points of everybody together."""
    with client.database.connect() as connection:
        return connection.execute("SELECT sum(balance_points), sum(accrued_points) FROM views.balances").fetchone()


def test_a_person_is_forgotten_and_the_books_stay(client: Client) -> None:
    """Nothing personal is left anywhere; events, totals and chain are as before, and the answer proves it."""
    desk = ready(client)
    member_id = client.get(f"{MEMBERS}/{CARD}").json["member_id"]
    with client.database.connect() as connection:
        query = "SELECT partition, position, hash FROM ledger.events ORDER BY 1, 2"
        events = connection.execute(query).fetchall()
        connection.execute(
            "INSERT INTO workers.warnings (program_id, account_id, kind, subject, due_on, member_id, points, warned_at)"
            " SELECT 'coffee', account_id, 'points_lapse', 'points', '2026-05-01', member_id, 1, now()"
            " FROM members.members"
        )
    before = totals(client)
    answer = erase(desk, key="X-1")
    assert answer.status == 201, answer.text
    proof = answer.json
    assert (proof["member_id"], proof["points"], proof["erased_by"].split(":")[0]) == (member_id, "keep", "key")
    assert proof["rows"] == {"identifiers": 2, "profiles": 1, "enrolment_keys": 1, "warnings": 1}
    assert proof["totals_before"] == proof["totals_after"]
    assert proof["totals_before"] == [{"point_currency": "points", "booked_points": 107, "accrued_points": 107}]
    stone = proof["tombstone"]
    assert proof["shown_positions"][str(stone["partition"])] >= stone["position"]
    assert MARK not in answer.text
    assert tables_with_mark(client) == set()
    desk.catch_up("other")
    assert totals(client) == before
    with client.database.connect() as connection:
        assert set(events) < set(connection.execute(query).fetchall())
        row = connection.execute(
            "SELECT topic, encode(hash, 'hex'), convert_from(state, 'UTF8') FROM ledger.events"
            " WHERE partition = %s AND position = %s",
            (stone["partition"], stone["position"]),
        ).fetchone()
        assert row is not None
        assert row[:2] == ("account.member_erased.v1", stone["hash"])
        assert json.loads(row[2])["member_id"] == member_id
        for partition in range(client.database.partition_count):
            assert list(verify_chain(connection, partition))
    assert proof["head"] == stone


def test_whoever_was_erased_is_unknown(client: Client) -> None:
    """By everything but our own id; under that id the account goes on, without a profile."""
    desk = ready(client)
    member_id = client.get(f"{MEMBERS}/{CARD}").json["member_id"]
    assert erase(desk).status == 201
    for name in (CARD, f"phone:{MARK}02"):
        desk.refused("purchases", NEXT, "unknown-member", member=name, amount="5", currency="EUR")
    for criteria in ({"email": PERSON["email"]}, {"name": "g"}, {"member_id": member_id}):
        assert client.post(f"{MEMBERS}/search", criteria).json["members"] == []
    desk.done("redemptions", NEXT, member=member_id, points=40)
    assert client.get(f"{MEMBERS}/{member_id}").json["status"] == "erased"
    for answer in (
        client.get(f"{MEMBERS}/{member_id}/profile"),
        client.get(f"{MEMBERS}/{member_id}/data-export"),
        client.call("PUT", f"{MEMBERS}/{member_id}/profile", PERSON),
        client.post(f"{MEMBERS}/{member_id}/identifiers", {"kind": "card", "value": f"{MARK}09"}),
    ):
        assert (answer.status, answer.slug) == (410, "member-erased")
    late = {"identifiers": [{"kind": "card", "value": f"{MARK}01"}], "profile": PERSON}
    assert client.post(MEMBERS, late, headers={"Idempotency-Key": "E"}).slug == "member-erased"
    assert tables_with_mark(client) == set()
    # Somebody who gets the card later is somebody else.
    assert client.post(MEMBERS, late).json["member_id"] != member_id


def test_nobody_is_merged_into_whoever_was_erased(client: Client) -> None:
    """Their identifiers would go to somebody about whom nothing may be known; a merger before is still answered."""
    desk = ready(client)
    client.enrol("third")
    ids = {name: client.get(f"{MEMBERS}/{name}").json["member_id"] for name in (CARD, "card:other", "card:third")}
    body = {"reason": "one person", "into_member": ids[CARD]}
    merged = desk.send(f"members/{ids['card:third']}/merge", NEXT, **body)
    assert merged.status == 201
    assert erase(desk).json["merged_members"] == [ids["card:third"]]
    refused = desk.send("members/card:other/merge", NEXT, **body)
    assert (refused.status, refused.slug, refused.json["pointer"]) == (410, "member-erased", "/into_member")
    desk.buy(5, NEXT, member="card:other")
    again = desk.send(f"members/{ids['card:third']}/merge", NEXT, **body)
    assert (again.status, again.json) == (200, merged.json | {"replayed": True})
    # The other way round is fine: their points are kept, and nobody is brought back.
    assert desk.send(f"members/{ids[CARD]}/merge", NEXT, reason="x", into_member="card:other").status == 201
    assert client.get(f"{MEMBERS}/card:other").json["status"] == "active"
    assert client.get(f"{MEMBERS}/{ids[CARD]}").json["status"] == "erased"


def test_points_can_be_forfeited(client: Client) -> None:
    """The account is closed with them; what undoes earlier things is still booked."""
    desk = ready(client)
    member_id = client.get(f"{MEMBERS}/{CARD}").json["member_id"]
    proof = erase(desk, points="forfeit").json
    assert (proof["points"], proof["totals_before"]) == ("forfeit", proof["totals_after"])
    assert proof["totals_after"][0]["booked_points"] == 7
    desk.refused("purchases", NEXT, "account-closed", member=member_id, amount="5", currency="EUR")
    desk.catch_up("other")
    account = client.get(f"{MEMBERS}/{member_id}/account").json
    assert (account["status"], account["balances"][0]["expired_points"]) == ("closed", 100)
    topics = [line["topic"] for line in client.get(f"{MEMBERS}/{member_id}/timeline").json["lines"]]
    assert topics[:3] == ["account.member_erased.v1", "account.closed.v1", "account.lots_expired.v1"]
    desk.done("purchases/T/returns?source=till-1", NEXT, amount="100")


def test_an_erasure_is_repeated_with_the_same_proof(client: Client) -> None:
    """By our id, whatever is asked for now; by the old identifier only with the key, and the same body."""
    desk = ready(client)
    member_id = client.get(f"{MEMBERS}/{CARD}").json["member_id"]
    first = erase(desk, key="X")
    before = client.event_count()
    for answer in (erase(desk, key="X"), erase(desk, member_id), erase(desk, member_id, "forfeit", at="2026-03-03")):
        assert (answer.status, answer.headers["Idempotency-Replayed"]) == (200, "true")
        assert answer.json == first.json
    assert erase(desk).slug == "unknown-member"
    assert erase(desk, points="forfeit", key="X").slug == "key-reused"
    assert erase(desk, "card:other", key="X").slug == "key-reused"
    assert client.event_count() == before
    assert client.get(f"{MEMBERS}/card:other").json["status"] == "active"


def test_open_holds_are_resolved_first(client: Client) -> None:
    """Somebody stands at a checkout; afterwards it can be asked for again."""
    desk = ready(client)
    desk.done("holds", f"{NEXT}T11:50:00Z", hold_id="H", member=CARD, points=10)
    for points in ("keep", "forfeit"):
        refused = erase(desk, points=points)
        assert (refused.status, refused.slug, refused.json["hold_ids"]) == (409, "holds-open", ["H"])
    assert client.get(f"{MEMBERS}/{CARD}/profile").json["profile"] == PERSON
    desk.done("holds/H/void", f"{NEXT}T11:55:00Z", reason="erasure")
    assert erase(desk, points="forfeit").json["points"] == "forfeit"


def test_two_at_once_have_one_proof(client: Client) -> None:
    """And one event."""
    desk = ready(client)
    member_id = client.get(f"{MEMBERS}/{CARD}").json["member_id"]
    before = client.event_count()
    answers: list[Answer] = []
    threads = [Thread(target=lambda: answers.append(erase(desk, member_id))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in answers} <= {200, 201}
    assert len({answer.text for answer in answers}) == 1
    assert client.event_count() == before + 1


def test_an_interrupted_erasure_is_finished(client: Client) -> None:
    """By a job, with what was asked at first."""
    desk = ready(client)
    member_id = client.get(f"{MEMBERS}/{CARD}").json["member_id"]
    body = {"source": "desk", "occurred_at": f"{NEXT}T12:00:00Z", "reason": "on_request", "points": "forfeit"}
    with client.database.connect() as connection:
        connection.execute(
            "INSERT INTO members.erasures (program_id, member_id, request, principal, asked_at)"
            " VALUES ('coffee', %s, %s, 'key:k', '2026-03-02T12:00:00Z')",
            (member_id, json.dumps(body)),
        )
    assert desk.run("finish-erasures", "2026-03-02T12:00:30").account_count == 0
    report = desk.run("finish-erasures", "2026-03-02T12:05:00")
    assert (report.account_count, report.event_count) == (1, 1)
    assert desk.run("finish-erasures", "2026-03-02T12:10:00").account_count == 0
    assert tables_with_mark(client) == set()
    assert erase(desk, member_id).json["erased_by"] == "key:k"


def test_whoever_was_merged_is_erased_too(client: Client) -> None:
    """One person, one erasure; a merger that is finished later brings nothing back."""
    desk = ready(client)
    old = client.get(f"{MEMBERS}/{CARD}").json["member_id"]
    assert desk.send(f"members/{old}/merge", NEXT, reason="one person", into_member="card:other").status == 201
    assert erase(desk, old).slug == "member-merged"
    with client.database.connect() as connection:
        # As a crash right after the merger leaves it.
        connection.execute("UPDATE members.members SET merged_into = NULL WHERE member_id = %s", (old,))
        connection.execute(
            "INSERT INTO members.profiles (program_id, member_id, version, profile, changed_at)"
            " VALUES ('coffee', %s, 1, %s, now())",
            (old, json.dumps(PERSON)),
        )
    proof = erase(desk, CARD).json
    assert proof["merged_members"] == []
    desk.run("finish-mergers", NEXT)
    assert tables_with_mark(client) - {"members.enrolment_keys"} == set()
    assert client.get(f"{MEMBERS}/{old}").json["status"] == "erased"


def test_personal_data_is_in_one_schema_and_no_log(client: Client) -> None:
    """Whatever is done with a member: no event, receipt, view, job or log line tells who it is."""
    with capture_logs() as logged:
        desk = ready(client)
        member = f"{MEMBERS}/{CARD}"
        phone = f"phone:{MARK}02"
        desk.done("accruals", DAY, member=phone, points=50, reason="gift")
        desk.done("redemptions", NEXT, member=CARD, points=5)
        for verb in ("suspend", "resume"):
            assert desk.send(f"members/{CARD}/{verb}", NEXT, reason="review").status == 201
        client.call("PATCH", f"{member}/profile", {"family_name": f"N{MARK}"})
        client.get(f"{member}/profile")
        client.get(f"{member}/account")
        client.get(f"{member}/data-export")
        client.post(f"{MEMBERS}/search", {"email": PERSON["email"]})
        client.post(f"{MEMBERS}/search", {"nobody": MARK})
        client.post(f"{member}/identifiers", {"kind": "card", "value": f"{MARK}03"})
        client.post(f"{MEMBERS}/card:other/identifiers", {"kind": "card", "value": f"{MARK}03"})
        old, new = ({"kind": "card", "value": f"{MARK}0{number}"} for number in (3, 4))
        client.post(f"{member}/identifiers/replace", {"old": old, "new": new})
        client.call("DELETE", f"{member}/identifiers/card:{MARK}04")
        assert desk.send(f"members/{CARD}/merge", NEXT, reason="same", into_member="card:other").status == 201
        desk.catch_up("other")
        holding = tables_with_mark(client)
        erase(desk)
    assert holding == {"members.identifiers", "members.profiles"}
    assert len([line for line in logged if line["event"] == "request_answered"]) > 15
    assert MARK not in repr(logged)
    reads = [line for line in logged if line["event"] == "sensitive_read"]
    assert [line["action"] for line in reads] == ["profile", "data-export", "search"]
    assert all(line["member_ids"] and line["program_id"] == "coffee" for line in reads)


def test_everything_about_a_person_is_exported(client: Client) -> None:
    """Profile, identifiers, consents, account, purchases and the story, in one answer."""
    desk = ready(client)
    desk.catch_up("other")
    exported = client.get(f"{MEMBERS}/{CARD}/data-export")
    assert exported.status == 200, exported.text
    body = exported.json
    assert (body["profile"], body["is_complete"]) == (PERSON, True)
    assert [one["kind"] for one in body["identifiers"]] == ["card", "phone"]
    assert [one["transaction_id"] for one in body["purchases"]] == ["T"]
    assert [one["topic"] for one in body["timeline"]] == ["account.purchase_posted.v1", "account.opened.v1"]
    assert body["account"]["balances"][0]["available_points"] == 100
    assert exported.headers["Cache-Control"] == "no-store"


def test_rebuilt_views_are_as_before(client: Client) -> None:
    """Everything but who the member was follows from the events still."""
    desk = ready(client)
    erase(desk, points="forfeit")
    desk.catch_up("other")
    assert all(one.is_equal for one in rebuild(client.database, [], compare_only=True))
