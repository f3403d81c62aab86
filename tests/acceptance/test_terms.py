"""Terms that contradict themselves are refused when they are written, with the place."""

from typing import Any

import pytest

from tests.acceptance.conftest import Client

POINTS = {"code": "points", "name": "Points"}
BASE = {"code": "base", "name": "Base"}
NIGHTS = {"code": "nights", "of": "attribute", "attribute": "nights"}


def ladder(*tiers: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return terms with a ladder."""
    return {"ladders": [{"code": "club", "tiers": [BASE, *tiers]} | more]}


def gold(**more: Any) -> dict[str, Any]:
    """Return a tier that takes something."""
    return {"code": "gold", "name": "Gold"} | more


def at_least(amount: Any, counter: str = "points") -> dict[str, Any]:
    """Return a tier with a threshold."""
    return gold(all_of=[{"counter": counter, "at_least": amount}])


def currency(**more: Any) -> dict[str, Any]:
    """Return terms with a point currency."""
    return {"point_currencies": [POINTS | more]}


STEP = {"step_points": 100, "step_value": "1.00", "valid_months": 6}

CONTRADICTIONS = [
    (ladder() | {"ladders": [{"code": "a", "tiers": [BASE]}] * 2}, "/ladders/1/code"),
    (ladder(BASE), "/ladders/0/tiers/1/code"),
    (ladder(counters=[NIGHTS]), "/ladders/0/counters/0/attribute"),
    (ladder(counters=[{"code": "a", "of": "spend"}, {"code": "a", "of": "points"}]), "/ladders/0/counters/1/code"),
    (ladder(at_least(5, "stays")), "/ladders/0/tiers/1/all_of/0/counter"),
    (ladder(gold(any_of=[{"counter": "x", "at_least": 5}])), "/ladders/0/tiers/1/any_of/0/counter"),
    (ladder(at_least(0)), "/ladders/0/tiers/1/all_of/0/at_least"),
    (ladder(at_least(-5)), "/ladders/0/tiers/1/all_of/0/at_least"),
    (ladder(at_least("0.5")), "/ladders/0/tiers/1/all_of/0/at_least"),
    (ladder(at_least("NaN")), "/ladders/0/tiers/1/all_of/0/at_least"),
    (
        ladder(at_least("10.001", "spend"), counters=[{"code": "spend", "of": "spend"}]),
        "/ladders/0/tiers/1/all_of/0/at_least",
    ),
    (
        ladder(counters=[{"code": "a", "of": "points", "point_currency": "stars"}]),
        "/ladders/0/counters/0/point_currency",
    ),
    (
        ladder(counters=[{"code": "a", "of": "spend", "point_currency": "points"}]),
        "/ladders/0/counters/0/point_currency",
    ),
    (ladder(counters=[{"code": "a", "of": "spend", "kind": "base"}]), "/ladders/0/counters/0/kind"),
    (ladder(counters=[{"code": "a", "of": "spend", "attribute": "nights"}]), "/ladders/0/counters/0/attribute"),
    (ladder(counters=[{"code": "a", "of": "attribute"}]), "/ladders/0/counters/0/attribute"),
    (
        ladder(counters=[NIGHTS]) | {"attributes": [{"name": "nights", "type": "decimal"}]},
        "/ladders/0/counters/0/attribute",
    ),
    (
        ladder(counters=[NIGHTS]) | {"attributes": [{"name": "nights", "type": "int", "of": "line"}]},
        "/ladders/0/counters/0/attribute",
    ),
    (ladder(gold(min_points=5), counters=[{"code": "a", "of": "spend"}]), "/ladders/0/tiers/1/min_points"),
    (ladder(gold()), "/ladders/0/tiers/1"),
    (ladder(gold(min_points=0)), "/ladders/0/tiers/1"),
    (ladder(gold(min_points=5), gold(code="top", min_points=4)), "/ladders/0/tiers/2/min_points"),
    (ladder(gold(min_points=5, priority=1)), "/ladders/0/tiers/0/priority"),
    (
        {"ladders": [{"code": "a", "tiers": [BASE | {"priority": 1}, gold(min_points=5, priority=1)]}]},
        "/ladders/0/tiers/1/priority",
    ),
    # With these priorities gold stands below the tier that everybody holds.
    (
        {"ladders": [{"code": "a", "tiers": [BASE | {"priority": 2}, gold(min_points=5, priority=1)]}]},
        "/ladders/0/tiers/0",
    ),
    (ladder(rollover={"counter": "stays", "maximum": 5}), "/ladders/0/rollover/counter"),
    (ladder(rollover={"counter": "points", "maximum": 5}, window={"type": "lifetime"}), "/ladders/0/rollover"),
    (ladder(validity={"type": "until_day", "day": "03-31", "years": 0}), "/ladders/0/validity/years"),
    ({"transfers": [{"point_currency": "stars"}]}, "/transfers/0/point_currency"),
    ({"transfers": [{"point_currency": "points"}] * 2}, "/transfers/1/point_currency"),
    (
        {"transfers": [{"point_currency": "points", "minimum_points": 500, "out_per_year": 400}]},
        "/transfers/0/out_per_year",
    ),
    ({"transfers": [{"point_currency": "points", "step_points": 500, "in_per_year": 400}]}, "/transfers/0/in_per_year"),
    ({"holds": {"default_minutes": 61, "maximum_minutes": 60}}, "/holds/default_minutes"),
    ({"adjustment_reasons": ["goodwill", "goodwill"]}, "/adjustment_reasons/1"),
    (currency(conversion=STEP | {"step_value": "1.001"}), "/point_currencies/0/conversion/step_value"),
    (currency(conversion=STEP | {"step_value": "0"}), "/point_currencies/0/conversion/step_value"),
    (currency(conversion=STEP | {"step_value": "-1"}), "/point_currencies/0/conversion/step_value"),
    (currency(expiry={"type": "after"}), "/point_currencies/0/expiry"),
]


def body(terms: dict[str, Any]) -> dict[str, Any]:
    """Return a program with these terms."""
    rule = {"rule": 1, "point_currency": "points"}
    return {
        "program_id": "tea",
        "name": "Tea",
        "currency": "EUR",
        "terms": {"point_currencies": [POINTS], "earn": rule} | terms,
    }


def test_contradictions_are_refused(lone_client: Client) -> None:
    """Every one of them, and nothing is written."""
    before = lone_client.event_count()
    for terms, pointer in CONTRADICTIONS:
        answer = lone_client.post("/v1/programs", body(terms))
        assert answer.status == 422, (pointer, answer.text)
        assert (answer.slug, answer.json["pointer"]) == ("invalid-input", f"/terms{pointer}"), answer.text
    assert lone_client.event_count() == before


@pytest.mark.parametrize(
    "terms",
    [
        ladder(gold(min_points=5), gold(code="top", min_points=5, any_of=[{"counter": "points", "at_least": 9}])),
        ladder(at_least("10.50", "spend"), counters=[{"code": "spend", "of": "spend"}]),
        ladder(at_least(5, "nights"), counters=[NIGHTS]) | {"attributes": [{"name": "nights", "type": "int"}]},
        ladder(validity={"type": "until_day", "day": "12-31", "years": 0}),
        currency(conversion=STEP | {"step_value": "1.50"}),
        {"holds": {"default_minutes": 60, "maximum_minutes": 60}},
    ],
)
def test_what_agrees_is_accepted_and_read_back(lone_client: Client, terms: dict[str, Any]) -> None:
    """As it was sent."""
    assert lone_client.post("/v1/programs", body(terms)).status == 201
    draft = lone_client.get("/v1/programs/tea").json["draft"]
    assert terms.keys() <= draft.keys()
