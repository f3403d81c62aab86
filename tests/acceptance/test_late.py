"""Offline tills: whatever order purchases and returns arrive in, the books are those of the order they happened in."""

from itertools import permutations
from typing import Any

import pytest

from tests.acceptance.conftest import Client
from tests.acceptance.desk import Desk, open_desk

AMOUNT = {"var": "transaction_amount"}
LADDER = {
    "code": "club",
    "tiers": [
        {"code": "base", "name": "Base", "benefits": {"multiplier": 1}},
        {"code": "gold", "name": "Gold", "min_points": 300, "benefits": {"multiplier": 2}},
    ],
    "validity": {"type": "for_months", "months": 12},
}
TERMS: dict[str, Any] = {
    "ladders": [LADDER],
    "earn": [
        {
            "rule": {"*": [AMOUNT, {"var": "benefit_multiplier"}]},
            "point_currency": "points",
            "caps": [{"period": "month", "points": 900}],
        },
        {
            "rule": 50,
            "rule_id": "welcome",
            "kind": "bonus",
            "point_currency": "points",
            "condition": {"==": [{"var": "purchase_count"}, 0]},
        },
    ],
}
SALES = [("A", "2026-03-01", 200), ("B", "2026-03-02", 150), ("C", "2026-03-03", 300), ("D", "2026-04-01", 100)]


STEPS = [*SALES[:3], ("C", "2026-03-10", -150), ("A", "2026-03-11", -50), SALES[3]]
"""The same with parts that come back in between; below zero is a return."""


def do(desk: Desk, card: str, step: tuple[str, str, int]) -> None:
    """Buy, or bring a part back."""
    name, on, amount = step
    if amount > 0:
        desk.buy(amount, on, transaction_id=f"{card}-{name}", member=f"card:{card}")
    else:
        desk.done(f"purchases/{card}-{name}/returns?source=till-1", on, amount=str(-amount))


def books(desk: Desk, card: str) -> tuple[Any, ...]:
    """Return what a member has, as far as the order could matter."""
    progress = desk.progress("2026-05-01", card)
    return (
        desk.balance("2026-05-01", card)["balance_points"],
        progress["tier"],
        progress["valid_until"],
        progress["counters"],
    )


@pytest.mark.parametrize("order", list(permutations(range(4)))[1::4])
def test_the_order_of_arrival_does_not_matter(lone_client: Client, order: tuple[int, ...]) -> None:
    """Caps, tiers and first purchases come out as if everything had come in time."""
    desk = open_desk(lone_client, "1", "2", **TERMS)
    for step in SALES:
        do(desk, "1", step)
    for place in order:
        do(desk, "2", SALES[place])
    assert books(desk, "1") == books(desk, "2")


@pytest.mark.parametrize("late", [0, 1, 5])
def test_a_purchase_may_come_after_the_returns_of_others(lone_client: Client, late: int) -> None:
    """Then what was returned is taken back by what it is worth now."""
    desk = open_desk(lone_client, "1", "2", **TERMS)
    for step in STEPS:
        do(desk, "1", step)
    of_late = [step for step in STEPS if step[0] == STEPS[late][0]]
    for step in [*(step for step in STEPS if step not in of_late), *of_late]:
        do(desk, "2", step)
    assert books(desk, "1") == books(desk, "2")


def test_a_late_purchase_can_be_returned_like_any_other(client: Client) -> None:
    """And after everything came back nothing is left, whatever order it came in."""
    desk = open_desk(client, **TERMS)
    for name, on, amount in (SALES[2], SALES[0], SALES[3], SALES[1]):
        desk.buy(amount, on, transaction_id=name)
    for name in "BADC":
        desk.done(f"purchases/{name}/returns?source=till-1", "2026-04-02")
    assert (desk.balance("2026-04-02")["balance_points"], desk.tier("2026-04-02")) == (0, "base")
