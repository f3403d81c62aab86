"""Holds: points reserved for a checkout, and what becomes of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from ledger.account import decide as account
from ledger.account.commands import CaptureHold, HoldPoints, VoidHold
from ledger.account.errors import UnknownHold
from ledger.account.events import AccountEvent, HoldCaptured, HoldVoided, PointsHeld
from ledger.account.state import Account
from ledger.dates import as_utc
from ledger.money import to_major, to_minor
from ledger.posting.instruction import Instruction, Reference
from ledger.program.state import Program
from ledger.streams import ACCOUNT, StreamId
from rules.activity import Redemption, check_text, check_time, member_address
from rules.errors import HoldTooLong
from rules.instructions.asking import dated, hashed, plan_at, program_only
from rules.instructions.redemptions import check_amount, redemption_reference
from rules.pricing.price import existing, price_redemption
from rules.requests import Capture, HoldRequest, Voiding


def hold_reference(program_id: str, hold_id: str) -> Reference:
    """Return the reference under which a hold is booked."""
    return f"hold:{program_id}", hold_id


def hold_points(
    program_id: str,
    request: HoldRequest,
    received_at: datetime,
    *,
    keys: tuple[Reference, ...] = (),
) -> Instruction:
    """
    Return the instruction that reserves points.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: The member's name, the time or the amount is malformed.
    """
    check_time(request.occurred_at, received_at)
    check_text(source=request.source, hold_id=request.hold_id, member=request.member)
    check_amount(request.amount)
    asked = hashed(
        "hold",
        program_id,
        request.hold_id,
        request.source,
        request.member,
        as_utc(request.occurred_at),
        request.points,
        request.point_currency,
        request.expires_at and as_utc(request.expires_at),
        request.amount and request.amount.normalize(),
    )
    return Instruction(
        ACCOUNT,
        member_address(program_id, request.member),
        (hold_reference(program_id, request.hold_id), *keys),
        asked,
        partial(_decide_hold, request),
        program_only(program_id),
        answer=PointsHeld,
    )


def capture_hold(
    program_id: str,
    hold_id: str,
    booked_on: StreamId,
    request: Capture,
    received_at: datetime,
    *,
    keys: tuple[Reference, ...] = (),
) -> Instruction:
    """
    Return the instruction that turns a hold into a redemption.

    Args:
        program_id: Whose burn rule says what the points are worth.
        hold_id: What is captured.
        booked_on: The account's stream id.
        request: As reported.
        received_at: Now, for the check of its time.
        keys: Further references under which the effect is had once.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: The time or the amount is malformed.
    """
    check_time(request.occurred_at, received_at)
    check_text(source=request.source, redemption_id=request.redemption_id)
    check_amount(request.amount)
    asked = hashed(
        "capture",
        program_id,
        hold_id,
        request.redemption_id,
        request.source,
        as_utc(request.occurred_at),
        request.points,
        request.amount and request.amount.normalize(),
    )
    return Instruction(
        ACCOUNT,
        booked_on,
        (redemption_reference(program_id, request.redemption_id), *keys),
        asked,
        partial(_decide_capture, hold_id, request),
        program_only(program_id),
        answer=HoldCaptured,
    )


def void_hold(
    program_id: str,
    hold_id: str,
    booked_on: StreamId,
    request: Voiding,
    received_at: datetime,
    *,
    keys: tuple[Reference, ...] = (),
) -> Instruction:
    """
    Return the instruction that releases a hold; sent again it is answered again.

    Raises:
        OccurredInFuture: See `check_time`.
    """
    check_time(request.occurred_at, received_at)
    check_text(source=request.source, reason=request.reason)
    asked = hashed("void", program_id, hold_id, request.source, as_utc(request.occurred_at), request.reason)
    reference = (f"void:{program_id}", f"{hold_id}:{asked.hex()[:32]}")
    decide = partial(_decide_void, hold_id, request)
    return Instruction(
        ACCOUNT, booked_on, (reference, *keys), asked, decide, program_only(program_id), answer=HoldVoided
    )


def _decide_hold(request: HoldRequest, state: Account | None, program: Program | None) -> Sequence[AccountEvent]:
    plan = plan_at(program, request.occurred_at)
    # What a redemption of these points would be refused for, a hold is refused for now, not at the end of a checkout.
    priced = price_redemption(_as_redemption(request, request.hold_id, request.points), program, state)
    policy = plan.version.terms.holds
    at, on = dated(program, request.occurred_at)
    ends = as_utc(request.expires_at) if request.expires_at else at + timedelta(minutes=policy.default_minutes)
    if ends > at + timedelta(minutes=policy.maximum_minutes):
        message = f"A hold lasts at most {policy.maximum_minutes} minutes in this program."
        raise HoldTooLong(message, pointer="/expires_at", maximum_minutes=policy.maximum_minutes)
    amount_minor = None if request.amount is None else to_minor(request.amount, priced.currency)
    command = HoldPoints(
        request.source, request.hold_id, at, on, priced.point_currency, request.points, ends, amount_minor
    )
    return account.decide(state, command)


def _decide_capture(
    hold_id: str,
    request: Capture,
    state: Account | None,
    program: Program | None,
) -> Sequence[AccountEvent]:
    at, on = dated(program, request.occurred_at)
    held = state.holds.get(hold_id) if state else None
    if held is None or held.expires_at <= at:
        # The account says which of the two it is, and that nothing can be captured.
        command = CaptureHold(request.source, hold_id, request.redemption_id, at, on, request.points or 1, 0, "", 0)
        return account.decide(state, command)
    points = request.points or held.points
    amount = request.amount
    if amount is None and held.amount_minor is not None:
        amount = to_major(held.amount_minor, existing(program).currency)
    asked = Redemption(
        request.source, request.redemption_id, "", request.occurred_at, points, held.point_currency, amount
    )
    priced = price_redemption(asked, program, state, is_captured=True)
    command = CaptureHold(
        request.source,
        hold_id,
        request.redemption_id,
        at,
        on,
        points,
        priced.value_minor,
        priced.currency,
        priced.program_version,
    )
    return account.decide(state, command)


def _decide_void(
    hold_id: str,
    request: Voiding,
    state: Account | None,
    program: Program | None,
) -> Sequence[AccountEvent]:
    at, on = dated(program, request.occurred_at)
    if state is None:
        raise UnknownHold(f"No hold {hold_id!r} is booked.", pointer="/hold_id")
    return account.decide(state, VoidHold(request.source, hold_id, at, on, request.reason))


def _as_redemption(request: HoldRequest, redemption_id: str, points: int) -> Redemption:
    return Redemption(
        request.source,
        redemption_id,
        request.member,
        request.occurred_at,
        points,
        request.point_currency,
        request.amount,
    )
