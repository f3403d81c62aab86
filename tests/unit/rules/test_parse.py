import json
from decimal import Decimal

import pytest

from rules import InvalidRule, RuleProblem, catalog, parse
from rules.ir import Call, Const, Var

EARN = '{"if":[{">":[{"var":"transaction_amount"},100]},{"*":[{"var":"transaction_amount"},0.1]},0]}'
RCE = (
    '{"method":[{"method":[{"method":[{"method":[{"method":[{"method":["","__reduce_ex__",[2]]},"__getitem__",[0]]},'
    '"__globals__"]},"get",["__builtins__"]]},"get",["eval"]]},"__call__",["6*7"]]}'
)


def nested(levels: int) -> str:
    """Return a rule of that many levels: negations of a number."""
    return '{"-":[' * (levels - 1) + "1" + "]}" * (levels - 1)


def problems(text: str, scope: str = "earn") -> tuple[RuleProblem, ...]:
    """Return what is wrong with a rule."""
    with pytest.raises(InvalidRule) as refusal:
        parse(text, scope)
    return refusal.value.problems


def found(text: str, scope: str = "earn") -> list[tuple[str, str]]:
    """Return code and pointer of each problem of a rule."""
    return [(problem.code, problem.pointer) for problem in problems(text, scope)]


def test_a_rule_becomes_typed_nodes_that_know_their_place() -> None:
    """Each node carries its kind and the pointer of its spelling in the text."""
    root = parse(EARN, "earn").root
    assert isinstance(root, Call)
    condition, then, otherwise = root.arguments
    assert isinstance(condition, Call)
    amount, limit = condition.arguments
    assert isinstance(amount, Var)
    assert isinstance(limit, Const)
    assert [node.pointer for node in (root, condition, amount, limit, then, otherwise)] == [
        "/if",
        "/if/0/>",
        "/if/0/>/0/var",
        "/if/0/>/1",
        "/if/1/*",
        "/if/2",
    ]
    assert [node.kind.type for node in (root, condition, amount, limit)] == ["number", "bool", "number", "number"]
    assert [node.kind.unit for node in (amount, limit, then)] == ["money", "any", "any"]


def test_a_rule_keeps_its_text_and_catalog() -> None:
    """What was parsed can be told from the rule."""
    rule = parse(EARN, "earn")
    assert (rule.text, rule.catalog) == (EARN, catalog("earn"))


def test_literals_keep_the_digits_they_were_written_with() -> None:
    """No float ever stands between the text and the decimal."""
    root = parse("0.100", "earn").root
    assert isinstance(root, Const)
    assert str(Decimal("0.100")) == str(root.value)


def test_the_digest_is_the_same_for_every_spelling_of_a_calculation() -> None:
    """White space, escapes and a bare single argument do not matter."""
    spellings = ['{"-": [ {"var":"transaction_amount"} ]}', '{"-":{"var":["transaction\\u005famount"]}}']
    first, second = (parse(text, "earn").digest for text in spellings)
    assert first == second
    assert len(first) == 64


def test_the_digest_differs_where_the_calculation_does() -> None:
    """Other operators, literals, defaults or orders are other rules."""
    texts = ["1", "1.0", '{"-":[1]}', '{"-":[1,2]}', '{"-":[2,1]}', '{"var":"transaction_amount"}', EARN]
    texts.append('{"var":["transaction_amount",1]}')
    assert len(texts) == len({parse(text, "earn").digest for text in texts})


