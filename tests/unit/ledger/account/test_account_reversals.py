from datetime import date, timedelta

from ledger.account.commands import ReverseRedemption
from ledger.account.errors import InsufficientPoints, RedemptionAlreadyReversed, UnknownRedemption
from ledger.account.events import LotPoints, RedemptionReversed
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
    redeem,
    redeemed,
    reverse,
    was_reversed,
)

DAY = timedelta(days=1)
APRIL, MAY, JUNE = date(2026, 4, 30), date(2026, 5, 31), date(2026, 6, 30)

account = spec(ACCOUNT).given(OPENED)


def test_a_reversal_names_the_lots_that_got_their_points_back() -> None:
    """The fact says which redemption was undone, by whom and why."""
    account.given(
        accrued(lot(1, 30, expires_on=APRIL), lot(2, 30)),
        redeemed(redeem(40, "r-1"), {1: 30, 2: 10}, {"points": 20}),
    ).when(
        ReverseRedemption("service-desk", "r-1", NOON, APRIL, "goods were damaged"),
    ).then(
        RedemptionReversed(
            "service-desk",
            "r-1",
            NOON,
            APRIL,
            "goods were damaged",
            "points",
            40,
            (LotPoints(1, 30), LotPoints(2, 10)),
            {"points": 60},
        ),
    )


def test_a_used_up_lot_comes_back_as_it_was() -> None:
    """It has its number, the day it was earned, and both its other dates again."""
    earned_on = TODAY - DAY
    booked = account.given(
        accrued(lot(1, 30, available_from=TODAY, expires_on=APRIL), on=earned_on),
        redeemed(redeem(30), {1: 30}, {"points": 0}),
    )
    undone = booked.when(reverse()).then(was_reversed(reverse(), {1: 30}, {"points": 30}))
    assert {1: Lot(1, 30, earned_on, TODAY, APRIL)} == undone.state().books["points"].lots


def test_a_lot_that_was_used_further_gets_back_only_its_part() -> None:
    """What another redemption took stays taken."""
    undone = (
        account.given(accrued(lot(1, 100, expires_on=APRIL)))
        .when(redeem(60))
        .then(redeemed(redeem(60), {1: 60}, {"points": 40}))
        .when(redeem(30, "r2"))
        .then(redeemed(redeem(30, "r2"), {1: 30}, {"points": 10}))
        .when(reverse("r1"))
        .then(was_reversed(reverse("r1"), {1: 60}, {"points": 70}))
    )
    assert {1: Lot(1, 70, TODAY, TODAY, APRIL)} == undone.state().books["points"].lots
    undone.when(redeem(71, "r3")).refuses(InsufficientPoints, available_points=70)


def test_a_lot_that_was_used_up_meanwhile_gets_back_its_part() -> None:
    """Two reversals in either order fill the lot again."""
    booked = account.given(
        accrued(lot(1, 100, expires_on=APRIL)),
        redeemed(redeem(60), {1: 60}, {"points": 40}),
        redeemed(redeem(40, "r2"), {1: 40}, {"points": 0}),
    )
    first = booked.when(reverse("r1")).then(was_reversed(reverse("r1"), {1: 60}, {"points": 60}))
    assert {1: Lot(1, 60, TODAY, TODAY, APRIL)} == first.state().books["points"].lots
    both = first.when(reverse("r2")).then(was_reversed(reverse("r2"), {1: 40}, {"points": 100}))
    assert {1: Lot(1, 100, TODAY, TODAY, APRIL)} == both.state().books["points"].lots

    other = booked.when(reverse("r2")).then(was_reversed(reverse("r2"), {1: 40}, {"points": 40}))
    other = other.when(reverse("r1")).then(was_reversed(reverse("r1"), {1: 60}, {"points": 100}))
    assert both.state().books == other.state().books


