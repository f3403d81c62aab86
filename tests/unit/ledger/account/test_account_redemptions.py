from datetime import date, timedelta

import pytest

from ledger.account.commands import MAX_POINTS, Redeem
from ledger.account.errors import InsufficientPoints, InvalidPoints, RedemptionExists
from ledger.account.events import LotPoints, PointsRedeemed
from ledger.streams import ACCOUNT
from tests.spec import spec
from tests.unit.ledger.account.facts import (
    NOON,
    OPENED,
    TODAY,
    accrued,
    lot,
    redeem,
    redeemed,
    reverse,
    was_reversed,
)

DAY = timedelta(days=1)
MARCH, APRIL, MAY = date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 31)

account = spec(ACCOUNT).given(OPENED)


def test_a_redemption_names_the_lots_it_took_from() -> None:
    """The fact says what was spent, what it was worth, and what is left."""
    account.given(accrued(lot(1, 300), lot(2, 300))).when(
        Redeem("store-330", "r-1", NOON, TODAY, "points", 500, 450, "CHF", 3),
    ).then(
        PointsRedeemed(
            "store-330",
            "r-1",
            NOON,
            TODAY,
            "points",
            500,
            450,
            "CHF",
            3,
            (LotPoints(1, 300), LotPoints(2, 200)),
            {"points": 100},
        ),
    )


def test_the_earliest_expiry_goes_first() -> None:
    """Points that never expire go last, however old they are."""
    (
        account.given(
            accrued(lot(1, 10), lot(2, 10, expires_on=MAY), lot(3, 10, expires_on=MARCH), lot(4, 10, expires_on=APRIL)),
        )
        .when(redeem(15))
        .then(redeemed(redeem(15), {3: 10, 4: 5}, {"points": 25}))
        .when(redeem(20, "r2"))
        .then(redeemed(redeem(20, "r2"), {4: 5, 2: 10, 1: 5}, {"points": 5}))
    )


def test_of_one_expiry_the_oldest_goes_first() -> None:
    """What counts is when the points were earned, not when that was booked."""
    (
        account.given(
            accrued(lot(1, 10, expires_on=APRIL)),
            accrued(lot(2, 10, expires_on=APRIL), on=TODAY - DAY, balances={"points": 20}),
            accrued(lot(3, 10), balances={"points": 30}),
            accrued(lot(4, 10), on=TODAY - DAY, balances={"points": 40}),
        )
        .when(redeem(40))
        .then(redeemed(redeem(40), {2: 10, 1: 10, 4: 10, 3: 10}, {"points": 0}))
    )


def test_of_one_age_the_first_made_goes_first() -> None:
    """The lot number settles what the dates leave open."""
    (
        account.given(accrued(*(lot(number, 1, expires_on=APRIL) for number in range(1, 13))))
        .when(redeem(11))
        .then(redeemed(redeem(11), dict.fromkeys(range(1, 12), 1), {"points": 1}))
    )


def test_all_that_is_available_can_be_spent() -> None:
    """Nothing is left, and the used-up lots are gone."""
    after = (
        account.given(accrued(lot(1, 60), lot(2, 40)))
        .when(redeem(100))
        .then(redeemed(redeem(100), {1: 60, 2: 40}, {"points": 0}))
    )
    assert after.state().books["points"].lots == {}
    after.when(redeem(1, "r2")).refuses(InsufficientPoints, available_points=0)


def test_one_point_more_than_available_is_refused() -> None:
    """The refusal says how many there are; nothing is booked."""
    account.given(accrued(lot(1, 60), lot(2, 40))).when(redeem(101)).refuses(
        InsufficientPoints,
        pointer="/points",
        available_points=100,
        requested_points=101,
    )


def test_points_can_be_spent_from_the_day_they_become_available() -> None:
    """The day before, they are promised: part of the balance, and not spendable."""
    promised = account.given(accrued(lot(1, 100, available_from=APRIL), lot(2, 5)))
    promised.when(redeem(6, on=APRIL - DAY)).refuses(InsufficientPoints, available_points=5)
    command = redeem(105, on=APRIL)
    promised.when(command).then(redeemed(command, {1: 100, 2: 5}, {"points": 0}))


