"""Changing a program over REST: drafts, ETags, versions for later, history, and documents."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.store.newest import created_programs
from tests.acceptance.conftest import GUIDE_BURN, GUIDE_EARN, Answer, Client, purchase

COFFEE = "/v1/programs/coffee"
DOUBLE = {"*": [{"var": "transaction_amount"}, 2]}


def terms(**changes: Any) -> dict[str, Any]:
    """Return the terms of the guide, changed as told."""
    return {
        "point_currencies": [{"code": "points", "name": "Points"}],
        "earn": {"rule": GUIDE_EARN, "point_currency": "points"},
        "burn": {"rule": GUIDE_BURN, "point_currency": "points"},
    } | changes


DOUBLED = terms(earn={"rule": DOUBLE, "point_currency": "points"})


def draft(client: Client, body: dict[str, Any], match: str | None = None) -> Answer:
    """Replace the draft, from the state with an ETag if one is given."""
    return client.call("PUT", f"{COFFEE}/draft", body, headers={"If-Match": match} if match else {})


def schedule(client: Client, body: dict[str, Any], ahead: timedelta) -> Any:
    """Publish terms for later, and return the answer's body."""
    assert draft(client, body).status == 200
    answer = client.post(f"{COFFEE}/publish", {"effective_from": (datetime.now(UTC) + ahead).isoformat()})
    assert answer.status == 201, answer.text
    return answer.json


def test_programs_are_listed_page_by_page(client: Client) -> None:
    """In the order of their ids, each with what is in force and drafted, also one without members."""
    for name in ("tea", "coffee", "water"):
        client.create_program(name)
    schedule(client, DOUBLED, timedelta(days=1))
    draft(client, terms())
    first = client.get("/v1/programs?limit=2").json
    assert [one["program_id"] for one in first["programs"]] == ["coffee", "tea"]
    coffee = first["programs"][0]
    assert (coffee["version_in_force"], coffee["scheduled"], coffee["has_draft"]) == (1, [2], True)
    assert coffee["etag"] == client.get(COFFEE).headers["ETag"] == '"6"'
    second = client.get(f"/v1/programs?limit=2&cursor={first['next_cursor']}").json
    assert ([one["program_id"] for one in second["programs"]], second["next_cursor"]) == (["water"], None)
    with client.database.connect() as connection:
        assert created_programs(connection, after=None, only=("water", "wine"), limit=9) == ["water"]
        assert created_programs(connection, after="tea", only=("tea",), limit=9) == []


def test_an_etag_spares_the_body_until_something_changes(lone_client: Client) -> None:
    """Of the program, the draft and the lists."""
    lone_client.create_program()
    draft(lone_client, DOUBLED)
    for path in ("", "/draft", "/versions", "/versions/1", "/history", "/export", "/draft/diff"):
        tag = lone_client.get(COFFEE + path).headers["ETag"]
        known = lone_client.call("GET", COFFEE + path, headers={"If-None-Match": f'"x", W/{tag}'})
        assert (known.status, known.text, known.headers["ETag"]) == (304, "", tag), path
    tag = lone_client.get(COFFEE).headers["ETag"]
    draft(lone_client, terms())
    assert lone_client.call("GET", COFFEE, headers={"If-None-Match": tag}).status == 200


def test_of_two_editors_the_second_is_told(client: Client) -> None:
    """By whom and how the program was changed since; nothing of the first one's is lost."""
    client.create_program()
    tag = client.get(COFFEE).headers["ETag"]
    assert draft(client, DOUBLED, tag).status == 200
    before = client.event_count()
    late = draft(client, terms(burn=None), tag)
    assert (late.status, late.slug, late.json["pointer"], late.json["etag"]) == (
        412,
        "stale-version",
        "/If-Match",
        '"4"',
    )
    (missed,) = late.json["changes"]
    assert (missed["version"], missed["kind"], missed["text"]) == (4, "program.drafted.v1", "A draft was written.")
    assert missed["by"].startswith("key:khaywe_")
    assert draft(client, DOUBLED, tag).status == 200
    for path, body in (("publish", {}), ("restore", {"version": 1})):
        assert client.post(f"{COFFEE}/{path}", body, headers={"If-Match": tag}).slug == "stale-version"
    assert client.call("DELETE", f"{COFFEE}/draft", headers={"If-Match": tag}).slug == "stale-version"
    assert draft(client, terms(burn=None), 'W/"4"').slug == "stale-version"
    assert draft(client, terms(burn=None), "4").slug == "invalid-input"
    assert client.event_count() == before
    assert draft(client, terms(burn=None), '"9", "4"').status == 200


