from datetime import date

import pytest

from ledger.account.commands import MAX_POINTS, Accrue, Award, PostPurchase
from ledger.account.errors import InvalidPoints
from ledger.account.events import Accrual, PointsAccrued, PurchasePosted
from ledger.account.state import Lot
from ledger.streams import ACCOUNT
from tests.spec import spec
from tests.unit.ledger.account.facts import (
    NOON,
    OPENED,
    TODAY,
    accrue,
    accrued,
    award,
    lot,
    post_purchase,
    purchase_posted,
    redeem,
    redeemed,
)

NEXT_MONTH = date(2026, 4, 15)
NEXT_YEAR = date(2027, 3, 15)

account = spec(ACCOUNT).given(OPENED)


def test_a_purchase_is_booked_with_everything_it_earned() -> None:
    """Base and bonus points are in the same fact, each with a lot of its own."""
    account.when(
        PostPurchase(
            "store-330",
            "t-4711",
            NOON,
            TODAY,
            24990,
            "CHF",
            3,
            (
                Award("points", 249, TODAY, NEXT_YEAR, "base", "earn"),
                Award("points", 50, NEXT_MONTH, NEXT_YEAR, "bonus", "spring", "partner:bakery"),
                Award("status", 249, TODAY, None),
            ),
        ),
    ).then(
        PurchasePosted(
            "store-330",
            "t-4711",
            NOON,
            TODAY,
            24990,
            "CHF",
            3,
            (
                Accrual(1, "points", 249, TODAY, NEXT_YEAR, "base", "earn", "own"),
                Accrual(2, "points", 50, NEXT_MONTH, NEXT_YEAR, "bonus", "spring", "partner:bakery"),
                Accrual(3, "status", 249, TODAY, None, "base", "", "own"),
            ),
            {"points": 299, "status": 249},
        ),
    )


def test_points_without_a_purchase_are_booked_with_their_reason() -> None:
    """An accrual names who gave the points and why."""
    account.when(
        Accrue("service-desk", "a-1", NOON, TODAY, "goodwill", (Award("points", 500, TODAY, NEXT_YEAR),)),
    ).then(
        PointsAccrued(
            "service-desk",
            "a-1",
            NOON,
            TODAY,
            "goodwill",
            (Accrual(1, "points", 500, TODAY, NEXT_YEAR),),
            {"points": 500},
        ),
    )


def test_a_lot_keeps_its_dates() -> None:
    """Points are earned on the effective date; a backdated purchase earns them back then."""
    earned_on = date(2025, 12, 24)
    state = account.given(
        purchase_posted(lot(1, 80, available_from=NEXT_MONTH, expires_on=NEXT_YEAR), on=earned_on),
    ).state()
    assert {1: Lot(1, 80, earned_on, NEXT_MONTH, NEXT_YEAR)} == state.books["points"].lots


def test_lots_are_numbered_through_across_facts_and_point_currencies() -> None:
    """The number of a lot that is used up is not given again."""
    (
        account.given(accrued(lot(1, 10), lot(2, 20, "status")))
        .when(redeem(10))
        .then(redeemed(redeem(10), {1: 10}, {"points": 0, "status": 20}))
        .when(post_purchase(award(5)))
        .then(purchase_posted(lot(3, 5), balances={"points": 5, "status": 20}))
        .when(accrue(award(7, "status"), award(8)))
        .then(accrued(lot(4, 7, "status"), lot(5, 8), balances={"points": 13, "status": 27}))
    )


def test_a_purchase_that_earns_nothing_is_booked_without_a_lot() -> None:
    """It happened, so it is a fact; it opens no book."""
    for command in (post_purchase(), post_purchase(award(0)), post_purchase(award(0), award(0, "status"))):
        after = account.when(command).then(purchase_posted())
        state = after.state()
        assert (state.books, state.lot_count, state.purchase_count, state.last_purchase_on) == ({}, 0, 1, TODAY)


def test_a_purchase_that_earns_nothing_still_tells_the_balances() -> None:
    """A consumer can rely on the newest fact alone."""
    account.given(accrued(lot(1, 100))).when(post_purchase(award(0))).then(purchase_posted(balances={"points": 100}))


def test_an_award_of_nothing_takes_no_lot_number() -> None:
    """The points around it are numbered without a gap."""
    (
        account.when(post_purchase(award(1), award(0, "status"), award(2)))
        .then(purchase_posted(lot(1, 1), lot(2, 2)))
        .when(accrue(award(0), award(3)))
        .then(accrued(lot(3, 3), balances={"points": 6}))
    )


def test_an_accrual_without_a_purchase_must_book_something() -> None:
    """Nothing given for no purchase is no fact."""
    for command in (accrue(), accrue(award(0)), accrue(award(0), award(0, "status"))):
        account.when(command).refuses(InvalidPoints, pointer="/points")


@pytest.mark.parametrize("points", [-1, -MAX_POINTS, MAX_POINTS + 1, 2**63, -(2**63)])
def test_points_that_cannot_be_booked_are_refused(points: int) -> None:
    """Neither a purchase nor an accrual books a negative or absurd number, on its own or among good ones."""
    for awards in ((award(points),), (award(5), award(points)), (award(0), award(points, "status"), award(5))):
        account.when(post_purchase(*awards)).refuses(InvalidPoints, pointer="/points")
        account.when(accrue(*awards)).refuses(InvalidPoints, pointer="/points")


def test_the_largest_number_of_points_is_booked() -> None:
    """The bound itself is allowed."""
    account.when(post_purchase(award(MAX_POINTS))).then(purchase_posted(lot(1, MAX_POINTS)))
    account.when(accrue(award(MAX_POINTS))).then(accrued(lot(1, MAX_POINTS)))


def test_huge_balances_stay_exact() -> None:
    """Points are integers, also where a float would have lost the last one."""
    lots = [lot(number, MAX_POINTS) for number in range(1, 41)]
    (
        account.given(accrued(*lots))
        .when(accrue(award(1)))
        .then(accrued(lot(41, 1), balances={"points": 40 * MAX_POINTS + 1}))
        .when(redeem(MAX_POINTS))
        .then(redeemed(redeem(MAX_POINTS), {1: MAX_POINTS}, {"points": 39 * MAX_POINTS + 1}))
        .when(redeem(MAX_POINTS - 1, "r2"))
        .then(redeemed(redeem(MAX_POINTS - 1, "r2"), {2: MAX_POINTS - 1}, {"points": 38 * MAX_POINTS + 2}))
    )
