"""What purchases earn under programs with several rules."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ledger.account.decide import decide
from ledger.account.events import AccountOpened
from ledger.account.evolve import evolve
from ledger.account.state import Account
from ledger.budget import state as budget
from ledger.budget.events import BudgetDrawn
from ledger.budget.state import Budgets
from ledger.program.state import Program, ProgramVersion
from ledger.program.terms import Terms
from rules.activity import Purchase
from rules.instructions import checked_lines
from rules.pricing.attributes import InvalidAttributes
from rules.pricing.earning import Status
from rules.pricing.price import CheckedPurchase, Priced, price_purchase

STARTED = datetime(2026, 1, 1, tzinfo=UTC)
AMOUNT, BASE = {"var": "transaction_amount"}, {"var": "base_points"}


def program(*earn: dict[str, Any], scale: int = 0, **terms: Any) -> Program:
    """Return a program of one version with these earn rules."""
    currencies = terms.pop("point_currencies", [{"code": "points", "name": "Points", "scale": scale}])
    written = {"point_currencies": currencies, "earn": [_written(rule) for rule in earn], **terms}
    return Program(
        "club", "Club", "EUR", "Europe/Berlin", None, [ProgramVersion(1, STARTED, msgspec.convert(written, Terms))]
    )


def _written(rule: dict[str, Any]) -> dict[str, Any]:
    texts = {key: msgspec.json.encode(rule[key]).decode() for key in ("rule", "condition") if key in rule}
    return {"point_currency": "points", "rule_id": "earn"} | rule | texts


class Till:
    """Books what it prices, on one account."""

    def __init__(self, club: Program) -> None:
        self.program = club
        self.account: Account = evolve(None, AccountOpened("club", "m", STARTED, STARTED.date()))
        self.budgets: Budgets | None = None

    def buys(self, amount: str = "100", at: str = "2026-03-02T10:00:00+00:00", **more: Any) -> Priced:
        """Price a purchase and book it."""
        made = {"source": "s", "transaction_id": "t", "member": "card:1", "occurred_at": at, "amount": amount}
        purchase = msgspec.convert(made | {"currency": "EUR"} | more, Purchase)
        cents = int(purchase.amount * 100)
        checked = CheckedPurchase(purchase, cents, checked_lines(purchase))
        priced = price_purchase(checked, self.program, self.account, self.budgets)
        for event in decide(self.account, priced.command):
            self.account = evolve(self.account, event)
        for draw in priced.draws():
            self.budgets = budget.evolve(self.budgets, draw)
        return priced


def points(priced: Priced) -> list[tuple[str, int]]:
    """Return what each rule gave."""
    return [(award.rule, award.points) for award in priced.command.awards]


def statuses(priced: Priced) -> list[Status]:
    """Return what became of each rule."""
    return [outcome.status for outcome in priced.outcomes]


def test_rules_without_a_group_add_up_and_bonus_rules_read_the_base() -> None:
    """Base rules first, wherever they stand in the list."""
    club = program(
        {"rule": {"*": [BASE, 0.5]}, "rule_id": "half-more", "kind": "bonus"},
        {"rule": AMOUNT, "rule_id": "one-each"},
        {"rule": 7, "rule_id": "seven"},
    )
    assert points(Till(club).buys("40.90")) == [("one-each", 40), ("seven", 7), ("half-more", 23)]


def test_base_points_are_those_of_the_rule_s_own_currency() -> None:
    """In major units, whatever the scale."""
    club = program(
        {"rule": AMOUNT},
        {"rule": 3, "rule_id": "status", "point_currency": "status"},
        {"rule": {"*": [BASE, 2]}, "rule_id": "a", "kind": "bonus"},
        {"rule": {"*": [BASE, 2]}, "rule_id": "b", "kind": "bonus", "point_currency": "status"},
        point_currencies=[{"code": "points", "name": "P"}, {"code": "status", "name": "S", "scale": 2}],
    )
    assert points(Till(club).buys("10")) == [("earn", 10), ("status", 300), ("a", 20), ("b", 600)]


def test_a_condition_decides_whether_a_rule_applies() -> None:
    """It is asked before the points."""
    club = program({"rule": AMOUNT, "condition": {"==": [{"var": "weekday"}, 6]}})
    assert points(Till(club).buys(at="2026-03-07T10:00:00Z")) == [("earn", 100)]
    monday = Till(club).buys(at="2026-03-02T10:00:00Z")
    assert (points(monday), statuses(monday)) == ([], [Status.NOT_MET])


def test_days_and_hours_are_those_of_the_program_s_calendar() -> None:
    """Half past eleven on a Saturday night in UTC is Sunday in Berlin."""
    club = program({"rule": {"+": [{"*": [{"var": "weekday"}, 100]}, {"var": "hour"}]}})
    assert points(Till(club).buys(at="2026-03-07T23:30:00Z")) == [("earn", 700)]
    assert points(Till(club).buys(at="2026-03-07T22:30:00Z")) == [("earn", 623)]


def test_of_a_group_the_highest_priority_gives_points_then_the_most() -> None:
    """And it says which one took its place."""
    club = program(
        {"rule": 5, "rule_id": "low", "group": "offers"},
        {"rule": 9, "rule_id": "most", "group": "offers"},
        {"rule": 9, "rule_id": "as-many", "group": "offers"},
        {"rule": 1, "rule_id": "alone"},
    )
    priced = Till(club).buys()
    assert points(priced) == [("most", 9), ("alone", 1)]
    assert [outcome.outbid_by for outcome in priced.outcomes] == ["most", "", "most", ""]
    first = program(
        {"rule": 5, "rule_id": "low", "group": "offers", "priority": 2},
        {"rule": 9, "rule_id": "most", "group": "offers", "priority": 1},
        {"rule": 0, "rule_id": "none", "group": "offers", "priority": 3},
    )
    assert points(Till(first).buys()) == [("low", 5)]


def test_caps_per_purchase_day_month_and_year_cut_what_is_left() -> None:
    """Each says how much it took; days, months and years are counted by the effective date."""
    caps = [{"period": period, "points": most} for period, most in (("purchase", 80), ("day", 100), ("month", 150))]
    till = Till(program({"rule": AMOUNT, "caps": [*caps, {"period": "year", "points": 170}]}))
    given = [
        till.buys(at=at)
        for at in (
            "2026-03-02T10:00:00Z",
            "2026-03-02T11:00:00Z",
            "2026-03-02T12:00:00Z",
            "2026-03-09T10:00:00Z",
            "2026-04-01T10:00:00Z",
            "2027-04-01T10:00:00Z",
        )
    ]
    assert [sum(one for _, one in points(priced)) for priced in given] == [80, 20, 0, 50, 20, 80]
    assert statuses(given[2]) == [Status.CAPPED]
    cuts = [(cut.limit, cut.used_points, cut.from_points, cut.to_points) for cut in given[3].outcomes[0].cuts]
    assert cuts == [("purchase", 0, 100, 80), ("month", 100, 80, 50)]


def test_a_capped_base_is_what_bonus_rules_read() -> None:
    """A bonus on points that were not given would be points for nothing."""
    club = program(
        {"rule": AMOUNT, "caps": [{"period": "purchase", "points": 10}]},
        {"rule": BASE, "rule_id": "again", "kind": "bonus"},
    )
    assert points(Till(club).buys()) == [("earn", 10), ("again", 10)]


def test_a_budget_is_shared_by_all_members_and_runs_out() -> None:
    """What was drawn is told with each purchase."""
    till = Till(program({"rule": AMOUNT, "budget_points": 150}))
    first, second, third = till.buys(), till.buys(), till.buys()
    assert [points(one) for one in (first, second, third)] == [[("earn", 100)], [("earn", 50)], []]
    assert second.draws() == [BudgetDrawn("earn", 50, "s", "t", second.command.occurred_at)]
    assert third.outcomes[0].cuts[0].limit == "budget"


def test_a_rule_applies_from_its_first_day_to_the_day_before_its_last() -> None:
    """Both are dates of the program's calendar."""
    till = Till(program({"rule": 1, "valid_from": "2026-03-02", "valid_until": "2026-03-04"}))
    days = ["2026-03-01T22:59:00Z", "2026-03-01T23:00:00Z", "2026-03-03T22:59:00Z", "2026-03-03T23:00:00Z"]
    assert [bool(points(till.buys(at=day))) for day in days] == [False, True, True, False]


