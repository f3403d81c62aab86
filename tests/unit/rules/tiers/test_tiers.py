"""Who holds which tier, what time does to it, and what is told of it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ledger.account.commands import ChangeTier
from ledger.account.deciding.standing import tier_event
from ledger.account.evolve import evolve
from ledger.account.state import Account, Held
from ledger.program.ladders import Ladder
from ledger.program.terms import Terms
from rules.tiers.changing import at_end, period_closed
from rules.tiers.facts import tier_readers, tier_variables
from rules.tiers.holding import earned, next_change, tier_on
from rules.tiers.plans import LadderPlan, ladder_plan
from rules.tiers.progress import progress_on

NOON = datetime(2027, 1, 1, 12, tzinfo=UTC)
TIERS: list[dict[str, Any]] = [
    {"code": "base", "name": "Base", "benefits": {"times": "1", "colour": "white", "lounge": False, "level": 1}},
    {
        "code": "silver",
        "name": "Silver",
        "any_of": [{"counter": "points", "at_least": "10"}, {"counter": "visits", "at_least": "3"}],
        "benefits": {"times": "1.5", "colour": "grey", "lounge": False, "level": "two"},
    },
    {
        "code": "gold",
        "name": "Gold",
        "any_of": [{"counter": "points", "at_least": "20"}, {"counter": "visits", "at_least": "6"}],
        "all_of": [{"counter": "spend", "at_least": "50"}],
        "benefits": {"times": "2", "colour": "yellow", "lounge": True, "level": 3},
    },
]
COUNTERS = [
    {"code": "points", "of": "points"},
    {"code": "visits", "of": "purchases"},
    {"code": "spend", "of": "spend"},
]


def terms(**more: Any) -> Terms:
    """Return terms with one ladder."""
    ladder = {"code": "club", "tiers": TIERS, "counters": COUNTERS, **more}
    currencies = [{"code": "points", "name": "P", "scale": 1, "qualifying": True}]
    earn = {"rule": "1", "point_currency": "points"}
    return msgspec.convert({"point_currencies": currencies, "earn": earn, "ladders": [ladder]}, Terms)


def plan(**more: Any) -> LadderPlan:
    """Return the ladder, ready to be asked."""
    written = terms(**more)
    return ladder_plan(written.ladders[0], written, "EUR")


def member(held: Held | None = None, **counters: int) -> Account:
    """Return an account with counters of 2026."""
    account = Account("club", "m", date(2026, 1, 1))
    account.counters = {f"club:{name}": {"2026": amount} for name, amount in counters.items()}
    if held:
        account.tiers["club"] = held
    return account


@pytest.mark.parametrize(
    ("amounts", "rank"),
    [
        ({}, 0),
        ({"points": 99}, 0),
        ({"points": 100}, 1),
        ({"visits": 3}, 1),
        ({"points": 200}, 1),
        ({"points": 200, "spend": 4999}, 1),
        ({"points": 200, "spend": 5000}, 2),
        ({"visits": 6, "spend": 5000}, 2),
        ({"spend": 5000}, 0),
    ],
)
def test_a_tier_takes_all_of_some_and_one_of_others(amounts: dict[str, int], rank: int) -> None:
    """In the smallest unit of what counts."""
    assert rank == earned(plan(), amounts)


def test_min_points_are_short_for_a_threshold_of_the_first_counter_of_points() -> None:
    """In major units."""
    tiers = [{"code": "gold", "name": "G", "min_points": 5}]
    short = plan(tiers=tiers)
    assert [earned(short, {"points": points}) for points in (49, 50)] == [-1, 0]
    assert short.lowest == ""
    assert plan().lowest == "base"
    assert short.rank("other") == -1


def test_a_tier_is_held_to_its_end_and_through_its_grace() -> None:
    """Then the member falls to what was qualified for meanwhile."""
    held = Held("gold", {"gold": date(2027, 1, 1), "silver": date(2028, 1, 1), "gone": None})
    graced = plan(grace_days=10)
    assert [tier_on(graced, held, date(2027, 1, 10)), tier_on(graced, held, date(2027, 1, 11))] == ["gold", "silver"]
    assert next_change(graced, held, date(2026, 5, 1)) == date(2027, 1, 11)
    assert next_change(graced, None, date(2026, 5, 1)) is None
    assert tier_on(graced, None, date(2027, 1, 1)) == "base"
    assert tier_on(plan(tiers=TIERS[1:]), None, date(2027, 1, 1)) == ""


def test_one_step_at_a_time_is_a_year_for_each() -> None:
    """From the day on which the higher one ended."""
    slow = plan(downgrade="one_step")
    held = Held("gold", {"gold": date(2028, 2, 29)})
    days = ["2028-02-28", "2028-02-29", "2029-02-27", "2029-02-28"]
    assert [tier_on(slow, held, date.fromisoformat(day)) for day in days] == ["gold", "silver", "silver", "base"]


def test_recording_the_end_of_a_tier_secures_nothing() -> None:
    """On the way down a tier is held for a year, whether or not anybody wrote down that it began."""
    slow = plan(downgrade="one_step")
    account = member(Held("gold", {"gold": date(2027, 1, 1)}, {"gold": "2026"}))
    (command,) = at_end([slow], account, NOON, date(2027, 1, 1))
    assert isinstance(command, ChangeTier)
    assert (command.tier, command.reason, command.valid_until) == ("silver", "lapsed", date(2028, 1, 1))
    account = evolve(account, tier_event(account, command, {}))
    assert (account.tiers["club"].tier, list(account.tiers["club"].secured)) == ("silver", ["gold"])
    assert tier_on(slow, account.tiers["club"], date(2028, 1, 1)) == "base"
    assert at_end([slow], account, NOON, date(2027, 6, 1)) == []
    assert at_end([slow], member(), NOON, date(2027, 6, 1)) == []


def test_the_end_of_a_period_tells_what_counted_and_what_goes_on() -> None:
    """What exceeds the tier goes into the next."""
    rolling = plan(rollover={"counter": "visits", "maximum": 5})
    account = member(Held("silver", {"silver": date(2028, 1, 1)}), visits=5)
    closed = period_closed(rolling, account, date(2026, 12, 31), NOON, date(2027, 1, 1))
    assert (closed.period, closed.counted, closed.carried) == ("2026", {"visits": 5}, {"visits": 2})
    assert closed.tier == "silver"


def test_rules_read_the_tier_its_benefits_and_the_period() -> None:
    """With and without the ladder's name, each of its own type."""
    variables = {one.name: one.type for one in tier_variables(terms())}
    assert (variables["tier"], variables["benefit_times"], variables["benefit_club_lounge"]) == (
        "str",
        "decimal",
        "bool",
    )
    assert (variables["benefit_colour"], variables["benefit_level"]) == ("str", "str")
    readers = tier_readers([plan()])
    account = member(Held("gold", {"gold": None}), points=55, spend=1234)
    on = date(2026, 5, 1)
    read = {name: readers[name](account, on) for name in readers}
    assert (read["tier"], read["benefit_times"], read["benefit_lounge"]) == ("gold", Decimal(2), True)
    assert (read["benefit_level"], read["period_points"], read["period_spend"]) == (
        "3",
        Decimal("5.5"),
        Decimal("12.34"),
    )
    assert readers["tier_club"](None, on) == "base"
    assert readers["period_points"](None, on) == 0
    nothing = tier_readers([plan(tiers=TIERS[1:])])
    assert (nothing["tier"](None, on), nothing["benefit_times"](None, on)) == (None, None)