def test_of_many_editors_at_once_one_wins(client: Client) -> None:
    """The check is part of the decision, so that nobody slips in between."""
    client.create_program()
    tag = client.get(COFFEE).headers["ETag"]
    bodies = [terms(point_currencies=[{"code": "points", "name": f"Points {number}"}]) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda body: draft(client, body, tag), bodies))
    assert sorted(one.status for one in answers) == [200, *[412] * 7]
    winner = bodies[[one.status for one in answers].index(200)]
    assert client.get(f"{COFFEE}/draft").json["point_currencies"] == winner["point_currencies"]


def test_a_publication_sent_again_is_answered_again(client: Client) -> None:
    """Under its key it is the same one, though its If-Match is stale by now; another under the key is refused."""
    client.create_program()
    draft(client, DOUBLED)
    sent = {"If-Match": '"4"', "Idempotency-Key": "publish-1"}
    first = client.post(f"{COFFEE}/publish", {}, headers=sent)
    again = client.post(f"{COFFEE}/publish", {}, headers=sent)
    assert (first.status, again.status, again.headers["Idempotency-Replayed"]) == (201, 200, "true")
    assert (first.json, first.headers["ETag"]) == (again.json, again.headers["ETag"])
    assert client.post(f"{COFFEE}/restore", {"version": 1}, headers=sent).slug == "key-reused"


def test_a_draft_is_read_and_discarded(lone_client: Client) -> None:
    """As it was written; without one there is nothing to read."""
    lone_client.create_program()
    assert lone_client.get(f"{COFFEE}/draft").slug == "nothing-to-publish"
    draft(lone_client, DOUBLED)
    assert lone_client.get(f"{COFFEE}/draft").json == DOUBLED
    gone = lone_client.call("DELETE", f"{COFFEE}/draft")
    assert (gone.status, gone.text, gone.headers["ETag"]) == (204, "", '"5"')
    assert lone_client.call("DELETE", f"{COFFEE}/draft").headers["ETag"] == '"5"'
    assert lone_client.post(f"{COFFEE}/publish", {}).slug == "nothing-to-publish"
    assert lone_client.call("DELETE", "/v1/programs/tea/draft").slug == "unknown-program"


def test_everything_wrong_is_told_at_once(lone_client: Client) -> None:
    """Contradictions and rules alike, each with its place; nothing is written."""
    lone_client.create_program()
    before = lone_client.event_count()
    path = f"{COFFEE}/draft/validate"
    wrong = terms(
        earn=[
            {"rule": {"var": "transaction_amout"}, "point_currency": "points", "rule_id": "a"},
            {"rule": DOUBLE, "point_currency": "stars", "rule_id": "b"},
        ],
        holds={"default_minutes": 90, "maximum_minutes": 60},
    )
    told = lone_client.post(path, wrong).json
    assert not told["valid"]
    places = [one["pointer"] for one in told["problems"]]
    assert places[:2] == ["/earn/1/point_currency", "/holds/default_minutes"]
    assert lone_client.post(path, {"earn": []}).json["problems"][0]["pointer"] == "/point_currencies"
    assert lone_client.post(path, "{").slug == "malformed-body"
    assert lone_client.call("POST", path).slug == "nothing-to-publish"
    scaled = terms(point_currencies=[{"code": "points", "name": "Points", "scale": 2}])
    assert lone_client.post(path, scaled).json["problems"][0]["pointer"] == "/point_currencies/0/scale"
    assert lone_client.event_count() == before
    fine = lone_client.post(path, terms(point_currencies=[{"code": "points", "name": "P", "expiry_months": 6}])).json
    assert (fine["valid"], [one["code"] for one in fine["warnings"]]) == (True, ["expiry_changed"])
    draft(lone_client, DOUBLED)
    assert lone_client.call("POST", path).json["valid"]