def test_points_that_came_back_expire_when_they_would_have() -> None:
    """A reversal lengthens nobody's points, and they are spent in the order of their own expiry."""
    undone = (
        account.given(
            accrued(lot(1, 50, expires_on=APRIL), lot(2, 50, expires_on=MAY)),
            redeemed(redeem(60), {1: 50, 2: 10}, {"points": 40}),
        )
        .when(reverse())
        .then(was_reversed(reverse(), {1: 50, 2: 10}, {"points": 100}))
    )
    command = redeem(70, "r2", on=APRIL - DAY)
    undone.when(command).then(redeemed(command, {1: 50, 2: 20}, {"points": 30}))
    undone.when(redeem(51, "r2", on=APRIL)).refuses(InsufficientPoints, available_points=50)


def test_a_reversal_after_the_expiry_gives_back_lapsed_points() -> None:
    """They are in the balance, and only a backdated redemption can reach them."""
    late = reverse(on=JUNE)
    undone = (
        account.given(accrued(lot(1, 50, expires_on=APRIL)), redeemed(redeem(50), {1: 50}, {"points": 0}))
        .when(late)
        .then(was_reversed(late, {1: 50}, {"points": 50}))
    )
    undone.when(redeem(1, "r2", on=JUNE)).refuses(InsufficientPoints, available_points=0)
    command = redeem(50, "r2", on=APRIL - DAY)
    undone.when(command).then(redeemed(command, {1: 50}, {"points": 0}))


def test_points_that_came_back_can_be_spent_and_given_back_again() -> None:
    """Each redemption remembers its own parts, whatever happened to the lots before."""
    (
        account.given(accrued(lot(1, 50), lot(2, 50)))
        .when(redeem(80))
        .then(redeemed(redeem(80), {1: 50, 2: 30}, {"points": 20}))
        .when(reverse())
        .then(was_reversed(reverse(), {1: 50, 2: 30}, {"points": 100}))
        .when(redeem(60, "r2"))
        .then(redeemed(redeem(60, "r2"), {1: 50, 2: 10}, {"points": 40}))
        .when(reverse("r2"))
        .then(was_reversed(reverse("r2"), {1: 50, 2: 10}, {"points": 100}))
        .when(redeem(100, "r3"))
        .then(redeemed(redeem(100, "r3"), {1: 50, 2: 50}, {"points": 0}))
    )


def test_a_reversal_stays_in_its_point_currency() -> None:
    """The other balance is told, and unchanged."""
    account.given(
        accrued(lot(1, 50), lot(2, 50, "miles")),
        redeemed(redeem(20, "r1", "miles"), {2: 20}, {"points": 50, "miles": 30}),
    ).when(reverse()).then(was_reversed(reverse(), {2: 20}, {"points": 50, "miles": 50}, "miles"))


def test_new_points_do_not_take_the_number_of_a_lot_that_came_back() -> None:
    """Lots are counted over the whole life of the account."""
    (
        account.given(accrued(lot(1, 50)), redeemed(redeem(50), {1: 50}, {"points": 0}))
        .when(reverse())
        .then(was_reversed(reverse(), {1: 50}, {"points": 50}))
        .when(accrue(award(5)))
        .then(accrued(lot(2, 5), balances={"points": 55}))
    )


def test_what_was_never_redeemed_cannot_be_reversed() -> None:
    """The refusal points at the id."""
    account.when(reverse()).refuses(UnknownRedemption, pointer="/redemption_id")
    account.given(accrued(lot(1, 50)), redeemed(redeem(50), {1: 50}, {"points": 0})).when(reverse("r2")).refuses(
        UnknownRedemption,
    )


def test_a_redemption_is_reversed_once() -> None:
    """A second reversal would make points out of nothing."""
    undone = account.given(
        accrued(lot(1, 50)),
        redeemed(redeem(50), {1: 50}, {"points": 0}),
        was_reversed(reverse(), {1: 50}, {"points": 50}),
    )
    for again in (reverse(), reverse(on=JUNE)):
        undone.when(again).refuses(RedemptionAlreadyReversed, pointer="/redemption_id")
    undone.when(reverse("r2")).refuses(UnknownRedemption)
