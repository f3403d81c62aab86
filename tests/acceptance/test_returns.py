"""Purchases that come back: what is taken away, what is given back, and that nothing is twice."""

from typing import Any

import pytest

from tests.acceptance.conftest import Client
from tests.acceptance.desk import A_POINT_A_EURO, Desk, open_desk, publish

RETURNS = "purchases/T/returns?source=till-1"
SALE, BACK = "2026-03-01", "2026-03-05"
BASKET = [
    {"line": "1", "amount": "60.00", "quantity": "3", "category": "shirts"},
    {"line": "2", "amount": "40.00", "category": "shoes"},
]


def sold(client: Client, amount: str = "100.00", lines: Any = (), **terms: Any) -> Desk:
    """Publish a program, and sell something."""
    desk = open_desk(client, **terms)
    desk.buy(0, SALE, transaction_id="T", amount=amount, lines=lines)
    return desk


def test_a_full_return_takes_everything_back(client: Client) -> None:
    """Points, the amount that rules read, and the story says so."""
    desk = sold(client)
    back = desk.done(RETURNS, BACK, return_id="X", reason="too small")
    assert (back["kind"], back["amount_minor"], back["currency"]) == ("account.purchase_returned.v1", 10000, "EUR")
    assert back["taken"] == [{"lot": 1, "point_currency": "points", "points": 100}]
    assert back["balances"] == {"points": 0}
    balance = desk.balance(BACK)
    assert (balance["accrued_points"], balance["clawed_back_points"], balance["owed_points"]) == (100, 100, 0)


def test_parts_by_amount_never_come_to_more_than_was_bought(client: Client) -> None:
    """What remains is priced again; the last part takes the rest, and then nothing is left."""
    desk = sold(client)
    assert desk.done(RETURNS, BACK, amount="30.50")["balances"] == {"points": 69}
    problem = desk.refused(RETURNS, BACK, "return-exceeds-purchase", amount="69.51")
    assert (problem["pointer"], problem["left_minor"]) == ("/amount", 6950)
    assert desk.done(RETURNS, BACK, amount="0.50")["balances"] == {"points": 69}
    assert desk.done(RETURNS, BACK)["amount_minor"] == 6900
    assert desk.balance(BACK)["balance_points"] == 0
    desk.refused(RETURNS, BACK, "return-exceeds-purchase", amount="0.01")
    desk.refused(RETURNS, BACK, "return-exceeds-purchase")
    desk.refused(RETURNS, BACK, "return-exceeds-purchase", amount="0")


def test_parts_by_line_never_come_to_more_than_was_bought(client: Client) -> None:
    """By piece, with a third of the line's amount each; the last piece takes what rounding left."""
    lines = [{"line": "1", "amount": "100.00", "quantity": "3"}, {"line": "2", "amount": "5.00"}]
    desk = sold(client, "105.00", lines)
    one = {"lines": [{"line": "1", "quantity": "1"}]}
    assert [desk.done(RETURNS, BACK, **one)["amount_minor"] for _ in range(3)] == [3333, 3333, 3334]
    assert desk.refused(RETURNS, BACK, "return-exceeds-purchase", **one)["pointer"] == "/lines/0/line"
    assert desk.balance(BACK)["balance_points"] == 5
    for asked, slug, pointer in (
        ({"line": "3"}, "unknown-line", "/lines/0/line"),
        ({"line": "2", "quantity": "1.5"}, "return-exceeds-purchase", "/lines/0/quantity"),
        ({"line": "2", "quantity": "-1"}, "return-exceeds-purchase", "/lines/0/quantity"),
        ({"line": "2", "quantity": "NaN"}, "return-exceeds-purchase", "/lines/0/quantity"),
        ({"line": "2", "amount": "5.01"}, "return-exceeds-purchase", "/lines/0/amount"),
        ({"line": "2", "amount": "1.001"}, "invalid-amount", "/lines/0/amount"),
    ):
        assert desk.refused(RETURNS, BACK, slug, lines=[asked])["pointer"] == pointer
    twice = desk.refused(RETURNS, BACK, "return-exceeds-purchase", lines=[{"line": "2"}, {"line": "2"}])
    assert twice["pointer"] == "/lines/1/line"
    assert desk.done(RETURNS, BACK, lines=[{"line": "2"}])["balances"] == {"points": 0}


def test_rules_per_line_lose_what_their_line_gave(client: Client) -> None:
    """The other lines keep what they earned."""
    shoes = {"==": [{"var": "line_category"}, "shoes"]}
    earn = {"rule": {"*": [{"var": "line_amount"}, 2]}, "point_currency": "points", "per": "line", "condition": shoes}
    desk = sold(client, lines=BASKET, earn=[earn])
    assert desk.done(RETURNS, BACK, lines=[{"line": "1"}])["changes"] == []
    back = desk.done(RETURNS, BACK, lines=[{"line": "2"}])
    assert back["changes"] == [{"rule": "earn", "point_currency": "points", "before_points": 80, "after_points": 0}]
    assert back["balances"] == {"points": 0}