def test_rules_are_checked_where_the_rest_allows_it(lone_client: Client) -> None:
    """A misspelt variable is found beside another rule's fault, with what was meant."""
    lone_client.create_program()
    wrong = terms(earn={"rule": {"var": "transaction_amout"}, "point_currency": "points"})
    (problem,) = lone_client.post(f"{COFFEE}/draft/validate", wrong).json["problems"]
    assert (problem["code"], problem["pointer"]) == ("unknown_variable", "/earn/rule/var")
    assert "transaction_amount" in problem["suggestion"]


def test_a_draft_is_compared(lone_client: Client) -> None:
    """With what is in force, or with a version."""
    lone_client.create_program()
    draft(lone_client, DOUBLED)
    found = lone_client.get(f"{COFFEE}/draft/diff").json
    (difference,) = found["differences"]
    assert (difference["path"], difference["kind"], difference["after"]) == ("/earn/rule", "changed", DOUBLE)
    assert difference["text"] == "Earn rule 'earn' calculates differently."
    assert found["links"]["simulate"] == f"{COFFEE}/simulate"
    assert lone_client.get(f"{COFFEE}/draft/diff?against=1").json["differences"] == found["differences"]
    assert lone_client.get(f"{COFFEE}/draft/diff?against=7").slug == "unknown-version"
    assert lone_client.get(f"{COFFEE}/draft/diff?against=last").json["pointer"] == "/against"
    lone_client.post(f"{COFFEE}/publish", {})
    assert lone_client.get(f"{COFFEE}/versions/1/diff/2").json["differences"] == found["differences"]
    assert lone_client.get(f"{COFFEE}/versions/1/diff/x").slug == "unknown-version"


def test_a_scheduled_version_prices_from_its_moment_on(lone_client: Client) -> None:
    """Not a microsecond before it; and by itself it comes into force."""
    lone_client.create_program()
    lone_client.enrol()
    starts = datetime.fromisoformat(schedule(lone_client, DOUBLED, timedelta(seconds=1))["effective_from"])
    lines = lone_client.get(f"{COFFEE}/versions").json["versions"]
    assert lines[0]["effective_until"] == lines[1]["effective_from"]
    assert lines[1]["published_by"].startswith("key:khaywe_")
    for at, version in ((starts - timedelta(microseconds=1), 1), (starts, 2)):
        bought = purchase(transaction_id=f"T{version}", occurred_at=at.isoformat())
        assert lone_client.post(f"{COFFEE}/purchases", bought).json["program_version"] == version
    while [one["status"] for one in lone_client.get(f"{COFFEE}/versions").json["versions"]] != ["past", "in_force"]:
        assert datetime.now(UTC) < starts + timedelta(seconds=5)
    tag = lone_client.get(f"{COFFEE}/versions").headers["ETag"]
    assert tag == '"5.2"'
    assert draft(lone_client, terms(), tag).status == 200


