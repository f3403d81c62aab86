"""Programs in which what a purchase earns depends on what was before it, in every way there is."""

from datetime import UTC, datetime
from typing import Any, Final

from tests.property.rules.till import STARTED, program, rule

AMOUNT, BASE = {"var": "transaction_amount"}, {"var": "base_points"}
CURRENCIES: Final = [
    {"code": "points", "name": "Points", "expiry_months": 14},
    {"code": "status", "name": "Status", "qualifying": True, "redeemable": False},
]
BURN: Final = {"rule": '{"/":[{"var":"points_requested"},100]}', "point_currency": "points"}
NIGHTS: Final = {"name": "nights", "type": "int", "null_as": "0"}


def terms(*earn: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return terms with these earn rules."""
    return {"point_currencies": CURRENCIES, "earn": list(earn), "burn": BURN, "attributes": [NIGHTS], **more}


def caps(**most: int) -> list[dict[str, Any]]:
    """Return caps by their period."""
    return [{"period": period, "points": points} for period, points in most.items()]


def ladder(counter: dict[str, Any], *amounts: str, benefits: bool = True, **more: Any) -> dict[str, Any]:
    """Return a ladder of tiers that take these amounts of a counter, and bring 1.5, 2, 2.5 … times the points."""
    tiers = [
        {
            "code": f"t{number}",
            "name": f"Tier {number}",
            "any_of": [{"counter": counter["code"], "at_least": amount}] if amount != "0" else [],
            "benefits": {"times": f"{1 + number * 0.5}"} if benefits else {},
        }
        for number, amount in enumerate(amounts)
    ]
    return {"code": "club", "tiers": tiers, "counters": [counter], **more}


TIMES: Final = {"*": [BASE, {"-": [{"var": ["benefit_times", 1]}, 1]}]}
"""What a tier's multiplier gives on top of base points."""
STATUS: Final = rule(AMOUNT, rule_id="status", point_currency="status")
SPEND, POINTS = {"code": "spend", "of": "spend"}, {"code": "points", "of": "points"}

CAPPED: Final = terms(
    rule(AMOUNT, caps=caps(purchase=90, day=120, month=200, year=450)),
    rule({"*": [BASE, 0.5]}, rule_id="half", kind="bonus", caps=caps(day=40)),
    rule(25, {">": [AMOUNT, 50]}, rule_id="big", group="offers", priority=1, caps=caps(month=25)),
    rule({"*": [AMOUNT, 0.2]}, rule_id="fifth", group="offers"),
    STATUS,
)
FACTS: Final = terms(
    rule(AMOUNT),
    rule(100, {"==": [{"var": "purchase_count"}, 0]}, rule_id="welcome", kind="bonus"),
    rule(30, {">": [{"var": "last_purchase_days_ago"}, 40]}, rule_id="back", kind="bonus"),
    rule({"*": [AMOUNT, 2]}, {">": [{"var": "lifetime_spend"}, 200]}, rule_id="loyal", kind="bonus"),
    rule(7, {"<": [{"var": "points_balance"}, 150]}, rule_id="poor"),
    STATUS,
)
CALENDAR: Final = terms(
    rule(AMOUNT),
    rule(TIMES, rule_id="tier", kind="bonus"),
    rule({"*": [AMOUNT, 0.1]}, rule_id="status", point_currency="status"),
    ladders=[ladder(POINTS, "0", "8", "20", validity={"type": "until_day", "day": "03-31", "years": 1})],
)
ROLLING: Final = terms(
    rule(AMOUNT, caps=caps(month=300)),
    rule(TIMES, rule_id="tier", kind="bonus"),
    ladders=[
        ladder(
            SPEND,
            "80",
            "200",
            window={"type": "rolling", "months": 3},
            validity={"type": "for_months", "months": 4},
            downgrade="one_step",
        )
    ],
)
ANNIVERSARY: Final = terms(
    rule(AMOUNT),
    rule(TIMES, rule_id="tier", kind="bonus"),
    rule({"var": ["nights", 0]}, rule_id="status", point_currency="status"),
    ladders=[
        ladder(
            {"code": "nights", "of": "attribute", "attribute": "nights"},
            "0",
            "3",
            "6",
            window={"type": "anniversary"},
            validity={"type": "for_months", "months": 12},
            rollover={"counter": "nights", "maximum": 2},
            grace_days=10,
        )
    ],
)
LIFETIME: Final = terms(
    rule(AMOUNT, caps=caps(year=400)),
    rule({"*": [TIMES, 2]}, rule_id="tier", kind="bonus"),
    rule(5, {"==": [{"var": "tier"}, "t2"]}, rule_id="top", point_currency="status"),
    ladders=[
        ladder(
            {"code": "purchases", "of": "purchases"},
            "0",
            "3",
            "5",
            window={"type": "lifetime"},
            validity={"type": "for_ever"},
        ),
        {
            **ladder({"code": "base", "of": "points", "point_currency": "points", "kind": "base"}, "100", "300"),
            "code": "base",
            "downgrade": "none",
        },
    ],
)
_TURN = datetime(2025, 9, 1, tzinfo=UTC)

PROGRAMS: Final = {
    "capped": program((STARTED, CAPPED)),
    "facts": program((STARTED, FACTS)),
    "calendar": program((STARTED, CALENDAR)),
    "rolling": program((STARTED, ROLLING)),
    "anniversary": program((STARTED, ANNIVERSARY)),
    "lifetime": program((STARTED, LIFETIME)),
    "plain then facts": program((STARTED, terms(rule(AMOUNT), STATUS)), (_TURN, FACTS)),
    "calendar then rolling": program((STARTED, CALENDAR), (_TURN, ROLLING)),
}
