"""What is different between two terms: found by name, wherever a thing stands, and said in a sentence."""

from decimal import Decimal
from typing import Any

import pytest

from api.differences import Difference, differences

BEFORE: dict[str, Any] = {
    "point_currencies": [{"code": "points", "name": "Points", "expiry_months": 24}, {"code": "miles", "name": "Miles"}],
    "earn": [
        {"rule_id": "base", "rule": {"*": [{"var": "transaction_amount"}, 1]}, "point_currency": "points"},
        {"rule_id": "bread", "rule": 5, "point_currency": "points", "caps": [{"period": "day", "points": 500}]},
    ],
    "ladders": [{"code": "club", "tiers": [{"code": "silver", "name": "S"}, {"code": "gold", "name": "G"}]}],
}


def changed(**changes: Any) -> list[Difference]:
    """Return the differences to the same terms, changed as told."""
    return differences(BEFORE, BEFORE | changes)


def earn(index: int, **changes: Any) -> list[Any]:
    """Return the earn rules, one of them changed."""
    return [one | changes if at == index else one for at, one in enumerate(BEFORE["earn"])]


CASES = [
    (
        {"earn": earn(0, rule={"var": "transaction_amount"})},
        ("/earn/0/rule", "changed", "Earn rule 'base' calculates differently."),
    ),
    (
        {"earn": earn(0, condition=True)},
        ("/earn/0/condition", "added", "Earn rule 'base' applies only under a condition now."),
    ),
    (
        {"earn": earn(1, caps=[{"period": "day", "points": 300}])},
        ("/earn/1/caps/0/points", "changed", "The cap per day of earn rule 'bread' falls from 500 to 300 points."),
    ),
    (
        {"earn": earn(1, caps=[])},
        ("/earn/1/caps/0", "removed", "The cap per day of earn rule 'bread' is removed."),
    ),
    (
        {"earn": earn(0, budget_points=1000)},
        (
            "/earn/0/budget_points",
            "added",
            "Budget points of earn rule 'base' is set to 1000.",
        ),
    ),
    (
        {"point_currencies": [BEFORE["point_currencies"][0] | {"expiry_months": 12}, BEFORE["point_currencies"][1]]},
        (
            "/point_currencies/0/expiry_months",
            "changed",
            "Points of point currency 'points' lapse otherwise (24 → 12); points earned before keep their expiry.",
        ),
    ),
    (
        {"point_currencies": [*BEFORE["point_currencies"], {"code": "stars", "name": "Stars"}]},
        ("/point_currencies/2", "added", "Point currency 'stars' is new."),
    ),
    (
        {"point_currencies": BEFORE["point_currencies"][:1]},
        ("/point_currencies/1", "removed", "Point currency 'miles' is removed."),
    ),
    (
        {
            "ladders": [
                {
                    "code": "club",
                    "tiers": [*BEFORE["ladders"][0]["tiers"], {"code": "top", "min_points": 9, "name": "T"}],
                }
            ]
        },
        ("/ladders/0/tiers/2", "added", "Tier 'top' of ladder 'club' is new, from 9 points."),
    ),
    (
        {"returns": {"beyond": "waterfall"}},
        ("/returns/beyond", "added", "Beyond of returns is set to waterfall."),
    ),
]


@pytest.mark.parametrize(("changes", "expected"), CASES)
def test_a_difference_is_placed_and_told(changes: dict[str, Any], expected: tuple[str, str, str]) -> None:
    """One change, one sentence."""
    (found,) = changed(**changes)
    assert (found.path, found.kind, found.text) == expected


def test_what_moved_is_not_what_changed() -> None:
    """Only the order is told; the pointer of a change is that of the new place."""
    found = changed(earn=list(reversed(BEFORE["earn"])))
    (moved,) = found
    assert (moved.path, moved.kind, moved.before, moved.after) == (
        "/earn",
        "reordered",
        ["base", "bread"],
        ["bread", "base"],
    )
    found = changed(earn=list(reversed(earn(0, rule=1))))
    assert [(one.path, one.kind) for one in found] == [("/earn/1/rule", "changed"), ("/earn", "reordered")]


def test_one_rule_is_a_list_of_one() -> None:
    """Written alone or in a list, a rule that is the same is no difference."""
    alone = {"rule": 1, "point_currency": "points"}
    assert differences({"earn": alone}, {"earn": [alone]}) == []
    (found,) = differences({"earn": [alone]}, {"earn": alone | {"rule": 2}})
    assert found.path == "/earn/rule"


def test_against_nothing_everything_is_new() -> None:
    """Each thing by itself."""
    found = differences({}, BEFORE)
    assert {one.kind for one in found} == {"added"}
    assert [one.path for one in found][:2] == ["/point_currencies/0", "/point_currencies/1"]
    assert differences(BEFORE, BEFORE) == []


def test_numbers_are_compared_digit_by_digit() -> None:
    """As floats these two would be one; and true is not one."""
    before, after = Decimal("0.10000000000000000001"), Decimal("0.10000000000000000002")
    assert len(differences({"a": before}, {"a": after})) == 1
    assert len(differences({"a": True}, {"a": 1})) == 1


def test_long_values_are_cut() -> None:
    """A sentence is no place for a list of a thousand codes."""
    (found,) = differences({}, {"adjustment_reasons": [f"reason-{number}" for number in range(1000)]})
    assert len(found.text) < 200
