from datetime import date

from ledger.account.activity import available_points, idle_on, lapses_on
from ledger.account.books import Book
from ledger.account.commands import (
    AdjustPoints,
    Award,
    CaptureHold,
    HoldPoints,
    ReinstatePoints,
    TransferIn,
    TransferOut,
)
from ledger.account.errors import CaptureExceedsHold
from ledger.account.events import (
    Accrual,
    ExpiryChanged,
    HoldCaptured,
    LotPoints,
    NewDates,
    PointsAccrued,
    PointsAdjusted,
    PointsHeld,
    PointsReinstated,
    PointsTransferredIn,
    PointsTransferredOut,
    Repayment,
)
from ledger.streams import ACCOUNT
from tests.spec import spec
from tests.unit.ledger.account.facts import MEMBER, NOON, OPENED, TODAY, accrue, accrued, award, lot

LATER = date(2026, 12, 1)
account = spec(ACCOUNT).given(OPENED)


def take(points: int) -> AdjustPoints:
    """An operator takes points, whether or not they are there."""
    return AdjustPoints("desk", "j1", NOON, TODAY, "fraud", "", "points", -points, None, may_overdraw=True)


def test_what_is_owed_cannot_be_spent() -> None:
    """It comes off what is available, which is never below zero, while the balance may be."""
    held = PointsHeld("shop", "h", NOON, TODAY, "points", 50, NOON.replace(day=16), (LotPoints(1, 50),), {"points": 80})
    owed = {"points": 40}
    taken = PointsAdjusted("desk", "j1", NOON, TODAY, "fraud", "", "points", -40, {"points": 40}, debts=owed)
    state = account.given(accrued(lot(1, 80)), held, taken).state()
    book: Book = state.books["points"]
    assert (book.open_points, book.held_points, book.owed_points, book.balance_points) == (30, 50, 40, 40)
    assert book.available_points(TODAY) == available_points(state, "points", TODAY) == 0
    assert available_points(state, "miles", TODAY) == 0


def test_later_points_pay_debts_first() -> None:
    """They are accrued and taken at once; what is over can be spent."""
    owing = account.when(take(40)).then(
        PointsAdjusted("desk", "j1", NOON, TODAY, "fraud", "", "points", -40, {"points": -40}, (), (), {"points": 40}),
    )
    repaid = owing.when(accrue(award(30), award(25))).then(
        PointsAccrued(
            "service-desk",
            "a1",
            NOON,
            TODAY,
            "goodwill",
            (lot(1, 30), lot(2, 25)),
            {"points": 15},
            repaid=(Repayment(1, "points", 30, "j1"), Repayment(2, "points", 10, "j1")),
        ),
    )
    book = repaid.state().books["points"]
    assert (book.owed_points, book.open_points, book.available_points(TODAY)) == (0, 15, 15)


def test_points_given_after_a_long_silence_are_not_idle_at_once() -> None:
    """Reinstated or adjusted points lapse months after they came, not after an activity before them."""
    given = Award("points", 10, TODAY, None, idle_months=6)
    old = accrued(lot(1, 1), on=date(2024, 1, 31))
    booked = account.given(old).when(ReinstatePoints("desk", "i", NOON, TODAY, "ill", (given,)))
    after = booked.then(
        PointsReinstated(
            "desk", "i", NOON, TODAY, "ill", (Accrual(2, "points", 10, TODAY, idle_months=6),), {"points": 11}
        ),
    ).state()
    assert idle_on(after, after.books["points"].lots[2]) == date(2026, 9, 16)
    assert lapses_on(after, after.books["points"].lots[1]) is None
    assert available_points(after, "points", date(2026, 9, 15)) == 11
    assert available_points(after, "points", date(2026, 9, 16)) == 1


def test_a_capture_follows_dates_that_changed_meanwhile() -> None:
    """What expires first is used first, by the dates that the lots have now; the rest goes back with them."""
    until = NOON.replace(day=16)
    held = account.given(accrued(lot(1, 10, expires_on=date(2026, 6, 1)), lot(2, 20, expires_on=date(2026, 7, 1))))
    held = held.when(HoldPoints("shop", "h", NOON, TODAY, "points", 15, until)).then(
        PointsHeld("shop", "h", NOON, TODAY, "points", 15, until, (LotPoints(1, 10), LotPoints(2, 5)), {"points": 30}),
    )
    changed = held.given(ExpiryChanged(NOON, TODAY, 2, (NewDates(2, "points", date(2026, 5, 1)),), {"points": 30}))
    captured = changed.when(CaptureHold("shop", "h", "r", NOON, TODAY, 7, 7, "EUR", 1)).then(
        HoldCaptured(
            "shop",
            "h",
            "r",
            NOON,
            TODAY,
            "points",
            7,
            7,
            "EUR",
            1,
            (LotPoints(2, 5), LotPoints(1, 2)),
            (LotPoints(1, 8),),
            {"points": 23},
        ),
    )
    lots = captured.state().books["points"].lots
    assert {number: (one.points, one.expires_on) for number, one in lots.items()} == {
        1: (8, date(2026, 6, 1)),
        2: (15, date(2026, 5, 1)),
    }


def test_a_merger_books_what_the_lots_hold() -> None:
    """Whatever the command says; promised points go too, and a book without points is no obstacle."""
    full = account.given(accrued(lot(1, 10), lot(2, 5, available_from=LATER)))
    out = full.when(TransferOut("desk", "f", NOON, TODAY, "points", 0, "other", is_merger=True)).then(
        PointsTransferredOut(
            "desk",
            "f",
            NOON,
            TODAY,
            "points",
            15,
            "other",
            (LotPoints(1, 10), LotPoints(2, 5)),
            {"points": 0},
            is_merger=True,
        ),
    )
    assert out.state().balances() == {"points": 0}
    nothing = account.when(TransferOut("desk", "f", NOON, TODAY, "miles", 0, "other", is_merger=True)).then(
        PointsTransferredOut("desk", "f", NOON, TODAY, "miles", 0, "other", (), {"miles": 0}, is_merger=True),
    )
    assert nothing.state().balances() == {"miles": 0}
    came = account.when(TransferIn("desk", "f", NOON, TODAY, "miles", MEMBER, (), is_merger=True)).then(
        PointsTransferredIn("desk", "f", NOON, TODAY, "miles", 0, MEMBER, (), {"miles": 0}, is_merger=True),
    )
    assert came.state().balances() == {"miles": 0}


def test_a_capture_takes_no_more_than_was_held() -> None:
    """The refusal says how much that is."""
    held = PointsHeld("shop", "h", NOON, TODAY, "points", 5, NOON.replace(day=16), (LotPoints(1, 5),), {"points": 8})
    command = CaptureHold("shop", "h", "r", NOON, TODAY, 6, 6, "EUR", 1)
    account.given(accrued(lot(1, 8)), held).when(command).refuses(CaptureExceedsHold, held_points=5)