BASKET = [
    {"amount": "3.40", "category": "bread", "quantity": "2"},
    {"amount": "60.00", "category": "fuel", "quantity": "35.5", "attributes": {"octane": 95}},
    {"amount": "7.70", "category": "bread", "line": "last"},
]
FUEL = {"name": "octane", "type": "int", "of": "line", "null_as": "0"}


def test_a_rule_per_line_sums_the_lines_that_meet_its_condition() -> None:
    """And rounds the sum, not each of them."""
    club = program(
        {
            "rule": {"*": [{"var": "line_amount"}, 0.9]},
            "condition": {"==": [{"var": "line_category"}, "bread"]},
            "per": "line",
        },
        {
            "rule": {"var": "line_quantity"},
            "condition": {">": [{"var": "line_octane"}, 0]},
            "rule_id": "l",
            "per": "line",
        },
        attributes=[FUEL],
    )
    priced = Till(club).buys("71.10", lines=BASKET)
    assert points(priced) == [("earn", 9), ("l", 35)]
    assert priced.outcomes[0].exact == Decimal("9.99")
    assert [line.line for line in priced.command.lines] == ["1", "2", "last"]
    assert statuses(Till(club).buys("71.10")) == [Status.NOT_MET, Status.NOT_MET]


def test_account_facts_are_those_from_before_the_purchase() -> None:
    """The first purchase has none before it."""
    first = {"rule": 100, "condition": {"==": [{"var": "purchase_count"}, 0]}, "rule_id": "welcome"}
    back = {"rule": 50, "condition": {">": [{"var": "last_purchase_days_ago"}, 90]}, "rule_id": "back"}
    spent = {"rule": {"var": "lifetime_spend"}, "rule_id": "spent"}
    held = {"rule": {"var": "balance_points"}, "rule_id": "held"}
    till = Till(program(first, back, spent, held))
    assert points(till.buys("10")) == [("welcome", 100), ("back", 50)]
    assert points(till.buys("10")) == [("spent", 10), ("held", 150)]
    assert points(till.buys("10", at="2026-08-02T10:00:00Z")) == [("back", 50), ("spent", 20), ("held", 310)]


