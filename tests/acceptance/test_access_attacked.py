"""What somebody would try who wants more than they were given, over REST."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from typing import Any

from api.access import passwords
from khaywe.wiring import Database
from tests.acceptance.conftest import Client
from tests.acceptance.test_access import ADA, issue, key_id, kinds, sign_in, with_session
from tests.acceptance.test_approvals import PATH, adjustment, decide


def session_of(client: Client, email: str = "ada@example.com") -> str:
    """Sign in, and return the cookie."""
    answer = sign_in(client, email)
    assert answer.status == 204, answer.text
    return answer.headers["Set-Cookie"].partition(";")[0]


@contextmanager
def nothing_recorded(database: Database) -> Iterator[None]:
    """Keep the ledger from taking anything in meanwhile."""
    with database.connect() as connection, connection.transaction():
        connection.execute("SELECT FROM ledger.heads FOR UPDATE")
        yield


def wait_until_it_waits(database: Database) -> None:
    """Return when the poster waits for the head of the ledger."""
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with database.connect() as connection:
        while connection.execute(query).fetchone() == (0,):
            time.sleep(0.01)


def test_a_user_limited_to_partners_changes_their_password(lone_client: Client) -> None:
    """Their session is about no member and no program, so nothing is looked up there."""
    lone_client.post("/v1/access/users", ADA | {"role": "partner", "partners": ["bakery"]})
    body = {"present_password": ADA["password"], "password": "another password 1"}
    session = session_of(lone_client)
    assert with_session(lone_client, session, "PUT", "/v1/session/password", body).status == 204


def test_another_site_signs_nobody_in(lone_client: Client) -> None:
    """Or it could have somebody work, unknowing, under the name of another."""
    lone_client.post("/v1/access/users", ADA)
    body = {"email": ADA["email"], "password": ADA["password"]}
    for sent in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        foreign = lone_client.call("POST", "/v1/session", body, headers={"Authorization": ""} | sent)
        assert (foreign.status, foreign.slug) == (403, "cross-site-request")
        assert "Set-Cookie" not in foreign.headers
    own = lone_client.call("POST", "/v1/session", body, headers={"Authorization": "", "Origin": lone_client.base})
    assert own.status == 204


def test_a_session_is_no_key_and_a_key_no_session(lone_client: Client) -> None:
    """Also while either is remembered as good."""
    lone_client.post("/v1/access/users", ADA)
    session = session_of(lone_client)
    assert with_session(lone_client, session, "GET", "/v1/session").status == 200
    secret = session.partition("=")[2]
    assert lone_client.call("DELETE", "/v1/session", key=secret).status == 401
    assert lone_client.get("/v1/session").status == 200
    as_cookie = with_session(lone_client, f"khaywe_session={lone_client.key}", "GET", "/v1/session")
    assert as_cookie.status == 401


def test_the_record_of_access_is_limited_like_the_reader(lone_client: Client) -> None:
    """Whoever is limited to a program learns neither of keys of others, nor who read what there."""
    for program in ("coffee", "tea"):
        lone_client.create_program(program)
        lone_client.enrol("1", program)
    auditor = issue(lone_client, role="finance", programs=["coffee"])
    reader = issue(lone_client, role="marketer", programs=["coffee"])
    other = issue(lone_client, role="marketer", programs=["tea"])
    for program, key in (("coffee", reader), ("tea", other), ("tea", lone_client.key)):
        assert lone_client.call("GET", f"/v1/programs/{program}/members/card:1/profile", key=key).status == 200
    seen = lone_client.call("GET", "/v1/access/log", key=auditor)
    assert {entry["principal"] for entry in seen.json["entries"]} == {f"key:{key_id(key)}" for key in (auditor, reader)}
    assert "tea" not in seen.text
    named = lone_client.call("GET", f"/v1/access/log?principal=key:{key_id(other)}", key=auditor)
    assert named.json["entries"] == []
    assert f"key:{key_id(other)}" in lone_client.get("/v1/access/log").text


def test_the_record_of_access_keeps_what_somebody_did_elsewhere_before(lone_client: Client) -> None:
    """A user who is limited now was not always: what they read and could then is not for the limited."""
    for program in ("coffee", "tea"):
        lone_client.create_program(program)
    lone_client.enrol("1", "tea")
    user = lone_client.post("/v1/access/users", ADA | {"role": "marketer", "programs": ["tea"]}).json["user_id"]
    session = session_of(lone_client)
    assert with_session(lone_client, session, "GET", "/v1/programs/tea/members/card:1/profile").status == 200
    moved = lone_client.call("PUT", f"/v1/access/users/{user}", {"role": "marketer", "programs": ["coffee"]})
    assert moved.status == 200
    auditor = issue(lone_client, role="finance", programs=["coffee"])
    seen = lone_client.call("GET", f"/v1/access/log?principal=user:{user}", key=auditor)
    assert "tea" not in seen.text
    assert {entry["kind"] for entry in seen.json["entries"]} == {"access.user_granted.v1", "access.signed_in.v1"}


def test_a_store_approves_only_what_is_its_own(lone_client: Client) -> None:
    """Agreeing writes under the source that was asked for."""
    lone_client.create_program(approvals={"adjustments_above": 100})
    lone_client.enrol()
    asked = lone_client.post(f"{PATH}/adjustments", adjustment())
    other, own = (issue(lone_client, role="finance", stores=[store]) for store in ("till-1", "desk"))
    before = lone_client.event_count()
    refused = decide(lone_client, asked, "approve", other)
    assert (refused.status, refused.slug, lone_client.event_count()) == (403, "forbidden", before)
    assert decide(lone_client, asked, "approve", own).status == 201


def test_a_lock_is_not_lifted_by_a_guess_that_began_before_it(lone_client: Client) -> None:
    """Guesses that come at the same time count each other."""
    lone_client.post("/v1/access/users", ADA)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: sign_in(lone_client, password="wrong"), range(8)))
    with lone_client.database.connect() as connection:
        row = connection.execute("SELECT failed_count >= 5, locked_until IS NOT NULL FROM access.users").fetchone()
    assert row == (True, True)


def test_own_password_is_guessed_no_oftener_than_at_the_door(lone_client: Client) -> None:
    """Whoever finds a session open gets five tries, each on record."""
    user = lone_client.post("/v1/access/users", ADA).json["user_id"]
    session = session_of(lone_client)
    body = {"present_password": "wrong", "password": "another password 1"}
    for _ in range(5):
        assert with_session(lone_client, session, "PUT", "/v1/session/password", body).slug == "invalid-password"
    right = with_session(
        lone_client, session, "PUT", "/v1/session/password", body | {"present_password": ADA["password"]}
    )
    assert (right.status, right.slug) == (422, "invalid-password")
    assert kinds(lone_client, f"?principal=user:{user}")[:6] == ["access.sign_in_refused.v1"] * 6


def test_guesses_at_passwords_leave_threads_for_others(lone_client: Client) -> None:
    """They wait in a row of their own, however many addresses they come from."""
    body = b'{"email": "nobody@example.com", "password": "wrong"}'
    host, port = lone_client.base.removeprefix("http://").split(":")

    def guess(number: int) -> int:
        connection = HTTPConnection(host, int(port), timeout=60, source_address=(f"127.0.1.{number + 1}", 0))
        with closing(connection):
            connection.request("POST", "/v1/session", body, {"Content-Type": "application/json"})
            return connection.getresponse().status

    with ThreadPoolExecutor(42) as pool:
        passwords._at_once.acquire()  # as if two hashes took for ever
        passwords._at_once.acquire()
        try:
            guesses = [pool.submit(guess, number) for number in range(42)]
            while sum(one.running() for one in guesses) < 42:
                time.sleep(0.01)
            time.sleep(0.5)  # all of them have arrived
            assert lone_client.get("/v1/access/keys").status == 200
        finally:
            passwords._at_once.release(2)
        assert {one.result() for one in guesses} <= {401, 429}


def test_more_is_allowed_only_once_it_is_on_record(lone_client: Client) -> None:
    """A user may do more, or has another password, after the event and not before."""
    user = lone_client.post("/v1/access/users", ADA | {"role": "analyst"}).json["user_id"]
    path = f"/v1/access/users/{user}"
    changes: list[tuple[str, Any, str]] = [
        (path, {"role": "finance"}, "role"),
        (f"{path}/password", {"password": "a brand new one"}, "password_hash"),
    ]
    for where, body, column in changes:
        with lone_client.database.connect() as connection, ThreadPoolExecutor(1) as pool:
            query = f"SELECT {column} FROM access.users"  # a name of ours
            before = connection.execute(query).fetchone()
            with nothing_recorded(lone_client.database):
                asked = pool.submit(lone_client.call, "PUT", where, body)
                wait_until_it_waits(lone_client.database)
                meanwhile = connection.execute(query).fetchone()
            assert asked.result().status in {200, 204}
            assert meanwhile == before
            assert connection.execute(query).fetchone() != before


def test_a_rotation_that_broke_off_is_ended_when_sent_again(lone_client: Client) -> None:
    """As if the process had ended when the new key was there and the old one had no end yet."""
    old = issue(lone_client, role="pos")
    path, headers = f"/v1/access/keys/{key_id(old)}", {"Idempotency-Key": "rotation-1"}
    assert lone_client.post(f"{path}/rotate", {"overlap_hours": 2}, headers=headers).status == 201
    end = lone_client.get(path).json["expires_at"]
    with lone_client.database.connect() as connection:
        connection.execute("UPDATE access.api_keys SET expires_at = NULL WHERE key_id = %s", (key_id(old),))
    again = lone_client.post(f"{path}/rotate", {"overlap_hours": 2}, headers=headers)
    assert (again.status, again.json["replayed"]) == (200, True)
    assert lone_client.get(path).json["expires_at"] == end
