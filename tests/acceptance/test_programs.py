"""Programs and members over REST."""

from typing import Any

from tests.acceptance.conftest import GUIDE_BURN, GUIDE_EARN, Client, purchase


def program(**changes: Any) -> dict[str, Any]:
    """Return a program with the guide's rules, changed as told."""
    return {
        "program_id": "tea",
        "name": "Tea Club",
        "currency": "EUR",
        "timezone": "Europe/Berlin",
        "terms": {
            "point_currencies": [{"code": "points", "name": "Points"}],
            "earn": {"rule": GUIDE_EARN, "point_currency": "points"},
            "burn": {"rule": GUIDE_BURN, "point_currency": "points"},
        },
    } | changes


def test_a_program_is_drafted_then_published(client: Client) -> None:
    """Nothing is priced before the first version; what is published can be read back as written."""
    created = client.post("/v1/programs", program())
    assert (created.status, created.json["versions"]) == (201, [])
    assert created.json["draft"]["earn"]["rule"] == GUIDE_EARN
    client.enrol(program_id="tea")
    assert client.post("/v1/programs/tea/purchases", purchase()).slug == "no-version-in-force"
    published = client.post("/v1/programs/tea/publish", {"effective_from": "2026-01-01T00:00:00Z"})
    assert (published.status, published.json["version"]) == (201, 1)
    assert client.post("/v1/programs/tea/purchases", purchase()).status == 201
    read = client.get("/v1/programs/tea").json
    assert read["draft"] is None
    assert read["versions"][0]["terms"]["burn"]["rule"] == GUIDE_BURN


def test_the_version_in_force_when_it_happened_prices_it(client: Client) -> None:
    """A late purchase is priced by the version of its day, not by today's."""
    client.create_program()
    client.enrol()
    double = {"*": [{"var": "transaction_amount"}, 2]}
    terms = program()["terms"] | {"earn": {"rule": double, "point_currency": "points"}}
    assert client.call("PUT", "/v1/programs/coffee/draft", terms).status == 200
    assert client.post("/v1/programs/coffee/publish", {"effective_from": "2026-03-01T00:00:00Z"}).status == 201
    path = "/v1/programs/coffee/purchases"
    after = client.post(path, purchase(transaction_id="A", occurred_at="2026-03-01T00:00:00Z")).json
    before = client.post(path, purchase(transaction_id="B", occurred_at="2026-02-28T23:59:59Z")).json
    assert (after["points"], after["program_version"]) == (499, 2)
    assert (before["points"], before["program_version"]) == (24, 1)


def test_bad_programs_are_refused(lone_client: Client) -> None:
    """Each fault of a program points at its field, and nothing is created."""
    rule = {"*": [{"var": "transaction_amout"}, 2]}
    evil = {"method": ["", "__reduce_ex__", [2]]}
    terms = program()["terms"]
    cases = [
        (program(currency="XYZ"), "unknown-currency", "/currency"),
        (program(timezone="Mars/Base"), "invalid-input", "/timezone"),
        (program(program_id="No Good"), "invalid-input", "/program_id"),
        (program(terms=terms | {"point_currencies": []}), "invalid-input", "/terms/point_currencies"),
        (
            program(terms=terms | {"earn": {"rule": GUIDE_EARN, "point_currency": "stars"}}),
            "invalid-input",
            "/terms/earn/point_currency",
        ),
        (program(terms=terms | {"earn": {"rule": rule, "point_currency": "points"}}), "invalid-rule", None),
        (program(terms=terms | {"earn": {"rule": evil, "point_currency": "points"}}), "invalid-rule", None),
    ]
    for body, slug, pointer in cases:
        refused = lone_client.post("/v1/programs", body)
        assert (refused.status, refused.slug, refused.json.get("pointer")) == (422, slug, pointer), refused.text
    problem = lone_client.post("/v1/programs", cases[5][0]).json["problems"][0]
    assert problem["pointer"] == "/terms/earn/rule/*/0/var"
    assert "transaction_amount" in problem["suggestion"]
    assert lone_client.event_count() == 0


def test_states_that_do_not_allow_it_are_409(lone_client: Client) -> None:
    """Creating twice, publishing nothing, and publishing into the past of the last version."""
    lone_client.create_program()
    assert lone_client.post("/v1/programs", program(program_id="coffee")).slug == "program-exists"
    assert lone_client.post("/v1/programs/coffee/publish", {}).slug == "nothing-to-publish"
    lone_client.call("PUT", "/v1/programs/coffee/draft", program()["terms"])
    early = lone_client.post("/v1/programs/coffee/publish", {"effective_from": "2016-01-01T00:00:00Z"})
    assert (early.status, early.slug) == (409, "version-out-of-order")
    assert lone_client.get("/v1/programs/nothing").slug == "unknown-program"


def test_enrolment_is_idempotent_by_identifier(client: Client) -> None:
    """The same card again is the same member; a card and a phone of two people are refused."""
    client.create_program()
    first = client.enrol("77")
    body = {"identifiers": [{"kind": "card", "value": "77"}]}
    again = client.post("/v1/programs/coffee/members", body)
    assert (again.status, again.json["member_id"]) == (200, first["member_id"])
    client.enrol("78")
    both = {"identifiers": [{"kind": "card", "value": "77"}, {"kind": "card", "value": "78"}]}
    refused = client.post("/v1/programs/coffee/members", both)
    assert (refused.status, refused.slug) == (409, "identifier-taken")
    mixed = {"identifiers": [{"kind": "card", "value": "77"}, {"kind": "phone", "value": "new"}]}
    assert client.post("/v1/programs/coffee/members", mixed).slug == "identifier-taken"
    assert client.get("/v1/programs/coffee/members/phone:new/account").slug == "unknown-member"
    assert client.post("/v1/programs/tea/members", body).slug == "unknown-program"


def test_the_api_describes_itself(lone_client: Client) -> None:
    """The OpenAPI document has every operation with a body schema, an example and its problems."""
    document = lone_client.get("/openapi.json").json
    post = document["paths"]["/v1/programs/{program_id}/purchases"]["post"]
    assert "`key-reused`" in post["responses"]["422"]["description"]
    assert post["requestBody"]["content"]["application/json"]["example"]["amount"] == "249.90"
    assert set(document["components"]["schemas"]["Purchase"]["required"]) >= {"member", "amount"}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["summary"]
            assert ("security" in operation) == path.startswith("/v1")


def test_idempotency_keys_of_programs_cover_what_was_asked(lone_client: Client) -> None:
    """The same request under a key is answered again; another one under it is refused."""
    key = {"Idempotency-Key": "p1"}
    assert lone_client.post("/v1/programs", program(), headers=key).status == 201
    assert lone_client.post("/v1/programs", program(), headers=key).status == 200
    assert lone_client.post("/v1/programs", program(currency="CHF"), headers=key).slug == "key-reused"
    terms = program()["terms"] | {"point_currencies": [{"code": "points", "name": "Beans"}]}
    key = {"Idempotency-Key": "d1"}
    for _ in range(2):
        assert lone_client.call("PUT", "/v1/programs/tea/draft", terms, headers=key).status == 200


def test_problems_of_a_drafted_rule_point_into_the_draft(lone_client: Client) -> None:
    """The body of a draft is the terms themselves, so its pointers begin there."""
    lone_client.create_program()
    terms = program()["terms"] | {"earn": {"rule": {"nope": []}, "point_currency": "points"}}
    refused = lone_client.call("PUT", "/v1/programs/coffee/draft", terms)
    assert refused.json["problems"][0]["pointer"].startswith("/earn/rule")