@pytest.mark.parametrize(
    ("rounding", "scale", "expected"),
    [("floor", None, 1234), ("floor", -1, 1230), ("half_up", -2, 1200), ("ceil", -2, 1300), ("half_up", 0, 1235)],
)
def test_points_are_rounded_to_the_rule_s_scale(rounding: str, scale: int | None, expected: int) -> None:
    """Which may be coarser than the point currency's."""
    club = program({"rule": AMOUNT, "rounding": rounding, "rounding_scale": scale})
    assert points(Till(club).buys("1234.56")) == [("earn", expected)]


def test_points_are_rounded_to_the_currency_s_scale() -> None:
    """Kept fractions are smaller units."""
    club = program(
        {"rule": AMOUNT}, {"rule": AMOUNT, "rounding_scale": 1, "rounding": "half_up", "rule_id": "tenths"}, scale=2
    )
    assert points(Till(club).buys("12.37")) == [("earn", 1237), ("tenths", 1240)]


def test_dates_of_points_are_the_rule_s_or_else_the_currency_s() -> None:
    """Availability and expiry each by themselves."""
    currency = {
        "code": "points",
        "name": "P",
        "expiry": {"type": "after", "months": 6, "end_of": "month"},
        "availability": {"type": "after_days", "days": 14},
    }
    club = program(
        {"rule": 1},
        {"rule": 2, "rule_id": "own", "expiry": {"type": "never"}, "availability": {"type": "immediately"}},
        point_currencies=[currency],
    )
    awards = Till(club).buys(at="2026-03-31T10:00:00Z").command.awards
    assert [(one.available_from, one.expires_on) for one in awards] == [
        (date(2026, 4, 14), date(2026, 10, 1)),
        (date(2026, 3, 31), None),
    ]