def test_a_withdrawn_version_never_prices(client: Client) -> None:
    """What occurs after its day is priced by the version before; it can be read and restored."""
    client.create_program()
    schedule(client, DOUBLED, timedelta(days=1))

    def priced() -> Any:
        """Return which version prices a purchase of the day after tomorrow."""
        at = (datetime.now(UTC) + timedelta(days=2)).isoformat()
        bought = {"purchases": [{"occurred_at": at, "amount": "249.90", "currency": "EUR"}]}
        return client.post(f"{COFFEE}/simulate", bought).json["results"][0]["priced"]["program_version"]

    assert priced() == 2
    path = f"{COFFEE}/versions/2/withdraw"
    assert client.call("POST", path, headers={"If-Match": '"1"'}).slug == "stale-version"
    withdrawn = client.call("POST", path)
    assert (withdrawn.status, [one["version"] for one in withdrawn.json["versions"]]) == (200, [1])
    assert priced() == 1
    before = client.event_count()
    assert client.call("POST", path).status == 200
    assert client.event_count() == before
    line = client.get(f"{COFFEE}/versions").json["versions"][1]
    assert (line["status"], line["withdrawn_by"][:4], line["effective_until"]) == ("withdrawn", "key:", None)
    assert client.get(f"{COFFEE}/versions/2").json["terms"] == DOUBLED
    assert client.post(f"{COFFEE}/restore", {"version": 2}).json["draft"] == DOUBLED
    assert client.post(f"{COFFEE}/publish", {}).json["version"] == 3
    assert client.post(f"{COFFEE}/expiry-migrations", {"version": 2, "is_preview": True}).slug == "unknown-version"


def test_what_may_have_priced_something_is_not_withdrawn(lone_client: Client) -> None:
    """Tills may be five minutes ahead of us."""
    lone_client.create_program()
    schedule(lone_client, DOUBLED, timedelta(minutes=4))
    for number in (1, 2):
        refused = lone_client.call("POST", f"{COFFEE}/versions/{number}/withdraw")
        assert (refused.status, refused.slug) == (409, "version-in-force")
    assert lone_client.call("POST", f"{COFFEE}/versions/3/withdraw").slug == "unknown-version"
    draft(lone_client, terms())
    assert "withdraw" in lone_client.post(f"{COFFEE}/publish", {}).json["detail"]


def test_history_tells_who_changed_what(client: Client) -> None:
    """Newest first, page by page, each with the difference it made."""
    client.create_program()
    draft(client, DOUBLED)
    client.post(f"{COFFEE}/publish", {})
    client.post(f"{COFFEE}/restore", {"version": 1})
    client.call("DELETE", f"{COFFEE}/draft")
    first = client.get(f"{COFFEE}/history?limit=4").json
    assert [one["kind"].split(".")[1] for one in first["changes"]] == [
        "draft_discarded",
        "drafted",
        "published",
        "drafted",
    ]
    assert [one["program_version"] for one in first["changes"]] == [None, 1, 2, None]
    assert {one["by"][:4] for one in first["changes"]} == {"key:"}
    second = client.get(f"{COFFEE}/history?limit=4&cursor={first['next_cursor']}").json
    assert ([one["version"] for one in second["changes"]], second["next_cursor"]) == ([3, 2, 1], None)
    published = client.get(first["changes"][2]["details"]).json
    assert [one["path"] for one in published["differences"]] == ["/earn/rule"]
    assert client.get(first["changes"][0]["details"]).json["terms"] is None
    assert client.get(f"{COFFEE}/history/99").slug == "no-such-resource"
    for cursor in ("W10", "WzFlMzBd", "Wy0xXQ", "x"):
        assert client.get(f"{COFFEE}/history?cursor={cursor}").json["pointer"] == "/cursor"
        assert client.get(f"/v1/programs?cursor={cursor}").json["pointer"] == "/cursor"
    assert client.get("/v1/programs/tea/history").slug == "unknown-program"


def test_restoring_changes_nothing_of_the_past(lone_client: Client) -> None:
    """It makes a draft; the versions stay."""
    lone_client.create_program()
    schedule(lone_client, DOUBLED, timedelta(0))
    versions = lone_client.get(COFFEE).json["versions"]
    restored = lone_client.post(f"{COFFEE}/restore", {"version": 1}).json
    assert (restored["draft"], restored["versions"]) == (terms(), versions)
    assert lone_client.post(f"{COFFEE}/restore", {"version": 9}).slug == "unknown-version"
    assert lone_client.post(f"{COFFEE}/restore", {"version": 0}).slug == "invalid-input"


