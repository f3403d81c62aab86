"""Published programs as configuration: what a marketer would write to run them."""

from typing import Any

TRANSFERABLE = {"point_currency": "points"}
EARN_NOTHING = {"rule": 0, "point_currency": "points"}
CENT = {"rule": {"/": [{"var": "points_requested"}, 100]}, "point_currency": "points"}
NIGHTS = {"var": "nights"}
AFTER = {"+": [{"var": "period_nights"}, NIGHTS]}


def milestones(nights: Any) -> dict[str, Any]:
    """How many milestones that many nights are: one at 40, and one at every ten more."""
    return {"max": [0, {"floor": [{"/": [{"-": [nights, 30]}, 10]}]}]}


STARBUCKS: dict[str, Any] = {
    "currency": "USD",
    "terms": {
        "point_currencies": [
            {
                "code": "points",
                "name": "Stars",
                "scale": 2,
                "expiry": {"type": "after", "months": 6, "end_of": "month"},
            }
        ],
        "attributes": [
            {"name": "direct", "type": "decimal", "null_as": 0},
            {"name": "preloaded", "type": "decimal", "null_as": 0},
        ],
        "earn": {
            "rule": {"+": [{"var": "direct"}, {"*": [{"var": "preloaded"}, 2]}]},
            "point_currency": "points",
        },
        "burn": CENT | {"minimum_points": 2500},
    },
}


def airmiles(expiry: Any) -> dict[str, Any]:
    """Two years without activity take everything; and each version says how points age."""
    return {
        "point_currencies": [
            {"code": "points", "name": "Miles", "expiry": expiry, "inactivity": {"months": 24}},
        ],
        "earn": EARN_NOTHING,
        "burn": CENT,
    }


BEFORE_2012 = airmiles({"type": "cut_off", "last_days": ["2016-12-31"]})
FROM_2012 = airmiles({"type": "after", "months": 60, "end_of": "quarter"})
CANCELLED = airmiles({"type": "never"})

HILTON: dict[str, Any] = {
    "currency": "USD",
    "terms": {
        "point_currencies": [{"code": "points", "name": "Points", "inactivity": {"months": 24}}],
        "attributes": [
            {"name": "nights", "type": "int", "unit": "count", "required": True},
            {"name": "brand", "type": "str", "required": True},
        ],
        "earn": [
            {
                "rule_id": "base",
                "point_currency": "points",
                "rule": {
                    "*": [
                        {"var": "transaction_amount"},
                        {"if": [{"==": [{"var": "brand"}, "home2_tru"]}, 5, 10]},
                    ]
                },
            },
            {
                "rule_id": "tier-bonus",
                "point_currency": "points",
                "kind": "bonus",
                "rule": {"/": [{"*": [{"var": "base_points"}, {"var": "benefit_bonus_percent"}]}, 100]},
            },
            {
                "rule_id": "milestones",
                "point_currency": "points",
                "kind": "bonus",
                "rule": {"*": [10000, {"-": [milestones(AFTER), milestones({"var": "period_nights"})]}]},
            },
            {
                "rule_id": "sixty-nights",
                "point_currency": "points",
                "kind": "bonus",
                "condition": {"and": [{"<": [{"var": "period_nights"}, 60]}, {">=": [AFTER, 60]}]},
                "rule": 30000,
            },
        ],
        "ladders": [
            {
                "code": "honors",
                "counters": [
                    {"code": "nights", "of": "attribute", "attribute": "nights"},
                    {"code": "stays", "of": "purchases"},
                    {"code": "base", "of": "points", "kind": "base"},
                ],
                "window": {"type": "calendar_year"},
                "validity": {"type": "until_day", "day": "03-31", "years": 2},
                "rollover": {"counter": "nights", "maximum": 60},
                "tiers": [
                    {"code": "member", "name": "Member", "benefits": {"bonus_percent": 0}},
                    *[
                        {
                            "code": name.lower(),
                            "name": name,
                            "any_of": [
                                {"counter": "nights", "at_least": nights},
                                {"counter": "stays", "at_least": stays},
                                {"counter": "base", "at_least": base},
                            ],
                            "benefits": {"bonus_percent": bonus},
                        }
                        for name, nights, stays, base, bonus in (
                            ("Silver", 10, 4, 25000, 20),
                            ("Gold", 40, 20, 75000, 80),
                            ("Diamond", 60, 30, 120000, 100),
                        )
                    ],
                ],
            }
        ],
    },
}

MARRIOTT: dict[str, Any] = {
    "currency": "USD",
    "terms": {
        "point_currencies": [{"code": "points", "name": "Points", "inactivity": {"months": 24}}],
        "earn": EARN_NOTHING,
        "burn": CENT,
        "transfers": [
            {
                "point_currency": "points",
                "step_points": 1000,
                "out_per_year": 100000,
                "in_per_year": 500000,
            }
        ],
    },
}

VERSIONS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "S1": [("2010-01-01", STARBUCKS["terms"])],
    "S1b": [("2010-01-01", STARBUCKS["terms"])],
    "S3a": [("2010-01-01", BEFORE_2012), ("2012-01-01", FROM_2012)],
    "S3b": [("2010-01-01", BEFORE_2012), ("2012-01-01", FROM_2012), ("2016-12-01", CANCELLED)],
    "S5": [("2010-01-01", HILTON["terms"])],
    "S6": [("2010-01-01", MARRIOTT["terms"])],
}
"""From when on which terms hold."""
