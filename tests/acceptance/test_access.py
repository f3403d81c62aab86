"""Keys, users, sessions, limits, and the record of all that, over REST."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.acceptance.conftest import Answer, Client, purchase

ADA = {"email": "Ada@example.com", "password": "correct horse battery", "role": "finance"}
ZERO_HOURS = {"overlap_hours": 0}


def issue(client: Client, **grant: Any) -> str:
    """Issue a key with the admin's, and return it."""
    answer = client.post("/v1/access/keys", grant)
    assert answer.status == 201, answer.text
    return str(answer.json["key"])


def key_id(key: str) -> str:
    """Return what may be seen of a key."""
    return key[: len("khaywe_") + 8]


def sign_in(client: Client, email: str = "ada@example.com", password: str = str(ADA["password"])) -> Answer:
    """Sign in as a stranger."""
    return client.call("POST", "/v1/session", {"email": email, "password": password}, headers={"Authorization": ""})


def with_session(client: Client, cookie: str, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    """Call with a session instead of a key."""
    sent = {"Cookie": cookie, "Origin": client.base} | headers
    return Client(client.base, "", client.database).call(method, path, body, headers=sent | {"Authorization": ""})


def kinds(client: Client, query: str = "") -> list[str]:
    """Return the kinds of what is on record, newest first."""
    return [entry["kind"] for entry in client.get(f"/v1/access/log{query}").json["entries"]]


def test_a_key_is_shown_once_and_stored_as_a_hash(lone_client: Client) -> None:
    """Nobody can read it from the database, nor from a list."""
    answer = lone_client.post("/v1/access/keys", {"role": "pos", "label": "tills", "stores": ["till-1"]})
    key = answer.json["key"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert key.startswith(answer.json["details"]["key_id"])
    assert lone_client.call("GET", "/v1/session", key=key).json["role"] == "pos"
    listed = lone_client.get("/v1/access/keys").text
    assert key not in listed
    assert key_id(key) in listed
    with lone_client.database.connect() as connection:
        rows = connection.execute("SELECT t::text FROM access.api_keys AS t").fetchall()
        rows += connection.execute("SELECT convert_from(state, 'UTF8') FROM ledger.events").fetchall()
    assert not any(key in text for (text,) in rows)


def test_issuing_again_with_the_same_idempotency_key_makes_no_second_key(lone_client: Client) -> None:
    """The answer says which key it was; the key itself is not shown again."""
    asked, headers = {"role": "pos"}, {"Idempotency-Key": "k1"}
    first = lone_client.post("/v1/access/keys", asked, headers=headers)
    again = lone_client.post("/v1/access/keys", asked, headers=headers)
    assert (first.status, again.status) == (201, 200)
    assert again.json == {"key": None, "details": first.json["details"], "replayed": True}
    other = lone_client.post("/v1/access/keys", {"role": "analyst"}, headers=headers)
    assert (other.status, other.slug) == (422, "key-reused")


def test_roles_allow_what_they_say_and_nothing_else(lone_client: Client) -> None:
    """What is not allowed is refused with the name of the action, and nothing happens."""
    lone_client.create_program()
    lone_client.enrol()
    till, analyst = issue(lone_client, role="pos"), issue(lone_client, role="analyst")
    posted = lone_client.post("/v1/programs/coffee/purchases", purchase(), key=till)
    assert posted.status == 201
    account = f"/v1/programs/coffee/members/card:1/account?min_position={posted.json['position']}"
    assert lone_client.call("GET", account, key=analyst).status == 200
    before = lone_client.event_count()
    cases = [
        ("POST", "/v1/programs/coffee/purchases", purchase(transaction_id="T2"), analyst, "purchases:post"),
        ("POST", "/v1/programs", {}, till, "programs:write"),
        ("POST", "/v1/programs/coffee/publish", {}, till, "programs:publish"),
        ("POST", "/v1/access/keys", {"role": "admin"}, till, "access:write"),
        ("GET", "/v1/access/log", None, till, "access:read"),
    ]
    for method, path, body, key, action in cases:
        refused = lone_client.call(method, path, body, key=key)
        assert (refused.status, refused.slug, refused.json["action"]) == (403, "forbidden", action)
    assert before == lone_client.event_count()


def test_a_key_limited_to_a_program_sees_no_other(lone_client: Client) -> None:
    """Whether there is another is not for it to know: 404, as for one that is not there."""
    lone_client.create_program()
    lone_client.create_program("tea")
    key = issue(lone_client, role="admin", programs=["coffee"])
    assert lone_client.call("GET", "/v1/programs/coffee", key=key).status == 200
    hidden = lone_client.call("GET", "/v1/programs/tea", key=key)
    missing = lone_client.call("GET", "/v1/programs/water", key=key)
    assert (hidden.status, hidden.slug) == (missing.status, missing.slug) == (404, "unknown-program")
    fast = lone_client.call("GET", "/v1/programs/tea/members/card:1/account", key=key)
    assert (fast.status, fast.slug) == (404, "unknown-program")


def test_a_key_limited_to_stores_writes_only_under_their_names(lone_client: Client) -> None:
    """One purchase, and each of a batch."""
    lone_client.create_program()
    lone_client.enrol()
    key = issue(lone_client, role="pos", stores=["till-1"])
    ours, theirs = purchase(), purchase(source="till-2", transaction_id="T9")
    assert lone_client.post("/v1/programs/coffee/purchases", ours, key=key).status == 201
    refused = lone_client.post("/v1/programs/coffee/purchases", theirs, key=key)
    assert (refused.status, refused.slug, refused.json["pointer"]) == (403, "forbidden", "/source")
    batch = lone_client.post("/v1/programs/coffee/purchases/batch", [ours, theirs], key=key)
    assert [item["status"] for item in batch.json["results"]] == [200, 403]


def test_nobody_gives_away_more_than_they_have(lone_client: Client) -> None:
    """Neither other actions nor other programs; and of wider keys they do not know."""
    limited = issue(lone_client, role="admin", programs=["coffee"])
    narrow = issue(lone_client, role="admin", actions=["access:write", "access:read"])
    wider = lone_client.post("/v1/access/keys", {"role": "pos", "programs": ["tea"]}, key=limited)
    assert (wider.status, wider.slug) == (403, "grant-exceeded")
    wider = lone_client.post("/v1/access/keys", {"role": "pos"}, key=narrow)
    assert (wider.status, wider.slug) == (403, "grant-exceeded")
    assert "purchases:post" in wider.json["detail"]
    assert lone_client.post("/v1/access/keys", {"role": "pos", "programs": ["coffee"]}, key=limited).status == 201
    hidden = lone_client.call("GET", f"/v1/access/keys/{key_id(narrow)}", key=limited)
    assert (hidden.status, hidden.slug) == (404, "unknown-key")
    assert lone_client.post(f"/v1/access/keys/{key_id(narrow)}/revoke", None, key=limited).status == 404


def test_grants_that_make_no_sense_are_refused(lone_client: Client) -> None:
    """With the place and what would be right."""
    cases = [
        ({"role": "boss"}, "/role"),
        ({"role": "pos", "actions": ["points:adjust"]}, "/actions/0"),
        ({"role": "pos", "actions": ["fly"]}, "/actions/0"),
        ({"role": "partner"}, "/partners"),
    ]
    for body, pointer in cases:
        refused = lone_client.post("/v1/access/keys", body)
        assert (refused.status, refused.slug, refused.json["pointer"]) == (422, "invalid-grant", pointer)
    past = lone_client.post("/v1/access/keys", {"role": "pos", "expires_at": "2020-01-01T00:00:00Z"})
    assert (past.status, past.slug, past.json["pointer"]) == (422, "invalid-input", "/expires_at")
    assert lone_client.event_count() == 0


def test_rotation_overlaps_and_keeps_idempotency_keys(lone_client: Client) -> None:
    """A retry under the new key finds what the old one wrote; after the overlap the old one opens nothing."""
    lone_client.create_program()
    lone_client.enrol()
    old = issue(lone_client, role="pos")
    headers = {"Idempotency-Key": "sale-1"}
    assert lone_client.post("/v1/programs/coffee/purchases", purchase(), key=old, headers=headers).status == 201
    rotated = lone_client.post(f"/v1/access/keys/{key_id(old)}/rotate", {"overlap_hours": 1})
    assert rotated.status == 201, rotated.text
    new = rotated.json["key"]
    assert rotated.json["details"]["family"] == key_id(old)
    again = lone_client.post("/v1/programs/coffee/purchases", purchase(), key=new, headers=headers)
    assert (again.status, again.headers["Idempotency-Replayed"]) == (200, "true")
    other = lone_client.post("/v1/programs/coffee/purchases", purchase(transaction_id="T2"), key=new, headers=headers)
    assert (other.status, other.slug) == (422, "key-reused")
    assert lone_client.call("GET", "/v1/session", key=old).status == 200
    ends_at = datetime.fromisoformat(lone_client.get(f"/v1/access/keys/{key_id(old)}").json["expires_at"])
    assert timedelta(minutes=50) < ends_at - datetime.now(UTC) < timedelta(minutes=61)
    third = lone_client.post(f"/v1/access/keys/{key_id(new)}/rotate", ZERO_HOURS).json["key"]
    over = lone_client.post(f"/v1/access/keys/{key_id(new)}/rotate", ZERO_HOURS)
    assert (over.status, over.slug) == (409, "key-not-in-force")
    assert lone_client.call("GET", "/v1/session", key=third).status == 200


def test_a_revoked_or_expired_key_opens_nothing(lone_client: Client) -> None:
    """Revoking twice changes nothing, and what was revoked stays so."""
    key = issue(lone_client, role="pos")
    assert lone_client.call("GET", "/v1/session", key=key).status == 200
    revoked = lone_client.post(f"/v1/access/keys/{key_id(key)}/revoke", None)
    again = lone_client.post(f"/v1/access/keys/{key_id(key)}/revoke", None)
    assert (revoked.status, revoked.json) == (again.status, again.json | {"last_used_at": revoked.json["last_used_at"]})
    assert lone_client.call("GET", "/v1/session", key=key).status == 401
    assert kinds(lone_client, f"?principal=key:{key_id(key)}") == ["access.key_revoked.v1", "access.key_issued.v1"]
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    brief = issue(lone_client, role="pos", expires_at=soon)
    assert lone_client.call("GET", "/v1/session", key=brief).status == 200
    while datetime.now(UTC).isoformat() <= soon:
        pass
    assert lone_client.call("GET", "/v1/session", key=brief).status == 401
    assert lone_client.get("/v1/access/keys/khaywe_nobody").slug == "unknown-key"


def test_when_a_key_was_used_is_known(lone_client: Client) -> None:
    """So that nobody keeps keys that nothing needs."""
    key = issue(lone_client, role="pos")
    path = f"/v1/access/keys/{key_id(key)}"
    assert lone_client.get(path).json["last_used_at"] is None
    lone_client.call("GET", "/v1/session", key=key)
    assert lone_client.get(path).json["last_used_at"] is not None


def test_a_caller_has_a_limit_of_their_own(lone_client: Client) -> None:
    """Every answer tells how much is left; one too many is refused with the time to wait, and others go on."""
    key = issue(lone_client, role="pos", requests_per_s=2)
    answers = [lone_client.call("GET", "/v1/session", key=key) for _ in range(5)]
    assert answers[0].headers["RateLimit-Policy"] == '"caller";q=2;w=1'
    assert answers[0].headers["RateLimit"] == '"caller";r=1;t=1'
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert (refused[0].slug, refused[0].headers["Retry-After"]) == ("rate-limited", "1")
    assert lone_client.get("/v1/session").status == 200


def test_strangers_may_guess_only_so_often(lone_client: Client) -> None:
    """Neither keys nor passwords; those with a key do not feel it."""
    guesses = [lone_client.call("GET", "/v1/session", key=f"khaywe_{guess}") for guess in range(30)]
    assert {answer.slug for answer in guesses} == {"unauthorized", "rate-limited"}
    assert lone_client.get("/v1/session").status == 200


def test_a_user_signs_in_and_out(lone_client: Client) -> None:
    """The cookie is for browsers alone, and other sites cannot use it."""
    added = lone_client.post("/v1/access/users", ADA)
    assert (added.status, added.json["email"]) == (201, "ada@example.com")
    answer = sign_in(lone_client)
    assert answer.status == 204, answer.text
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    session = cookie.partition(";")[0]
    me = with_session(lone_client, session, "GET", "/v1/session")
    assert me.json["principal"] == f"user:{added.json['user_id']}"
    assert "points:adjust" in me.json["actions"]
    foreign = with_session(lone_client, session, "DELETE", "/v1/session", Origin="https://evil.example")
    assert (foreign.status, foreign.slug) == (403, "cross-site-request")
    foreign = with_session(lone_client, session, "DELETE", "/v1/session", **{"Sec-Fetch-Site": "cross-site"})
    assert foreign.slug == "cross-site-request"
    assert with_session(lone_client, session, "DELETE", "/v1/session").status == 204
    assert with_session(lone_client, session, "GET", "/v1/session").status == 401
    query = f"?principal=user:{added.json['user_id']}"
    assert kinds(lone_client, query) == ["access.signed_out.v1", "access.signed_in.v1", "access.user_added.v1"]


def test_wrong_passwords_lock_a_user_for_a_while(lone_client: Client) -> None:
    """The answer never tells whether there is such a user, or whether the guess was right."""
    added = lone_client.post("/v1/access/users", ADA)
    wrong = [sign_in(lone_client, password="wrong") for _ in range(5)]
    locked = sign_in(lone_client)
    nobody = sign_in(lone_client, email="nobody@example.com")
    assert {(answer.status, answer.text) for answer in wrong} == {(401, nobody.text)}
    assert (locked.status, locked.text) == (401, nobody.text)
    entries = lone_client.get("/v1/access/log?kind=access.sign_in_refused.v1").json["entries"]
    assert [entry["details"]["reason"] for entry in entries] == ["locked"] + ["wrong-password"] * 5
    reset = lone_client.call(
        "PUT", f"/v1/access/users/{added.json['user_id']}/password", {"password": "a brand new one"}
    )
    assert reset.status == 204
    assert sign_in(lone_client, password="a brand new one").status == 204


def test_a_user_who_is_changed_or_disabled_signs_in_anew(lone_client: Client) -> None:
    """Sessions end at once, and a disabled user opens none."""
    user_id = lone_client.post("/v1/access/users", ADA).json["user_id"]
    session = sign_in(lone_client).headers["Set-Cookie"].partition(";")[0]
    path = f"/v1/access/users/{user_id}"
    changed = lone_client.call("PUT", path, {"role": "analyst"})
    assert (changed.status, changed.json["role"]) == (200, "analyst")
    assert with_session(lone_client, session, "GET", "/v1/session").status == 401
    assert lone_client.call("PUT", path, {"role": "analyst", "is_enabled": False}).json["is_enabled"] is False
    assert sign_in(lone_client).status == 401
    assert lone_client.call("PUT", path, {"role": "analyst"}).json["is_enabled"] is True
    assert sign_in(lone_client).status == 204
    assert [kind for kind in kinds(lone_client, f"?principal=user:{user_id}") if ".user_" in kind] == [
        "access.user_enabled.v1",
        "access.user_disabled.v1",
        "access.user_granted.v1",
        "access.user_added.v1",
    ]


def test_users_choose_their_own_passwords(lone_client: Client) -> None:
    """Knowing the present one; weak ones are refused, and all sessions end."""
    lone_client.post("/v1/access/users", ADA)
    session = sign_in(lone_client).headers["Set-Cookie"].partition(";")[0]
    cases = [
        ("wrong", "another password 1", "/present_password"),
        (ADA["password"], "short", "/password"),
        (ADA["password"], "aaaaaaaaaaaaaaaa", "/password"),
        (ADA["password"], "x" * 201, None),
    ]
    for present, password, pointer in cases:
        body = {"present_password": present, "password": password}
        refused = with_session(lone_client, session, "PUT", "/v1/session/password", body)
        assert (refused.status, refused.json.get("pointer", "/password")) == (422, pointer or "/password")
    body = {"present_password": ADA["password"], "password": "another password 1"}
    assert with_session(lone_client, session, "PUT", "/v1/session/password", body).status == 204
    assert with_session(lone_client, session, "GET", "/v1/session").status == 401
    assert sign_in(lone_client).status == 401
    assert sign_in(lone_client, password="another password 1").status == 204
    assert lone_client.call("PUT", "/v1/session/password", body).slug == "invalid-password"


def test_an_address_has_one_user(lone_client: Client) -> None:
    """However it is capitalised."""
    assert lone_client.post("/v1/access/users", ADA).status == 201
    again = lone_client.post("/v1/access/users", ADA | {"email": "ADA@EXAMPLE.COM"})
    assert (again.status, again.slug) == (409, "user-exists")
    assert len(lone_client.get("/v1/access/users").json["users"]) == 1
    assert lone_client.get("/v1/access/users/nobody").slug == "unknown-user"


def test_reading_the_record_is_on_record(lone_client: Client) -> None:
    """With who read it, in which request."""
    lone_client.call("GET", "/v1/access/log", headers={"X-Request-Id": "audit-1"})
    entry = lone_client.get("/v1/access/log").json["entries"][0]
    assert entry["kind"] == "access.sensitive_read.v1"
    assert entry["principal"] == f"key:{key_id(lone_client.key)}"
    assert (entry["details"]["what"], entry["details"]["request_id"]) == ("access-log", "audit-1")


def test_the_record_names_nobody(lone_client: Client) -> None:
    """No address, label or secret is in any event."""
    lone_client.post("/v1/access/users", ADA)
    sign_in(lone_client)
    sign_in(lone_client, password="wrong")
    issue(lone_client, role="pos", label="Ada Lovelace's till")
    with lone_client.database.connect() as connection:
        states = connection.execute("SELECT convert_from(state, 'UTF8') FROM ledger.events").fetchall()
    assert states
    assert not any(word in state.lower() for (state,) in states for word in ("ada", "lovelace", "horse"))


def test_the_record_is_read_a_page_at_a_time(client: Client) -> None:
    """Newest first, over all partitions, each entry once."""
    for _ in range(5):
        issue(client, role="pos")
    seen: list[str] = []
    cursor = ""
    while True:
        page = client.get(f"/v1/access/log?kind=access.key_issued.v1&limit=2{cursor}").json
        seen += [entry["position"] for entry in page["entries"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == len(set(seen)) == 5
