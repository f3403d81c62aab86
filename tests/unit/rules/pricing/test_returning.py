"""What returns and late arrivals do, story by story."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ledger.account import decide as account
from ledger.account.commands import ChangeTier, ExpireLots, HoldPoints, RetainTier, VoidHold
from ledger.account.deciding.standing import tier_event
from ledger.account.events import PurchaseRepriced, PurchaseReturned
from ledger.account.evolve import evolve
from ledger.budget.events import BudgetReturned
from ledger.posting.instruction import On
from rules.errors import ReturnExceedsPurchase, UnknownLine, UnknownPurchase
from rules.instructions import accrue_points
from rules.requests import AccrualRequest
from tests.property.rules.order_programs import BASE, BURN, NIGHTS, SPEND, TIMES, caps, ladder, terms
from tests.property.rules.till import (
    JOINED,
    MEMBER,
    RECEIVED,
    STARTED,
    Happening,
    Till,
    instruction_of,
    program,
    rule,
)

AMOUNT = {"var": "transaction_amount"}
PLAIN = program((STARTED, terms(rule(AMOUNT))))
TIERED = program(
    (STARTED, terms(rule(AMOUNT), rule(TIMES, rule_id="tier", kind="bonus"), ladders=[ladder(SPEND, "0", "100")]))
)


def bought(name: str, day: str, amount: str = "100", **more: Any) -> Happening:
    """A purchase."""
    at = f"{day}T10:00:00Z"
    return {"kind": "purchase", "source": "s", "transaction_id": name, "occurred_at": at, "amount": amount, **more}


def brought_back(name: str, day: str, **part: Any) -> Happening:
    """A return of a purchase."""
    at = f"{day}T12:00:00Z"
    return {"kind": "return", "return_id": f"{name}-{day}", "occurred_at": at, "of": ("s", name), **part}


def spent(points: int, day: str) -> Happening:
    """A redemption."""
    return {"kind": "redemption", "redemption_id": "x", "occurred_at": f"{day}T11:00:00Z", "points": points}


def told(club: Any, *happenings: Happening, joined: datetime = JOINED) -> Till:
    """Book what happened, in this order."""
    till = Till(club, joined)
    for happening in happenings:
        till.book(happening)
    return till


def command(till: Till, *asked: Any) -> None:
    """Ask the account directly."""
    for one in asked:
        for event in account.decide(till.account, one):
            till.events.append(event)
            till.account = evolve(till.account, event)


def noon(day: str) -> tuple[datetime, Any]:
    """Return noon of a day, and the day."""
    at = datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)
    return at, at.date()


def test_points_that_lapsed_are_forgiven_once() -> None:
    """Of 100 points 50 were spent and 50 lapsed: two returns of half each leave the member owing what was spent."""
    till = told(PLAIN, bought("a", "2025-03-01"), spent(50, "2025-03-02"))
    command(till, ExpireLots(*noon("2026-06-01")))
    till.book(brought_back("a", "2026-06-02", amount="50"))
    assert till.book_of("points").owed_points == 0
    till.book(brought_back("a", "2026-06-03"))
    assert till.book_of("points").owed_points == 50
    last = till.events[-1]
    assert isinstance(last, PurchaseReturned)
    assert last.written_off == {}


def test_points_that_come_back_from_a_hold_pay_what_was_owed_for_them() -> None:
    """The hold was made, the purchase refunded, the hold voided: nothing is left, and nothing owed."""
    till = told(PLAIN, bought("a", "2025-03-01"))
    at, on = noon("2025-03-02")
    command(till, HoldPoints("s", "h", at, on, "points", 60, at.replace(hour=20)))
    till.book(brought_back("a", "2025-03-02"))
    assert till.book_of("points").owed_points == 60
    command(till, VoidHold("s", "h", *noon("2025-03-02"), "regret"))
    assert (till.book_of("points").lots, till.book_of("points").debts) == ({}, {})


def test_holds_that_end_pay_in_their_turn() -> None:
    """Two holds end at one moment; each pays its part of one debt."""
    till = told(PLAIN, bought("a", "2025-03-01"))
    at, on = noon("2025-03-02")
    command(till, *[HoldPoints("s", f"h{n}", at, on, "points", 30, at.replace(hour=13)) for n in range(2)])
    till.book(brought_back("a", "2025-03-02", amount="80"))
    assert till.book_of("points").owed_points == 40
    till.book(bought("b", "2025-03-03", "1"))
    assert (till.book_of("points").open_points, till.book_of("points").owed_points) == (21, 0)


def test_the_newest_lots_of_a_rule_lose_first_and_none_is_asked_twice() -> None:
    """A correction made the second lot; the first return takes it, the second does not ask it again."""
    till = told(
        TIERED,
        bought("a", "2025-03-02", "40"),
        bought("b", "2025-03-03", "10"),
        bought("early", "2025-03-01", "100"),
    )
    repriced = [one for one in till.events if isinstance(one, PurchaseRepriced)]
    assert [(one.transaction_id, one.accruals[0].points) for one in repriced] == [("a", 20), ("b", 5)]
    till.book(brought_back("a", "2025-03-05", amount="20"))
    till.book(brought_back("a", "2025-03-06"))
    assert till.net_points() == {("b", "earn"): 10, ("b", "tier"): 5, ("early", "earn"): 100}
    assert sum(lot.points for lot in till.account.books["points"].lots.values()) == 115


def test_what_is_returned_is_known_and_there() -> None:
    """Refusals, each with the place of what is wrong."""
    lines = [{"amount": "10", "line": "a", "quantity": "2"}, {"amount": "5", "line": "b"}]
    till = told(PLAIN, bought("a", "2025-03-01", "15", lines=lines, attributes={"nights": 2}))
    for part, refusal, pointer in (
        ({"of": ("s", "z")}, UnknownPurchase, "/transaction_id"),
        ({"lines": [{"line": "z"}]}, UnknownLine, "/lines/0/line"),
        ({"lines": [{"line": "a"}, {"line": "a"}]}, ReturnExceedsPurchase, "/lines/1/line"),
        ({"lines": [{"line": "a", "quantity": "3"}]}, ReturnExceedsPurchase, "/lines/0/quantity"),
        ({"lines": [{"line": "a", "amount": "11"}]}, ReturnExceedsPurchase, "/lines/0/amount"),
        ({"amount": "15.01"}, ReturnExceedsPurchase, "/amount"),
        ({"amount": "1", "attributes": {"nights": 3}}, ReturnExceedsPurchase, "/attributes/nights"),
    ):
        with pytest.raises(refusal) as refused:
            till.book(brought_back("a", "2025-03-02") | part)
        assert refused.value.pointer == pointer  # type: ignore[attr-defined]  # all of these have one
    till.book(brought_back("a", "2025-03-02", lines=[{"line": "a", "amount": "9.99"}, {"line": "b"}]))
    assert till.account.spent_minor == 1
    till.book(brought_back("a", "2025-03-03"))
    with pytest.raises(ReturnExceedsPurchase):
        till.book(brought_back("a", "2025-03-04"))


def test_what_cost_nothing_is_returned_line_by_line_and_once() -> None:
    """All of it is back when the last line is; a purchase is taken off its counter once."""
    counter = {"code": "purchases", "of": "purchases"}
    free = program((STARTED, terms(rule(7), ladders=[ladder(counter, "0", "5")])))
    lines = [{"amount": "0", "line": "a"}, {"amount": "0", "line": "b"}]
    till = told(
        free, bought("a", "2025-03-01", "0", lines=lines), brought_back("a", "2025-03-02", lines=[{"line": "a"}])
    )
    assert till.account.counters == {"club:purchases": {"2025": 1}}
    assert till.net_points() == {("a", "earn"): 7}
    till.book(brought_back("a", "2025-03-03", lines=[{"line": "b"}]))
    assert (till.account.counters, till.net_points()) == ({}, {})


def test_a_line_that_is_left_comes_back_after_everything_was_paid_back() -> None:
    """It takes nothing away a second time."""
    lines = [{"amount": "10", "line": "a"}, {"amount": "0", "line": "gift"}]
    counter = {"code": "purchases", "of": "purchases"}
    club = program((STARTED, terms(rule(AMOUNT), ladders=[ladder(counter, "0", "5")])))
    till = told(club, bought("a", "2025-03-01", "10", lines=lines), bought("b", "2025-03-01", "10"))
    till.book(brought_back("a", "2025-03-02", amount="10"))
    till.book(brought_back("a", "2025-03-03", lines=[{"line": "gift"}]))
    assert till.account.counters == {"club:purchases": {"2025": 1}}


def test_what_remains_is_priced_with_the_nights_that_remain() -> None:
    """A rule that gives points per night gives them for those."""
    club = program((STARTED, terms(rule({"*": [{"var": ["nights", 0]}, 10]}), attributes=[NIGHTS])))
    stay = bought("a", "2025-03-01", attributes={"nights": 3})
    till = told(club, stay, brought_back("a", "2025-03-02", amount="40", attributes={"nights": 2}))
    assert till.net_points() == {("a", "earn"): 10}


def test_points_beyond_the_balance_reduce_the_refund_where_the_program_says_so() -> None:
    """By what they were worth when they were earned."""
    club = program((STARTED, terms(rule(AMOUNT), returns={"beyond": "waterfall"}, burn=BURN)))
    till = told(club, bought("a", "2025-03-01"), spent(60, "2025-03-02"), brought_back("a", "2025-03-03"))
    event = till.events[-1]
    assert isinstance(event, PurchaseReturned)
    assert (event.refund_reduction_minor, event.written_off, event.debts) == (60, {"points": 60}, {})


def test_budgets_get_back_what_repricing_takes() -> None:
    """And a late purchase draws what it gives in its place, not what it would have given at the end."""
    club = program(
        (
            STARTED,
            terms(rule(10, {"==": [{"var": "purchase_count"}, 0]}, budget_points=1000), rule(AMOUNT, rule_id="amount")),
        )
    )
    till = told(club, bought("late", "2025-03-05"))
    made = till.decide(instruction_of(bought("early", "2025-03-01")))
    elsewhere = [one.event for one in made if isinstance(one, On)]
    assert [(one.rule, one.points) for one in elsewhere if isinstance(one, BudgetReturned)] == [("earn", 10)]
    back = program((STARTED, terms(rule(9, {">": [{"var": "purchase_count"}, 0]}, budget_points=10))))
    till = told(back, bought("a", "2025-03-01"), bought("c", "2025-03-05", "1"), bought("b", "2025-03-03"))
    assert till.net_points() == {("c", "earn"): 9, ("b", "earn"): 1}
    assert till.budgets is not None
    assert till.budgets.drawn_points == {"earn": 10}


def test_purchases_from_before_enrolment_are_priced_in_order_too() -> None:
    """The account is there from the beginning, whenever it was opened."""
    joined = datetime(2025, 6, 1, tzinfo=UTC)
    till = told(TIERED, bought("b", "2025-03-02"), bought("a", "2025-03-01"), joined=joined)
    assert till.net_points() == {("a", "earn"): 100, ("b", "earn"): 100, ("b", "tier"): 50}


def test_accruals_and_tiers_given_by_hand_have_their_place() -> None:
    """A late purchase from before the tier was given does not see it; one from after does."""
    till = told(TIERED, bought("b", "2025-03-20", "10"))
    gift = AccrualRequest("s", "gift", str(MEMBER), noon("2025-03-03")[0], 5, "sorry")
    till_events = till.decide(accrue_points("club", gift, RECEIVED))
    given = ChangeTier("club", "t1", *noon("2025-03-10"), "assigned", None)
    longer = RetainTier("club", "t1", *noon("2025-03-11"), noon("2026-01-01")[1])
    for event in [*till_events, tier_event(till.account, given, {}), tier_event(till.account, longer, {})]:
        assert not isinstance(event, On)
        till.events.append(event)
        till.account = evolve(till.account, event)
    till.book(bought("before", "2025-03-09", "10"))
    till.book(bought("after", "2025-03-12", "10"))
    assert till.net_points() == {
        ("b", "earn"): 10,
        ("b", "tier"): 5,
        ("before", "earn"): 10,
        ("after", "earn"): 10,
        ("after", "tier"): 5,
    }
    till.book(brought_back("b", "2025-04-01"))
    assert till.account.tiers["club"].secured == {"t1": noon("2026-01-01")[1]}


def test_a_return_leaves_what_was_earned_in_an_earlier_year() -> None:
    """Gold of 2025 is held to the end of 2026, although what had prolonged it came back."""
    till = told(TIERED, bought("a", "2025-03-01"), bought("b", "2026-03-01"))
    assert till.account.tiers["club"].secured == {"t1": noon("2028-01-01")[1]}
    till.book(brought_back("b", "2026-04-01"))
    held = till.account.tiers["club"]
    assert (held.tier, held.secured, held.bases) == ("t1", {"t1": noon("2027-01-01")[1]}, {"t1": "2025"})


def test_a_rule_that_gives_more_for_the_rest_uses_its_cap() -> None:
    """The rest falls under another offer, whose points count against its own cap."""
    club = program(
        (
            STARTED,
            terms(
                rule(50, {">": [AMOUNT, 60]}, rule_id="big", group="g", priority=1),
                rule(20, rule_id="small", group="g", caps=caps(day=30)),
                rule(BASE, rule_id="again", kind="bonus"),
            ),
        )
    )
    till = told(club, bought("a", "2025-03-01"), brought_back("a", "2025-03-01", amount="50"))
    assert till.account.capped_points == {"small": {"2025-03-01": 20}}
    till.book(bought("b", "2025-03-02"))
    till.book(bought("c", "2025-03-01", "10") | {"occurred_at": "2025-03-01T13:00:00Z"})
    assert till.net_points()["c", "small"] == 10
