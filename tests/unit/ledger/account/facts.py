"""Short spellings of an account's commands and events, for stories in which most fields do not matter."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime

import msgspec

from ledger.account.commands import Accrue, Award, OpenAccount, PostPurchase, Redeem, ReverseRedemption
from ledger.account.events import (
    AccountOpened,
    Accrual,
    LotPoints,
    PointsAccrued,
    PointsRedeemed,
    PurchasePosted,
    RedemptionReversed,
)

MEMBER = "0195f3d2-8c4e-7cc1-9a52-6f1d2b7a4e10"
TODAY = date(2026, 3, 15)
NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
POINTS = "points"

OPEN = OpenAccount("club", MEMBER, NOON, TODAY)
OPENED = AccountOpened("club", MEMBER, NOON, TODAY)


def award(
    points: int,
    point_currency: str = POINTS,
    *,
    available_from: date = TODAY,
    expires_on: date | None = None,
) -> Award:
    """Points to be booked."""
    return Award(point_currency, points, available_from, expires_on)


def lot(
    number: int,
    points: int,
    point_currency: str = POINTS,
    *,
    available_from: date = TODAY,
    expires_on: date | None = None,
) -> Accrual:
    """Points that were booked to the lot of this number."""
    return Accrual(number, point_currency, points, available_from, expires_on)


def post_purchase(*awards: Award, on: date = TODAY) -> PostPurchase:
    """A purchase of 12.50 EUR that earned ``awards``."""
    return PostPurchase("store-330", "t1", NOON, on, 1250, "EUR", 1, awards)


def purchase_posted(*accruals: Accrual, on: date = TODAY, balances: Mapping[str, int] | None = None) -> PurchasePosted:
    """The same purchase, booked; ``balances`` default to what it earned."""
    after = _sums(accruals) if balances is None else dict(balances)
    return PurchasePosted("store-330", "t1", NOON, on, 1250, "EUR", 1, accruals, after)


def accrue(*awards: Award, on: date = TODAY) -> Accrue:
    """A gift of ``awards``."""
    return Accrue("service-desk", "a1", NOON, on, "goodwill", awards)


def accrued(*accruals: Accrual, on: date = TODAY, balances: Mapping[str, int] | None = None) -> PointsAccrued:
    """The same gift, booked; ``balances`` default to what was given."""
    after = _sums(accruals) if balances is None else dict(balances)
    return PointsAccrued("service-desk", "a1", NOON, on, "goodwill", accruals, after)


def redeem(points: int, redemption_id: str = "r1", point_currency: str = POINTS, *, on: date = TODAY) -> Redeem:
    """A wish to spend points at a cent each."""
    return Redeem("store-330", redemption_id, NOON, on, point_currency, points, points, "EUR", 1)


def redeemed(command: Redeem, taken: Mapping[int, int], balances: Mapping[str, int]) -> PointsRedeemed:
    """What was asked for, booked; ``taken`` are points by lot number, in the order in which they were taken."""
    return PointsRedeemed(**msgspec.structs.asdict(command), taken=_parts(taken), balances=dict(balances))


def reverse(redemption_id: str = "r1", *, on: date = TODAY) -> ReverseRedemption:
    """A wish to undo a redemption."""
    return ReverseRedemption("store-330", redemption_id, NOON, on, "changed their mind")


def was_reversed(
    command: ReverseRedemption,
    returned: Mapping[int, int],
    balances: Mapping[str, int],
    point_currency: str = POINTS,
) -> RedemptionReversed:
    """What was asked for, booked; ``returned`` are points by lot number."""
    asked = msgspec.structs.asdict(command)
    del asked["points"]
    return RedemptionReversed(
        **asked,
        point_currency=point_currency,
        points=sum(returned.values()),
        returned=_parts(returned),
        balances=dict(balances),
    )


def _parts(points_by_lot: Mapping[int, int]) -> tuple[LotPoints, ...]:
    return tuple(LotPoints(number, points) for number, points in points_by_lot.items())


def _sums(accruals: tuple[Accrual, ...]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for accrual in accruals:
        sums[accrual.point_currency] += accrual.points
    return dict(sums)
