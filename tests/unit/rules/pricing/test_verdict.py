"""Everything that is wrong with terms at once, and what may not have been meant."""

from datetime import date
from typing import Any

import msgspec

from ledger.program.state import Program, ProgramVersion
from ledger.program.terms import Terms
from rules.pricing.verdict import TermsVerdict, judge
from tests.unit.ledger.program.facts import JANUARY

POINTS = {"code": "points", "name": "Points"}
EARN = {"rule": '{"var":"transaction_amount"}', "point_currency": "points"}
BURN = {"rule": "1", "point_currency": "points"}
CLUB = {"code": "club", "tiers": [{"code": "basic", "name": "B"}, {"code": "gold", "name": "G", "min_points": 100}]}
TODAY = date(2026, 3, 1)


def terms(**changes: Any) -> Terms:
    """Return terms that nothing is wrong with, changed as told."""
    return msgspec.convert({"point_currencies": [POINTS], "earn": EARN, "burn": BURN} | changes, Terms)


def judged(asked: Terms, in_force: Terms | None = None) -> TermsVerdict:
    """Judge terms of a program that has published some, or none."""
    versions = [ProgramVersion(1, JANUARY, in_force)] if in_force else []
    return judge(asked, Program("club", "Club", "EUR", "UTC", None, versions), in_force, TODAY, "/t")


def test_terms_that_are_fine() -> None:
    """Nothing to say."""
    assert judged(terms(), terms()) == TermsVerdict((), ())


def test_every_fault_is_named() -> None:
    """Of currencies, rules that contradict the rest, ladders, holds, and of the rules themselves."""
    wrong = terms(
        point_currencies=[POINTS | {"scale": 1}, POINTS],
        earn=[
            EARN | {"rule_id": "a", "rule": '{"var":"transaction_amout"}'},
            EARN | {"rule_id": "b", "point_currency": "stars"},
        ],
        ladders=[CLUB | {"tiers": [{"code": "x", "name": "X"}, {"code": "y", "name": "Y"}]}],
        holds={"default_minutes": 9, "maximum_minutes": 8},
    )
    verdict = judged(wrong, terms())
    assert [(one.code, one.pointer) for one in verdict.problems] == [
        ("invalid-input", "/t/point_currencies/1/code"),
        ("invalid-input", "/t/earn/1/point_currency"),
        ("invalid-input", "/t/ladders/0/tiers/1"),
        ("invalid-input", "/t/holds/default_minutes"),
        ("invalid-input", "/t/point_currencies/0/scale"),
        ("unknown_variable", "/t/earn/0/rule/var"),
    ]
    assert verdict.problems[-1].suggestion == "transaction_amount"
    assert verdict.warnings == ()


def test_attributes_come_before_rules() -> None:
    """With an absent number that is none, no rule can be calculated."""
    wrong = terms(
        attributes=[{"name": "nights", "type": "int", "null_as": "NaN"}],
        earn=EARN | {"rule": '{"nope":[]}'},
    )
    assert [one.pointer for one in judged(wrong).problems] == ["/t/attributes/0/null_as"]


def test_what_members_have_is_missed() -> None:
    """Point currencies and tiers that are in force, and an expiry that earlier points do not follow."""
    miles = {"code": "miles", "name": "Miles", "redeemable": False}
    before = terms(point_currencies=[POINTS | {"expiry_months": 24}, miles], ladders=[CLUB])
    after = terms(
        point_currencies=[POINTS | {"expiry_months": 12}],
        ladders=[CLUB | {"tiers": CLUB["tiers"][:1]}],  # type: ignore[index]
    )
    warnings = [(one.code, one.pointer) for one in judged(after, before).warnings]
    assert warnings == [
        ("expiry_changed", "/t/point_currencies/0"),
        ("currency_removed", "/t/point_currencies"),
        ("tier_removed", "/t/ladders"),
    ]


def test_what_does_nothing_is_remarked() -> None:
    """A rule that is over, points that nothing says the worth of, and a condition that is always the same."""
    idle = EARN | {"valid_until": "2026-03-01", "condition": "true"}
    warnings = [(one.code, one.pointer) for one in judged(terms(earn=idle, burn=None)).warnings]
    assert ("rule_over", "/t/earn/valid_until") in warnings
    assert ("no_burn_rule", "/t/point_currencies/0") in warnings
    current = EARN | {"valid_until": "2026-03-02"}
    assert judged(terms(earn=current)).warnings == ()
    chosen = EARN | {"rule": '{"if":[true,1,2]}'}
    found = judged(terms(earn=chosen)).warnings
    assert [one.code for one in found] == ["constant_condition", "unreachable_branch"]
    assert all(one.pointer.startswith("/t/earn/rule/") for one in found)
