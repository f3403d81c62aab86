"""What is told about an evaluation."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from rules import RoundingMode, catalog, check_facts, compile_rule, parse
from rules.explain import award_sentence, explain, match_sentence

BOOLS = catalog("segment")
AMOUNT = {"var": "transaction_amount"}
EARN = {"if": [{">": [AMOUNT, 100]}, {"*": [AMOUNT, 0.15]}, 0]}
SEGMENT = {
    "and": [
        {">": [{"var": "total_revenue"}, 1000]},
        {"<": [{"var": "last_purchase_days_ago"}, 30]},
        {"or": [{"in": [{"var": "country"}, ["CH", "LI"]]}, {"in": ["vip", {"var": "tags"}]}]},
    ]
}


def purchase(amount: str) -> dict[str, object]:
    """Return the facts of a purchase."""
    facts = {"transaction_amount": Decimal(amount), "currency": "CHF", "source": "till-1"}
    return check_facts(facts, parse(json.dumps(EARN), "earn"))


def test_trace_tells_every_step() -> None:
    """Values as they were, arguments before their operator."""
    trace = explain(parse(json.dumps(EARN), "earn"), purchase("249.90"))
    assert trace.result == Decimal("37.485")
    assert trace.facts == {"transaction_amount": Decimal("249.90")}
    assert [(step.at, step.text) for step in trace.steps] == [
        ("/if/0/>", "transaction_amount 249.90 > 100: yes"),
        ("/if/1/*", "249.90 \N{MULTIPLICATION SIGN} 0.15 = 37.4850"),
        ("/if", "if(yes, 37.4850, 0): 37.4850"),
    ]
    assert (trace.skipped, trace.notes) == ((), ())


def test_trace_names_what_was_not_asked_for() -> None:
    """The branch not taken, and the clauses after the one that decided."""
    assert explain(parse(json.dumps(EARN), "earn"), purchase("80")).skipped == ("/if/1/*",)
    facts = check_facts({"total_revenue": Decimal(1)}, "segment")
    assert explain(parse(json.dumps(SEGMENT), "segment"), facts).skipped == ("/and/1/<", "/and/2/or")


def test_notes_tell_what_happened_silently() -> None:
    """What an absent number counted as, and divisions by zero."""
    rule = parse(json.dumps({">": [{"/": [1, {"var": "purchase_count"}]}, {"var": ["average_basket", 5]}]}), "segment")
    trace = explain(rule, check_facts({}, "segment"))
    assert [(note.at, note.code) for note in trace.notes] == [
        ("/>/0/~1/1/var", "null_used_as"),
        ("/>/0/~1", "division_by_zero"),
        ("/>/1/var", "default_used"),
    ]


@pytest.mark.parametrize(
    ("rule", "amount", "sentence"),
    [
        (
            EARN,
            "249.90",
            (
                "37 points: transaction_amount 249.90 is over 100, so 249.90 \N{MULTIPLICATION SIGN} 0.15 = 37.485, "
                "rounded down to 37."
            ),
        ),
        (EARN, "80", "No points: transaction_amount 80 is not over 100."),
        ({"*": [AMOUNT, 2]}, "10", "20 points: 10 \N{MULTIPLICATION SIGN} 2 = 20."),
        ({"if": [{"<=": [10, AMOUNT, 20]}, 5]}, "15", "5 points: transaction_amount 15 is between 10 and 20, so 5."),
        ({"if": [{"<=": [10, AMOUNT, 20]}, 5]}, "9", "No points: transaction_amount 9 is not between 10 and 20."),
        ({"if": [{"!": {"==": [{"var": "source"}, "web"]}}, 5]}, "9", '5 points: source "till-1" is not "web", so 5.'),
        ({"-": [AMOUNT, 10]}, "4", "No points: the rule yields -6."),
    ],
)
def test_a_cashier_can_read_it_out(rule: dict[str, Any], amount: str, sentence: str) -> None:
    """One sentence: what, and why or why not."""
    said = award_sentence(parse(json.dumps(rule), "earn"), purchase(amount), RoundingMode.FLOOR, 0, "points")
    assert said == sentence


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({}, "Does not match: total_revenue 0 is not over 1000."),
        ({"total_revenue": Decimal(1001)}, "Does not match: last_purchase_days_ago 99999 is not under 30."),
        (
            {"total_revenue": Decimal(1001), "last_purchase_days_ago": 3, "country": "DE", "tags": []},
            'Does not match: country "DE" is not in "CH", "LI" and "vip" is not in tags nothing.',
        ),
        (
            {"total_revenue": Decimal(1001), "last_purchase_days_ago": 3, "tags": ["vip"]},
            (
                "Matches: total_revenue 1001 is over 1000 and last_purchase_days_ago 3 is under 30 "
                'and "vip" is in tags "vip".'
            ),
        ),
    ],
)
def test_the_deciding_clause_is_named(facts: dict[str, object], sentence: str) -> None:
    """Of a customer who does not match: the clause that failed."""
    assert match_sentence(parse(json.dumps(SEGMENT), "segment"), check_facts(facts, "segment")) == sentence


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({"!!": {"var": "accepts_marketing"}}, "Matches: accepts_marketing yes."),
        ({"startsWith": [{"var": "country"}, "C"]}, 'Matches: startsWith(country, "C"): yes.'),
        ({"==": [{"var": "member_since"}, "2024-02-29"]}, "Matches: member_since 2024-02-29 is 2024-02-29."),
        ({"!!": {"-": [{"var": "purchase_count"}]}}, "Matches: -(purchase_count): -2."),
    ],
)
def test_any_value_can_be_told(rule: dict[str, Any], sentence: str) -> None:
    """Whatever decides."""
    known = {"accepts_marketing": True, "country": "CH", "member_since": date(2024, 2, 29), "purchase_count": 2}
    assert match_sentence(parse(json.dumps(rule), BOOLS), check_facts(known, "segment")) == sentence


def test_what_is_given_without_arithmetic_is_told_as_it_is() -> None:
    """A fixed bonus, and whether something is as it should be."""
    rule = parse(json.dumps({"if": [{"startsWith": [{"var": "source"}, "till"]}, 5]}), "earn")
    said = award_sentence(rule, purchase("1"), RoundingMode.FLOOR, 0, "points")
    assert said == '5 points: startsWith(source, "till"): yes, so 5.'
    product = parse(json.dumps({"/": [AMOUNT, {"-": [AMOUNT, 1]}]}), "earn")
    said = award_sentence(product, purchase("1"), RoundingMode.FLOOR, 0, "points")
    assert said == "No points: the rule yields absent."


@pytest.mark.parametrize("amount", ["0", "99.99", "100", "100.01", "123456.78"])
def test_the_traced_form_yields_what_the_plain_one_does(amount: str) -> None:
    """Both run the same operators."""
    for text in (EARN, {"min": [AMOUNT, {"+": [{"%": [AMOUNT, 7]}, {"/": [AMOUNT, 3]}]}, 50]}):
        rule = parse(json.dumps(text), "earn")
        assert explain(rule, purchase(amount)).result == compile_rule(rule)(purchase(amount))