def test_points_can_be_spent_until_the_day_before_they_expire() -> None:
    """On the expiry date itself they are gone, without any worker having run."""
    expiring = account.given(accrued(lot(1, 100, expires_on=APRIL)))
    command = redeem(100, on=APRIL - DAY)
    expiring.when(command).then(redeemed(command, {1: 100}, {"points": 0}))
    for on in (APRIL, APRIL + DAY):
        expiring.when(redeem(1, on=on)).refuses(InsufficientPoints, available_points=0)


def test_expired_and_promised_lots_are_passed_over() -> None:
    """Only lots that can be spent on the day are taken from, even if others would expire sooner."""
    (
        account.given(
            accrued(
                lot(1, 10, expires_on=TODAY),
                lot(2, 10, expires_on=MARCH, available_from=TODAY + DAY),
                lot(3, 10, expires_on=APRIL),
            ),
        )
        .when(redeem(10))
        .then(redeemed(redeem(10), {3: 10}, {"points": 20}))
    )


def test_a_backdated_redemption_spends_what_could_be_spent_then() -> None:
    """An offline till that reports late took points that have lapsed since, and none that came later."""
    late = account.given(
        accrued(
            lot(1, 10, available_from=MARCH, expires_on=APRIL),
            lot(2, 10, available_from=APRIL),
        ),
    )
    command = redeem(10, on=MARCH)
    late.when(command).then(redeemed(command, {1: 10}, {"points": 10}))
    late.when(redeem(11, on=MARCH)).refuses(InsufficientPoints, available_points=10)
    late.when(redeem(1, on=MARCH - DAY)).refuses(InsufficientPoints, available_points=0)


def test_point_currencies_do_not_mix() -> None:
    """One cannot pay for the other, and each keeps its balance."""
    both = account.given(accrued(lot(1, 100), lot(2, 70, "miles"), lot(3, 30)))
    both.when(redeem(131)).refuses(InsufficientPoints, available_points=130)
    both.when(redeem(71, "r1", "miles")).refuses(InsufficientPoints, available_points=70)
    command = redeem(70, "r1", "miles")
    both.when(command).then(redeemed(command, {2: 70}, {"points": 130, "miles": 0}))


def test_a_point_currency_the_account_never_held_has_nothing_to_spend() -> None:
    """It is a refusal like any other, and opens no book."""
    for stream in (account, account.given(accrued(lot(1, 100)))):
        stream.when(redeem(1, "r1", "miles")).refuses(InsufficientPoints, available_points=0, requested_points=1)


def test_a_redemption_id_is_used_once() -> None:
    """A second one under the same id is refused, also for other points and after a reversal."""
    command = redeem(10)
    booked = (
        account.given(accrued(lot(1, 100), lot(2, 100, "miles")))
        .when(command)
        .then(redeemed(command, {1: 10}, {"points": 90, "miles": 100}))
    )
    for again in (command, redeem(20), redeem(10, "r1", "miles"), redeem(10, on=MAY)):
        booked.when(again).refuses(RedemptionExists, pointer="/redemption_id")
    undone = booked.when(reverse()).then(was_reversed(reverse(), {1: 10}, {"points": 100, "miles": 100}))
    undone.when(command).refuses(RedemptionExists)


@pytest.mark.parametrize("points", [0, -1, -MAX_POINTS, MAX_POINTS + 1, 2**63])
def test_a_number_of_points_that_nobody_can_spend_is_refused(points: int) -> None:
    """A redemption takes at least one point, and no absurd number."""
    account.given(accrued(lot(1, 100))).when(redeem(points)).refuses(InvalidPoints, pointer="/points")


def test_the_largest_number_of_points_can_be_spent() -> None:
    """The bound itself is allowed."""
    command = redeem(MAX_POINTS)
    account.given(accrued(lot(1, MAX_POINTS))).when(command).then(redeemed(command, {1: MAX_POINTS}, {"points": 0}))


def test_refusals_come_in_the_documented_order() -> None:
    """InvalidPoints, then RedemptionExists, then InsufficientPoints."""
    booked = account.given(accrued(lot(1, 10)), redeemed(redeem(10), {1: 10}, {"points": 0}))
    booked.when(redeem(0)).refuses(InvalidPoints)
    booked.when(redeem(MAX_POINTS + 1)).refuses(InvalidPoints)
    booked.when(redeem(11)).refuses(RedemptionExists)
    booked.when(redeem(11, "r2")).refuses(InsufficientPoints)
