"""Rules over REST: what they read, whether they can be saved, and why they yield what they yield."""

import pytest

from tests.acceptance.conftest import GUIDE_EARN, Client

GUIDE_SEGMENT = {"and": [{">": [{"var": "total_revenue"}, 1000]}, {"<": [{"var": "last_purchase_days_ago"}, 30]}]}

RCE = (
    '{"method":[{"method":[{"method":[{"method":[{"method":[{"method":["","__reduce_ex__",[2]]},"__getitem__",[0]]},'
    '"__globals__"]},"get",["__builtins__"]]},"get",["eval"]]},"__call__",["6*7"]]}'
)


def test_variables_of_a_scope(client: Client) -> None:
    """Names, types, units and what absence counts as."""
    answer = client.get("/v1/rules/variables?scope=segment")
    assert (answer.status, answer.json["yields"]) == (200, "bool")
    found = {one["name"]: one for one in answer.json["variables"]}
    assert found["last_purchase_days_ago"]["null_as"] == "99999"
    assert found["average_basket"]["null_as"] is None
    earn = {one["name"]: one for one in client.get("/v1/rules/variables").json["variables"]}
    assert {"transaction_amount", "currency", "source", "weekday", "purchase_count", "lines"} <= earn.keys()
    assert [field["name"] for field in earn["lines"]["fields"]] == ["amount", "quantity", "sku", "category", "brand"]
    assert client.get("/v1/rules/variables?scope=weather").slug == "invalid-input"
    assert client.call("GET", "/v1/rules/variables", key="wrong").status == 401


def test_variables_of_a_program(client: Client) -> None:
    """What it declares, its point currencies, and what bonus rules and rules per line read besides."""
    attributes = [
        {"name": "nights", "type": "int", "unit": "count"},
        {"name": "octane", "type": "int", "of": "line", "null_as": 0},
    ]
    client.create_program(attributes=attributes)
    found = client.get("/v1/rules/variables?scope=earn&program=coffee").json["variables"]
    names = {one["name"]: one for one in found}
    assert {"nights", "line_octane", "line_amount", "base_points", "balance_points"} <= names.keys()
    assert names["nights"]["source"] == "purchase.attributes.nights"
    assert [field["name"] for field in names["lines"]["fields"]][-1] == "octane"
    burn = client.get("/v1/rules/variables?scope=burn&program=coffee").json["variables"]
    assert "balance_points" in {one["name"] for one in burn}
    assert client.get("/v1/rules/variables?scope=earn&program=tea").slug == "unknown-program"
    assert client.get("/v1/rules/variables?scope=segment&program=coffee").slug == "invalid-input"


def test_good_rule_gets_its_digest(client: Client) -> None:
    """The guide's segment is accepted as written."""
    verdict = client.post("/v1/rules/validate", {"scope": "segment", "rule": GUIDE_SEGMENT}).json
    assert (verdict["valid"], verdict["problems"]) == (True, [])
    assert len(verdict["digest"]) == 64


def test_a_rule_that_can_be_saved_may_still_be_remarked_upon(client: Client) -> None:
    """What is always so, never reached, or read out of text; it stands in nobody's way."""
    rule = {"or": [{">": [{"var": "total_revenue"}, "100"]}, {"if": [True, {"!!": {"var": "tags"}}, False]}]}
    verdict = client.post("/v1/rules/validate", {"scope": "segment", "rule": rule}).json
    assert verdict["valid"] is True
    assert [(one["code"], one["pointer"]) for one in verdict["warnings"]] == [
        ("constant_condition", "/or/1/if/0"),
        ("unreachable_branch", "/or/1/if/2"),
        ("text_folded", "/or/0/>/1"),
    ]


def test_every_problem_is_told_at_once(client: Client) -> None:
    """Code, place, and what was probably meant."""
    rule = {"and": [{"<": [{"var": "average_basket"}, 30]}, {">": [{"var": "total_revenu"}, 1]}, {"xor": [1, 2]}]}
    verdict = client.post("/v1/rules/validate", {"scope": "segment", "rule": rule}).json
    assert verdict["valid"] is False
    assert [(one["code"], one["pointer"], one["suggestion"]) for one in verdict["problems"]] == [
        ("unknown_operator", "/and/2/xor", "or"),
        ("unknown_variable", "/and/1/>/0/var", "total_revenue"),
        ("null_unsafe", "/and/0/<", '{"var":["average_basket",999999999]}'),
    ]