REFUSALS = [
    # json
    ("", "json", ""),
    ("{", "json", ""),
    ("{'+':[1]}", "json", ""),
    ("NaN", "json", ""),
    ('{"+":[1,-Infinity]}', "json", ""),
    ('{"+":[1],"+":[2]}', "json", ""),
    ('{"==":["a\nb","c"]}', "json", ""),
    # not_an_operator
    ("{}", "not_an_operator", ""),
    ('{"+":[1,{"a":1,"b":2}]}', "not_an_operator", "/+/1"),
    ('{"\\u0000":1}', "not_an_operator", ""),
    ('{"\\ud800":1}', "not_an_operator", ""),
    (json.dumps({"+" * 257: 1}), "not_an_operator", ""),
    # unknown_operator
    ('{"iff":[true,1,0]}', "unknown_operator", "/iff"),
    ('{"+":[1,{"~/":1}]}', "unknown_operator", "/+/1/~0~1"),
    # wrong_arity
    ('{"/":[1]}', "wrong_arity", "/~1"),
    ('{"+":[]}', "wrong_arity", "/+"),
    ('{"if":[true]}', "wrong_arity", "/if"),
    ('{">":[1,2,3]}', "wrong_arity", "/>"),
    ('{"var":[]}', "wrong_arity", "/var"),
    ('{"var":["currency","EUR",1]}', "wrong_arity", "/var"),
    (json.dumps({"+": [1] * 33}), "wrong_arity", "/+"),
    (json.dumps({"and": [True] * 65}), "wrong_arity", "/and"),
    (json.dumps({"if": [True, 1] * 20 + [1, 1]}), "wrong_arity", "/if"),
    # unknown_variable
    ('{"*":[{"var":"transaction_amout"},1]}', "unknown_variable", "/*/0/var"),
    ('{"var":["points_requested",0]}', "unknown_variable", "/var/0"),
    ('{"var":""}', "unknown_variable", "/var"),
    ('{"var":null}', "unknown_variable", "/var"),
    ('{"var":1}', "unknown_variable", "/var"),
    ('{"var":"transaction_amount.__class__"}', "unknown_variable", "/var"),
    # dynamic_var
    ('{"var":{"var":"currency"}}', "dynamic_var", "/var"),
    ('{"var":[["currency"]]}', "dynamic_var", "/var/0"),
    ('{"var":["transaction_amount",{"+":[1]}]}', "dynamic_var", "/var/1"),
    # type_mismatch
    ('{"+":[1,"2"]}', "type_mismatch", "/+"),
    ('{"*":[1,true]}', "type_mismatch", "/*"),
    ('{"if":[{">":[{"var":"currency"},"EUR"]},1]}', "type_mismatch", "/if/0/>"),
    ('{"if":[{"==":[{"var":"currency"},1]},1]}', "type_mismatch", "/if/0/=="),
    ('{"if":[true,1,"a"]}', "type_mismatch", "/if"),
    ('{"or":[1,"a"]}', "type_mismatch", "/or"),
    ('{"var":["transaction_amount","0"]}', "type_mismatch", "/var/1"),
    ('{"+":[1,[2]]}', "type_mismatch", "/+/1"),
    # unit_mismatch
    ('{"*":[{"var":"transaction_amount"},{"var":"transaction_amount"}]}', "unit_mismatch", "/*"),
    # zero_divisor
    ('{"/":[1,0]}', "zero_divisor", "/~1/1"),
    ('{"%":[1,0.00]}', "zero_divisor", "/%/1"),
    ('{"/":[1,null]}', "zero_divisor", "/~1/1"),
    # result_type
    ("true", "result_type", ""),
    ("null", "result_type", ""),
    ('{"var":"currency"}', "result_type", ""),
    # bounds
    (" " * 32768 + "1", "too_large", ""),
    (json.dumps("é" * 16384, ensure_ascii=False), "too_large", ""),
    (json.dumps({"+": [0] * 100_000}), "too_large", ""),
    ("[" * 16000 + "]" * 16000, "too_deep", ""),
    (nested(17), "too_deep", "/-/0" * 16),
    (json.dumps({"+": [{"+": [1] * 32}] * 8}), "too_many_nodes", "/+/7/+/23"),
    (json.dumps({"+": [1, [0] * 1001]}), "list_too_long", "/+/1"),
    (json.dumps("a" * 257), "string_too_long", ""),
    ('{"if":["a\\u0007",1]}', "control_character", "/if/0"),
    ('{"if":[{"!!":"\\udfff"},1]}', "control_character", "/if/0/!!"),
    ("1e999", "number_out_of_bounds", ""),
    ("-1e99999999999999999999", "number_out_of_bounds", ""),
    ("1000000000000000000", "number_out_of_bounds", ""),
    ('{"+":[1,0.0000000001]}', "number_out_of_bounds", "/+/1"),
    ('{"var":["transaction_amount",1e18]}', "number_out_of_bounds", "/var/1"),
]


