"""Redemptions and their reversal; holds and how they are resolved."""

from ledger.account.books import urgency
from ledger.account.commands import CaptureHold, HoldPoints, Redeem, ReverseRedemption, VoidHold
from ledger.account.deciding.booking import (
    changed,
    check_points,
    consumed,
    given_back,
    owed,
    repaid_by,
    taken_from,
)
from ledger.account.errors import (
    CaptureExceedsHold,
    HoldExists,
    HoldResolved,
    InvalidExpiry,
    InvalidPoints,
    RedemptionAlreadyReversed,
    RedemptionExists,
    UnknownHold,
    UnknownRedemption,
)
from ledger.account.events import (
    HoldCaptured,
    HoldVoided,
    LotPoints,
    PointsHeld,
    PointsRedeemed,
    RedemptionReversed,
)
from ledger.account.state import Account, Hold
from ledger.money import MAX_AMOUNT_MINOR


def redeem(account: Account, command: Redeem) -> PointsRedeemed:
    """Spend available points."""
    check_points(command.points, "redeemed")
    _check_new_redemption(account, command.redemption_id)
    _check_value(command.points, command.value_minor)
    taken = consumed(account, command.point_currency, command.points, command.effective_on)
    return PointsRedeemed(
        command.source,
        command.redemption_id,
        command.occurred_at,
        command.effective_on,
        command.point_currency,
        command.points,
        command.value_minor,
        command.currency,
        command.program_version,
        taken,
        changed(account, command.point_currency, -command.points),
        command.pool,
    )


def reverse(account: Account, command: ReverseRedemption) -> RedemptionReversed:
    """Give redeemed points back to their lots."""
    redemption = account.redemptions.get(command.redemption_id)
    if redemption is None:
        message = f"No redemption {command.redemption_id!r} is booked on this account."
        raise UnknownRedemption(message, pointer="/redemption_id")
    left = redemption.points - redemption.reversed_points
    if not left:
        message = f"Redemption {command.redemption_id!r} was reversed before."
        raise RedemptionAlreadyReversed(message, pointer="/redemption_id")
    points = left if command.points is None else command.points
    if not 0 < points <= left:
        message = f"{points} points cannot be given back; of this redemption there are {left} left to reverse."
        raise InvalidPoints(message, pointer="/points", remaining_points=left)
    everything = points == left
    parts = tuple(LotPoints(lot.lot, lot.points) for lot in redemption.taken)
    returned = parts if everything else given_back(redemption.taken, points)
    return RedemptionReversed(
        command.source,
        command.redemption_id,
        command.occurred_at,
        command.effective_on,
        command.reason,
        redemption.point_currency,
        points,
        returned,
        changed(account, redemption.point_currency, points),
        repaid_by(owed(account), redemption.point_currency, returned),
    )


def hold(account: Account, command: HoldPoints) -> PointsHeld:
    """Reserve available points."""
    check_points(command.points, "held")
    if command.hold_id in account.holds or command.hold_id in account.resolved_holds:
        message = f"Hold {command.hold_id!r} is booked already; a new one needs a new id."
        raise HoldExists(message, pointer="/hold_id")
    if command.expires_at <= command.occurred_at:
        message = f"The hold would end at {command.expires_at.isoformat()}, before it begins."
        raise InvalidExpiry(message, pointer="/expires_at")
    taken = consumed(account, command.point_currency, command.points, command.effective_on)
    return PointsHeld(
        command.source,
        command.hold_id,
        command.occurred_at,
        command.effective_on,
        command.point_currency,
        command.points,
        command.expires_at,
        taken,
        account.balances(),
        command.amount_minor,
    )


def capture(account: Account, command: CaptureHold) -> HoldCaptured:
    """Redeem what a hold reserved, or a part of it."""
    found = _open_hold(account, command.hold_id)
    check_points(command.points, "captured")
    if command.points > found.points:
        message = f"{command.points} points are to be captured, and the hold reserved {found.points}."
        raise CaptureExceedsHold(message, pointer="/points", held_points=found.points)
    _check_new_redemption(account, command.redemption_id)
    _check_value(command.points, command.value_minor)
    taken = taken_from(sorted(found.taken, key=urgency), command.points)
    used = {part.lot: part.points for part in taken}
    left = [(lot.lot, lot.points - used.get(lot.lot, 0)) for lot in found.taken]
    returned = tuple(LotPoints(lot, points) for lot, points in left if points)
    return HoldCaptured(
        command.source,
        command.hold_id,
        command.redemption_id,
        command.occurred_at,
        command.effective_on,
        found.point_currency,
        command.points,
        command.value_minor,
        command.currency,
        command.program_version,
        taken,
        returned,
        changed(account, found.point_currency, -command.points),
        repaid_by(owed(account), found.point_currency, returned),
    )


def void(account: Account, command: VoidHold) -> HoldVoided:
    """Release a hold."""
    found = _open_hold(account, command.hold_id)
    returned = tuple(LotPoints(lot.lot, lot.points) for lot in found.taken)
    return HoldVoided(
        command.source,
        command.hold_id,
        command.occurred_at,
        command.effective_on,
        command.reason,
        found.point_currency,
        found.points,
        returned,
        account.balances(),
        repaid_by(owed(account), found.point_currency, returned),
    )


def _open_hold(account: Account, hold_id: str) -> Hold:
    found = account.holds.get(hold_id)
    if found is not None:
        return found
    if hold_id in account.resolved_holds:
        outcome = account.resolved_holds[hold_id]
        message = f"Hold {hold_id!r} was {outcome} before; each hold is resolved once."
        raise HoldResolved(message, pointer="/hold_id", outcome=outcome)
    raise UnknownHold(f"No hold {hold_id!r} is booked on this account.", pointer="/hold_id")


def _check_new_redemption(account: Account, redemption_id: str) -> None:
    if redemption_id in account.redemptions:
        message = f"Redemption {redemption_id!r} is booked already; a new one needs a new id."
        raise RedemptionExists(message, pointer="/redemption_id")


def _check_value(points: int, value_minor: int) -> None:
    if not 0 <= value_minor <= MAX_AMOUNT_MINOR:
        message = f"{points} points would be worth {value_minor}, which no redemption can be."
        raise InvalidPoints(message, pointer="/points")