def test_a_program_goes_from_sandbox_to_production(client: Client) -> None:
    """Exported, tried, imported under another id, imported again without effect, and exported the same."""
    client.create_program()
    document = client.get(f"{COFFEE}/export").json
    assert document["in_force"]["terms"] == terms()
    path = "/v1/programs/import?program_id=prod"
    dry = client.post(f"{path}&dry_run=true", document).json
    assert (dry["created"], dry["changed"], dry["problems"]) == (True, True, [])
    assert client.get("/v1/programs/prod").slug == "unknown-program"
    pretty = json.dumps(document, indent=4)
    made = client.post(path, pretty).json
    assert (made["created"], made["taken"], made["content_hash"]) == (True, "in_force", document["content_hash"])
    before = client.event_count()
    again = client.post(path, document).json
    assert (again["created"], again["changed"]) == (False, False)
    assert client.event_count() == before
    client.post("/v1/programs/prod/publish", {})
    assert client.get("/v1/programs/prod/export").json["in_force"]["terms"] == document["in_force"]["terms"]
    text = client.get("/v1/programs/prod/history").json["changes"][1]["text"]
    assert text == f"A draft was imported from {document['content_hash']}."


def test_an_import_is_compared_and_can_be_stale(lone_client: Client) -> None:
    """On a program that is there it replaces the draft, from the state that was seen."""
    lone_client.create_program()
    draft(lone_client, DOUBLED)
    path = "/v1/programs/import?take=draft"
    document = lone_client.get(f"{COFFEE}/export?versions=all").json
    assert [one["status"] for one in document["versions"]] == ["in_force"]
    lone_client.call("DELETE", f"{COFFEE}/draft")
    assert lone_client.post(path, document, headers={"If-Match": '"4"'}).slug == "stale-version"
    taken = lone_client.post(path, document, headers={"If-Match": '"5"'}).json
    assert [one["path"] for one in taken["differences"]] == ["/earn/rule"]
    assert lone_client.get(f"{COFFEE}/draft").json == DOUBLED
    assert lone_client.post(f"{path}&program_id=new", document, headers={"If-Match": '"1"'}).slug == "stale-version"


def test_documents_that_cannot_be_imported(lone_client: Client) -> None:
    """Each says where; nothing is written."""
    lone_client.create_program()
    document = lone_client.get(f"{COFFEE}/export").json
    before = lone_client.event_count()
    settings = document["program"]
    unhashed = {name: value for name, value in document.items() if name != "content_hash"}
    broken = terms(earn={"rule": {"nope": []}, "point_currency": "points"})
    path = "/v1/programs/import"
    cases = [
        (path, document | {"program": settings | {"name": "x"}}, "invalid-input", "/content_hash"),
        (path, unhashed | {"program": settings | {"timezone": "UTC"}}, "program-differs", "/program/timezone"),
        (path, unhashed | {"format": "other"}, "invalid-input", "/format"),
        (path, unhashed | {"members": []}, "invalid-input", "/members"),
        (path, unhashed | {"in_force": None}, "invalid-input", "/in_force"),
        (f"{path}?take=draft", document, "invalid-input", "/take"),
        (f"{path}?program_id=No", document, "invalid-input", "/program_id"),
        (f"{path}?dry_run=1", document, "invalid-input", "/dry_run"),
        (path, unhashed | {"draft": broken, "in_force": None}, "invalid-rule", None),
    ]
    for where, body, slug, pointer in cases:
        refused = lone_client.post(where, body)
        assert (refused.slug, refused.json.get("pointer")) == (slug, pointer), refused.text
    tried = lone_client.post(f"{path}?dry_run=true", cases[-1][1]).json
    assert tried["problems"][0]["pointer"].startswith("/draft/earn/rule")
    renamed = lone_client.post(path, unhashed | {"program": settings | {"name": "Other"}}).json
    assert renamed["warnings"][0]["code"] == "name_kept"
    assert lone_client.event_count() == before + 1
    assert lone_client.get(f"{COFFEE}/export?versions=1").slug == "invalid-input"