@pytest.mark.parametrize(
    ("rule", "code", "pointer"),
    [
        (RCE, "unknown_operator", "/method"),
        ('{"!":' * 40 + "true" + "}" * 40, "too_deep", "/!" * 16),
        ('{"in":["a",[' + ",".join(["1"] * 10_001) + "]]}", "list_too_long", "/in/1"),
        ('{">":[{"var":"total_revenue"},1e999]}', "number_out_of_bounds", "/>/1"),
        ('{"==":[{"var":"country"},"C\\u0000"]}', "control_character", "/==/1"),
        ('{"!":[1,2]}', "wrong_arity", "/!"),
        ('{"!!":{"var":{"cat":["country",""]}}}', "dynamic_var", "/!!/var"),
        ('{">":[{"/":[{"var":"total_revenue"},0]},1]}', "zero_divisor", "/>/0/~1/1"),
        ('{">":[{"var":"total_revenue"},"much"]}', "type_mismatch", "/>"),
        ('{"<":[{"var":"average_basket"},30]}', "null_unsafe", "/<"),
    ],
)
def test_bad_rules_are_refused_when_they_are_saved(client: Client, rule: str, code: str, pointer: str) -> None:
    """Never at run time: each with its code and place."""
    verdict = client.post("/v1/rules/validate", f'{{"scope":"segment","rule":{rule}}}').json
    assert (code, pointer) in [(one["code"], one["pointer"]) for one in verdict["problems"]]


def test_explanation_of_an_award(client: Client) -> None:
    """Amounts are read digit by digit, as numbers or as text."""
    for amount in ("249.90", 249.90):
        facts = {"transaction_amount": amount, "currency": "EUR", "source": "till-1"}
        answer = client.post("/v1/rules/explain", {"scope": "earn", "rule": GUIDE_EARN, "facts": facts})
        assert answer.status == 200
        assert answer.json["text"].startswith("24 points: transaction_amount 249.9")
        assert answer.json["text"].endswith("= 24.99, rounded down to 24.")
        assert [step["at"] for step in answer.json["steps"]] == ["/if/0/>", "/if/1/*", "/if"]


def test_explanation_of_a_customer_who_does_not_match(client: Client) -> None:
    """The failing clause, and what an absent number counted as."""
    body = {"scope": "segment", "rule": GUIDE_SEGMENT, "facts": {"total_revenue": "1200.50"}}
    answer = client.post("/v1/rules/explain", body).json
    assert answer["result"] is False
    assert answer["text"] == "Does not match: last_purchase_days_ago 99999 is not under 30."
    assert [note["code"] for note in answer["notes"]] == ["null_used_as"]


@pytest.mark.parametrize(
    ("facts", "pointer"),
    [
        ({"weather": "sun"}, "/weather"),
        ({"total_revenue": "lots"}, "/total_revenue"),
        ({"last_purchase_days_ago": 2.5}, "/last_purchase_days_ago"),
        ({"member_since": "2024-02-30"}, "/member_since"),
        ({"tags": ["a", 1]}, "/tags"),
        ({"accepts_marketing": 1}, "/accepts_marketing"),
    ],
)
def test_facts_that_do_not_fit_are_refused(client: Client, facts: dict[str, object], pointer: str) -> None:
    """The pointer names the fact."""
    answer = client.post("/v1/rules/explain", {"scope": "segment", "rule": GUIDE_SEGMENT, "facts": facts})
    assert (answer.status, answer.slug, answer.json["pointer"]) == (422, "invalid-facts", pointer)


def test_explaining_a_bad_rule_is_refused(client: Client) -> None:
    """As saving it would be."""
    answer = client.post("/v1/rules/explain", {"scope": "segment", "rule": {"method": ["", "x"]}, "facts": {}})
    assert (answer.status, answer.slug) == (422, "invalid-rule")