def test_the_purchase_pays_from_its_own_lots_first(client: Client) -> None:
    """Then from those that would be used next; so who still has the points loses no others."""
    desk = sold(client, point_currencies=[{"code": "points", "name": "Points", "expiry_months": 12}])
    desk.buy(50, "2026-02-01")
    desk.buy(50, "2026-03-02")
    desk.done("redemptions", "2026-03-03", points=70)
    # 50 came from the older lot, 20 from the purchase that comes back.
    back = desk.done(RETURNS, BACK)
    assert [(one["lot"], one["points"]) for one in back["taken"]] == [(1, 80), (3, 20)]
    assert (back["balances"], back.get("debts")) == ({"points": 30}, {})


def test_spent_points_are_owed_and_paid_back_by_later_ones(client: Client) -> None:
    """The balance is negative, nothing can be spent, and what pays it back names what left the debt."""
    desk = sold(client)
    desk.done("redemptions", "2026-03-02", points=100)
    back = desk.done(RETURNS, BACK, return_id="X")
    assert (back["debts"], back["balances"]) == ({"points": 100}, {"points": -100})
    balance = desk.balance(BACK)
    assert (balance["available_points"], balance["owed_points"]) == (0, 100)
    paid = desk.buy(30, "2026-03-06")
    assert paid["repaid"] == [{"lot": 2, "point_currency": "points", "points": 30, "debt": "X"}]
    problem = desk.refused("redemptions", "2026-03-06", "insufficient-points", points=1)
    assert problem["available_points"] == 0
    assert desk.done("accruals", "2026-03-06", points=90, reason="gift")["repaid"][0]["points"] == 70
    balance = desk.balance("2026-03-07")
    assert (balance["available_points"], balance["owed_points"], balance["balance_points"]) == (20, 0, 20)


def test_within_the_balance_nobody_owes(client: Client) -> None:
    """What is there is taken, the rest written off."""
    desk = sold(client, returns={"beyond": "within_balance"})
    desk.done("redemptions", "2026-03-02", points=70)
    back = desk.done(RETURNS, BACK)
    assert (back["written_off"], back["balances"]) == ({"points": 70}, {"points": 0})
    assert desk.buy(10, "2026-03-06")["balances"] == {"points": 10}


def test_a_waterfall_takes_the_worth_off_the_refund(client: Client) -> None:
    """What was spent is worth so much of the refund, and no more than the refund."""
    desk = sold(client, returns={"beyond": "waterfall"})
    desk.done("redemptions", "2026-03-02", points=70)
    back = desk.done(RETURNS, BACK)
    assert (back["refund_reduction_minor"], back["written_off"]) == (70, {"points": 70})
    assert back["balances"] == {"points": 0}


def test_nobody_is_asked_twice_for_what_lapsed(client: Client) -> None:
    """Points that nobody has any more are not taken from other lots; but those that were spent are, in every part."""
    currency = {"code": "points", "name": "Points", "expiry": {"type": "after", "days": 30}}
    desk = sold(client, point_currencies=[currency])
    desk.done("redemptions", "2026-03-02", points=80)
    desk.done("accruals", "2026-04-02", points=500, reason="gift")
    desk.done("reinstatements", "2026-04-02", points=1, reason="so that it is recorded that 20 lapsed")
    first = desk.done(RETURNS, "2026-04-03", amount="50.00")
    assert (first["written_off"], sum(one["points"] for one in first["taken"])) == ({"points": 20}, 30)
    second = desk.done(RETURNS, "2026-04-03", amount="50.00")
    assert (second["written_off"], sum(one["points"] for one in second["taken"])) == ({}, 50)


def test_lots_that_lapsed_unrecorded_are_not_asked_for_either(client: Client) -> None:
    """Dates decide, whether or not a worker has said so."""
    currency = {"code": "points", "name": "Points", "expiry": {"type": "after", "days": 30}}
    desk = sold(client, point_currencies=[currency])
    desk.done("accruals", "2026-04-02", points=500, reason="gift")
    back = desk.done(RETURNS, "2026-04-03")
    assert back["taken"] == [{"lot": 1, "point_currency": "points", "points": 100}]
    assert desk.available("2026-04-03") == 500


def test_caps_are_given_back(client: Client) -> None:
    """What a return takes away can be earned again in the same month."""
    desk = sold(client, earn=[A_POINT_A_EURO | {"caps": [{"period": "month", "points": 120}]}])
    assert desk.buy(100, "2026-03-02")["balances"] == {"points": 120}
    desk.done(RETURNS, BACK, amount="60.00")
    assert desk.buy(100, "2026-03-06")["balances"] == {"points": 120}


def test_budgets_are_given_back(client: Client) -> None:
    """What a return takes away is there for the next member."""
    desk = sold(client, earn=[A_POINT_A_EURO | {"budget_points": 120}])
    client.enrol("2")
    assert desk.buy(100, "2026-03-02", member="card:2")["balances"] == {"points": 20}
    desk.done(RETURNS, BACK)
    assert desk.buy(200, "2026-03-06", member="card:2")["balances"] == {"points": 120}