@pytest.mark.parametrize(("text", "code", "pointer"), REFUSALS, ids=[f"{row[1]}:{row[0][:30]!a}" for row in REFUSALS])
def test_a_faulty_rule_is_refused_at_the_place_of_the_fault(text: str, code: str, pointer: str) -> None:
    """Exactly one problem, with its code and pointer."""
    assert [(code, pointer)] == found(text)


def test_every_problem_is_reported_in_the_order_of_the_checks() -> None:
    """One answer names everything that has to be corrected; a fault has no echo further up."""
    text = '{"if":[{"<":[{"var":"x"},"a",1e999]},{"/":[{"plus":[1,{"var":"currenzy"}]},0]},{"+":[true,1]}]}'
    expected = [
        ("unknown_operator", "/if/1/~1/0/plus"),
        ("unknown_variable", "/if/0/</0/var"),
        ("unknown_variable", "/if/1/~1/0/plus/1/var"),
        ("type_mismatch", "/if/0/<"),
        ("type_mismatch", "/if/2/+"),
        ("zero_divisor", "/if/1/~1/1"),
        ("number_out_of_bounds", "/if/0/</2"),
    ]
    assert expected == found(text)


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ('{"var":"transaction_amout"}', "transaction_amount"),
        ('{"var":"Currency"}', "currency"),
        ('{"iff":[true,1,0]}', "if"),
        ('{"AND":[true]}', "and"),
        ('{"vra":"currency"}', "var"),
        ('{"quantum":[1]}', None),
    ],
)
def test_a_misspelt_name_is_answered_with_the_likely_one(text: str, suggestion: str | None) -> None:
    """Did you mean …?"""
    assert suggestion == problems(text)[0].suggestion


def test_the_refusal_carries_its_problems_as_members() -> None:
    """The caller gets every problem as JSON-serialisable members of the problem details."""
    with pytest.raises(InvalidRule) as refusal:
        parse('{"iff":[1]}', "earn")
    expected = {
        "code": "unknown_operator",
        "pointer": "/iff",
        "message": "'iff' is no operator",
        "suggestion": "if",
    }
    assert {"problems": [expected]} == json.loads(json.dumps(refusal.value.members))
    assert refusal.value.detail == "The rule has 1 problem(s). At /iff: 'iff' is no operator."


def test_the_rule_that_ran_code_elsewhere_is_refused() -> None:
    """json-logic-qubit evaluates Python with this; here `method` is no operator, at any depth."""
    assert {"unknown_operator", "type_mismatch"} == {code for code, _ in found(RCE)}
    assert [("unknown_operator", "/method" + "/0/method" * depth) for depth in range(6)] == found(RCE)[:6]


def test_forty_levels_are_refused_and_sixteen_are_not() -> None:
    """The bound is on nesting, operators and their innermost argument counted."""
    assert found(nested(40)) == [("too_deep", "/-/0" * 16)]
    assert nested(16) == parse(nested(16), "earn").text


def test_the_bounds_themselves_are_accepted() -> None:
    """As large as allowed is allowed."""
    for text in (
        json.dumps({"+": [1] * 32}),
        json.dumps({"if": [True, 1] * 20 + [1]}),
        json.dumps({"if": [{"and": [True] * 64}, 1]}),
        json.dumps({"+": [{"+": [1] * 32}] * 7 + [{"+": [1] * 23}]}),
        json.dumps({"if": ["é" * 256, 1]}),
        " " * 32767 + "1",
        "999999999999999999.999999999",
    ):
        assert text == parse(text, "earn").text


def test_an_unknown_scope_is_a_mistake_of_the_caller() -> None:
    """Scopes are fixed in the code."""
    with pytest.raises(ValueError, match="no rule scope 'churn'; there are earn, burn"):
        parse("1", "churn")