DECLARED = [
    {"name": "tender", "type": "str", "enum": ["cash", "card"], "required": True},
    {"name": "nights", "type": "int"},
    {"name": "taxes", "type": "decimal", "unit": "money"},
    {"name": "stay", "type": "date"},
    {"name": "member_rate", "type": "bool"},
    {"name": "tags", "type": "list[str]"},
]


def test_rules_read_what_the_program_declares() -> None:
    """Amounts digit by digit, dates as dates, lists as lists."""
    club = program(
        {"rule": {"-": [AMOUNT, {"var": ["taxes", 0]}]}, "condition": {"==": [{"var": "tender"}, "card"]}},
        {"rule": {"var": ["nights", 0]}, "rule_id": "nights", "condition": {"var": "member_rate"}},
        {"rule": 1, "rule_id": "vip", "condition": {"in": ["vip", {"var": "tags"}]}},
        {"rule": 1, "rule_id": "late", "condition": {">": [{"var": "stay"}, "2026-03-01"]}},
        attributes=DECLARED,
    )
    given = {
        "tender": "card",
        "nights": 3,
        "taxes": "10.50",
        "stay": "2026-03-02",
        "member_rate": True,
        "tags": ["vip"],
    }
    assert points(Till(club).buys("100", attributes=given)) == [("earn", 89), ("nights", 3), ("vip", 1), ("late", 1)]


@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [
        ({}, "/attributes/tender"),
        ({"tender": "gold"}, "/attributes/tender"),
        ({"tender": "card", "colour": "red"}, "/attributes/colour"),
        ({"tender": "card", "nights": "1.5"}, "/attributes/nights"),
        ({"tender": "card", "nights": True}, "/attributes/nights"),
        ({"tender": "card", "taxes": "1e5"}, "/attributes/taxes"),
        ({"tender": "card", "taxes": "NaN"}, "/attributes/taxes"),
        ({"tender": "card", "taxes": "ten"}, "/attributes/taxes"),
        ({"tender": "card", "taxes": "1" * 40}, "/attributes/taxes"),
        ({"tender": "card", "stay": "20260302"}, "/attributes/stay"),
        ({"tender": "card", "stay": 5}, "/attributes/stay"),
        ({"tender": "card", "stay": "soon"}, "/attributes/stay"),
        ({"tender": "card", "member_rate": 1}, "/attributes/member_rate"),
        ({"tender": "card", "tags": "vip"}, "/attributes/tags"),
        ({"tender": "card", "tags": ["\x00"]}, "/attributes/tags"),
        ({"tender": 5}, "/attributes/tender"),
    ],
)
def test_attributes_that_are_not_as_declared_are_refused(attributes: dict[str, Any], pointer: str) -> None:
    """With the place of the first that is wrong."""
    with pytest.raises(InvalidAttributes) as refusal:
        Till(program({"rule": 1}, attributes=DECLARED)).buys(attributes=attributes)
    assert refusal.value.pointer == pointer


def test_attributes_of_lines_are_checked_too() -> None:
    """The pointer leads to the line."""
    with pytest.raises(InvalidAttributes) as refusal:
        Till(program({"rule": 1})).buys(lines=[{"amount": "1"}, {"amount": "1", "attributes": {"octane": 95}}])
    assert refusal.value.pointer == "/lines/1/attributes/octane"