def test_another_rule_of_the_group_may_win_for_what_remains(client: Client) -> None:
    """With a basket that is smaller, the offer does not hold any more, and the ordinary rule gives instead."""
    big = {">=": [{"var": "transaction_amount"}, 100]}
    earn = [
        A_POINT_A_EURO | {"rule_id": "ordinary", "group": "g"},
        {"rule": 500, "point_currency": "points", "rule_id": "offer", "group": "g", "condition": big},
    ]
    desk = sold(client, lines=BASKET, earn=earn)
    assert desk.balance(SALE)["balance_points"] == 500
    back = desk.done(RETURNS, BACK, lines=[{"line": "1", "quantity": "1"}])
    assert {one["rule"]: (one["before_points"], one["after_points"]) for one in back["changes"]} == {
        "ordinary": (0, 80),
        "offer": (500, 0),
    }
    assert back["balances"] == {"points": 80}
    assert desk.lots()[0]["earned_on"] == SALE
    assert desk.done(RETURNS, BACK)["balances"] == {"points": 0}


def test_points_that_had_paid_come_back_in_the_same_call(client: Client) -> None:
    """To their lots, with the expiry that they had; parts too; and never twice."""
    currencies = [{"code": "points", "name": "Points", "expiry_months": 12}]
    desk = open_desk(client, point_currencies=currencies)
    desk.buy(200, "2026-02-01")
    desk.done("redemptions", SALE, redemption_id="R", points=150)
    desk.buy(100, SALE, transaction_id="T")
    some = [{"redemption_id": "R", "points": 50}]
    assert desk.done(RETURNS, BACK, amount="50.00", redemptions=some)["balances"] == {"points": 150}
    assert desk.done(RETURNS, BACK, redemptions=[{"redemption_id": "R"}])["balances"] == {"points": 200}
    assert [(one["open_points"], one["expires_on"]) for one in desk.lots()] == [(200, "2027-02-01")]
    desk.refused("redemptions/R/reversal", BACK, "redemption-already-reversed", reason="again")


def test_a_return_with_a_redemption_that_cannot_come_back_is_refused_whole(client: Client) -> None:
    """Nothing of it is booked."""
    desk = sold(client)
    desk.done("redemptions", SALE, redemption_id="R", points=10)
    for one, slug in (
        ({"redemption_id": "R9"}, "unknown-redemption"),
        ({"redemption_id": "R", "points": 11}, "invalid-points"),
    ):
        desk.refused(RETURNS, BACK, slug, redemptions=[one])
    twice = [{"redemption_id": "R"}, {"redemption_id": "R"}]
    desk.refused(RETURNS, BACK, "redemption-already-reversed", redemptions=twice)


def test_the_version_of_the_day_of_the_sale_says_what_is_taken_back(client: Client) -> None:
    """Whatever was published since."""
    desk = sold(client)
    publish(client, "2026-03-03T00:00:00Z", earn={"rule": 7, "point_currency": "points"})
    back = desk.done(RETURNS, BACK, amount="25.00")
    assert (back["program_version"], back["balances"]) == (1, {"points": 75})
    assert desk.buy(10, BACK)["balances"] == {"points": 82}


def test_a_return_can_be_sent_again(client: Client) -> None:
    """One return id is one return: another body is refused, another source is another return."""
    desk = sold(client)
    first = desk.done(RETURNS, BACK, return_id="X", amount="30.00")
    again = desk.send(RETURNS, BACK, return_id="X", amount="30")
    assert (again.status, again.json) == (200, first | {"replayed": True})
    for changes in ({"amount": "31.00"}, {"lines": [{"line": "1"}]}, {"redemptions": [{"redemption_id": "R"}]}):
        desk.refused(RETURNS, BACK, "key-reused", **{"return_id": "X", "amount": "30.00"} | changes)
    desk.buy(10, SALE, transaction_id="U")
    other = RETURNS.replace("/T/", "/U/")
    desk.refused(other, BACK, "key-reused", return_id="X", amount="30.00")
    desk.done(RETURNS, BACK, return_id="X", source="till-2", amount="30.00")


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("purchases/T9/returns?source=till-1", "unknown-purchase"),
        ("purchases/T/returns?source=till-2", "unknown-purchase"),
        ("purchases/T/returns", "invalid-input"),
    ],
)
def test_an_unknown_purchase_is_told(lone_client: Client, path: str, slug: str) -> None:
    """A purchase is named by its source and its id."""
    sold(lone_client).refused(path, BACK, slug)


def test_a_purchase_of_nothing_comes_back_once(client: Client) -> None:
    """A gift has no amount, and can be returned all the same."""
    earn = {"rule": 5, "point_currency": "points"}
    desk = sold(client, "0", earn=earn)
    assert desk.done(RETURNS, BACK)["balances"] == {"points": 0}
    desk.refused(RETURNS, BACK, "return-exceeds-purchase")