def test_a_benefit_that_is_no_number_for_some_is_a_text() -> None:
    """Not a number, and no infinite one either."""
    tiers = [{"code": "a", "name": "A", "benefits": {"x": "Infinity", "y": True, "z": 1}}]
    tiers += [{"code": "b", "name": "B", "min_points": 1, "benefits": {"x": 1, "y": 2, "z": "2"}}]
    variables = {one.name: one.type for one in tier_variables(terms(tiers=tiers))}
    assert [variables[f"benefit_{name}"] for name in "xyz"] == ["str", "str", "decimal"]


def test_a_member_is_told_what_is_missing() -> None:
    """To the tier above both what is held and what was earned, and when the one that is held ends."""
    on = date(2026, 5, 1)
    (first,) = progress_on([plan()], member(points=30), on)
    assert (first.tier, first.valid_until, first.drop) == ("base", None, None)
    assert first.next is not None
    assert (first.next.tier, first.next.by) == ("silver", date(2026, 12, 31))
    assert first.text == "Base; 7.0 points or 3 visits to Silver by 2026-12-31."
    held = Held("silver", {"silver": date(2027, 1, 1)})
    (second,) = progress_on([plan()], member(held, points=100, spend=1000), on)
    assert second.next is not None
    assert second.text.startswith("Silver; 40.00 spend and 10.0 points or 6 visits to Gold")
    assert second.text.endswith("drops to Base on 2027-01-01 unless it is earned again.")
    (top,) = progress_on([plan()], member(Held("gold", {"gold": None})), on)
    assert (top.next, top.drop, top.text) == (None, None, "Gold.")
    lone = plan(tiers=[{"code": "vip", "name": "VIP", "min_points": 9}], window={"type": "lifetime"})
    (none,) = progress_on([lone], member(), on)
    assert (none.tier, none.text) == (None, "No tier yet; 9.0 points to VIP.")
    (ends,) = progress_on([lone], member(Held("vip", {"vip": date(2027, 1, 1)})), on)
    assert ends.text == "VIP; ends on 2027-01-01 unless it is earned again."


def test_a_counter_of_no_point_currency_has_no_decimal_places() -> None:
    """Its ladder may outlive the currency."""
    ladder = msgspec.convert(
        {"code": "l", "tiers": [TIERS[0]], "counters": [{"code": "p", "of": "points", "point_currency": "old"}]}, Ladder
    )
    assert ladder_plan(ladder, terms(), "EUR").scales == {"p": 0}
