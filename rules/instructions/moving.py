"""Points given without a purchase, corrected by hand, brought back, or sent to another member."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from msgspec.structs import replace

from ledger.account import decide as account
from ledger.account.commands import Accrue, AdjustPoints, ReinstatePoints
from ledger.account.errors import InvalidPoints
from ledger.account.events import AccountEvent, PointsAccrued, PointsAdjusted, PointsReinstated
from ledger.account.state import Account
from ledger.dates import as_utc
from ledger.errors import InvalidInput
from ledger.posting.instruction import Instruction, Reference
from ledger.program.state import Program
from ledger.program.terms import PointCurrency
from ledger.streams import ACCOUNT
from rules.activity import check_text, check_time, member_address
from rules.errors import (
    UnknownPointCurrency,
    UnknownReason,
)
from rules.instructions.approvals import check_points
from rules.instructions.asking import dated, folded, hashed, plan_at, program_only
from rules.instructions.timing import decide_expiry
from rules.pricing.plans import Plan, lot_policy
from rules.requests import AccrualRequest, AdjustmentRequest, ReinstatementRequest


def accrue_points(
    program_id: str,
    request: AccrualRequest,
    received_at: datetime,
    *,
    keys: tuple[Reference, ...] = (),
    is_approved: bool = False,
) -> Instruction:
    """
    Return the instruction that gives points for something that was no purchase.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: The member's name or the time is malformed.
    """
    check_time(request.occurred_at, received_at)
    check_text(source=request.source, accrual_id=request.accrual_id, reason=request.reason, funding=request.funding)
    asked = hashed("accrual", program_id, replace(request, occurred_at=as_utc(request.occurred_at)))
    return Instruction(
        ACCOUNT,
        member_address(program_id, request.member),
        ((f"accrual:{program_id}:{request.source}", request.accrual_id), *keys),
        asked,
        partial(_decide_accrual, request, received_at, is_approved),
        program_only(program_id),
        answer=PointsAccrued,
    )


def adjust_points(
    program_id: str,
    request: AdjustmentRequest,
    received_at: datetime,
    *,
    keys: tuple[Reference, ...] = (),
    is_approved: bool = False,
) -> Instruction:
    """
    Return the instruction that corrects points by hand.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: The member's name or the time is malformed.
    """
    check_time(request.occurred_at, received_at)
    check_text(source=request.source, adjustment_id=request.adjustment_id, reason=request.reason, note=request.note)
    asked = hashed("adjustment", program_id, replace(request, occurred_at=as_utc(request.occurred_at)))
    return Instruction(
        ACCOUNT,
        member_address(program_id, request.member),
        ((f"adjustment:{program_id}:{request.source}", request.adjustment_id), *keys),
        asked,
        partial(_decide_adjustment, request, received_at, is_approved),
        program_only(program_id),
        answer=PointsAdjusted,
    )


def reinstate_points(
    program_id: str,
    request: ReinstatementRequest,
    received_at: datetime,
    *,
    keys: tuple[Reference, ...] = (),
    is_approved: bool = False,
) -> Instruction:
    """
    Return the instruction that gives lapsed points back.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: The member's name or the time is malformed.
    """
    check_time(request.occurred_at, received_at)
    check_text(source=request.source, reinstatement_id=request.reinstatement_id, reason=request.reason)
    asked = hashed("reinstatement", program_id, replace(request, occurred_at=as_utc(request.occurred_at)))
    return Instruction(
        ACCOUNT,
        member_address(program_id, request.member),
        ((f"reinstatement:{program_id}:{request.source}", request.reinstatement_id), *keys),
        asked,
        partial(_decide_reinstatement, request, received_at, is_approved),
        program_only(program_id),
        answer=PointsReinstated,
    )


def point_currency_of(plan: Plan, wanted: str | None) -> PointCurrency:
    """
    Return the point currency that is asked for, or the program's first.

    Raises:
        UnknownPointCurrency: The program does not have it.
    """
    currencies = plan.version.terms.point_currencies
    found = next((one for one in currencies if wanted in (None, one.code)), None)
    if found is None:
        known = ", ".join(one.code for one in currencies)
        message = f"The program has no point currency {wanted!r}; it has {known}."
        raise UnknownPointCurrency(message, pointer="/point_currency")
    return found


def _decide_accrual(
    request: AccrualRequest, received_at: datetime, is_approved: bool, state: Account | None, program: Program | None
) -> Sequence[AccountEvent]:
    plan = plan_at(program, request.occurred_at)
    check_points(program, received_at, request.points, is_approved=is_approved)
    at, on = dated(program, request.occurred_at)
    currency = point_currency_of(plan, request.point_currency)
    award = lot_policy(currency).award(currency.code, request.points, on, kind=request.kind, funding=request.funding)
    command = Accrue(request.source, request.accrual_id, at, on, request.reason, (award,))
    return account.decide(state, command)


def _decide_adjustment(
    request: AdjustmentRequest, received_at: datetime, is_approved: bool, state: Account | None, program: Program | None
) -> Sequence[AccountEvent]:
    plan = plan_at(program, request.occurred_at)
    check_points(program, received_at, request.points, is_approved=is_approved)
    reasons = plan.version.terms.adjustment_reasons
    if reasons and request.reason not in reasons:
        message = f"{request.reason!r} is no reason for an adjustment in this program; it has {', '.join(reasons)}."
        raise UnknownReason(message, pointer="/reason", reasons=list(reasons))
    at, on = dated(program, request.occurred_at)
    currency = point_currency_of(plan, request.point_currency)
    award = None
    if request.points > 0:
        policy = lot_policy(currency)
        # What an operator gives can be spent at once, whatever purchases have to wait for.
        award = replace(
            policy.award(currency.code, request.points, on, kind="adjustment"),
            available_from=on,
            awaits="",
            cancels_on=None,
        )
    command = AdjustPoints(
        request.source,
        request.adjustment_id,
        at,
        on,
        request.reason,
        request.note,
        currency.code,
        request.points,
        award,
        request.may_overdraw,
    )
    return account.decide(state, command)


def _decide_reinstatement(
    request: ReinstatementRequest,
    received_at: datetime,
    is_approved: bool,
    state: Account | None,
    program: Program | None,
) -> Sequence[AccountEvent]:
    plan = plan_at(program, request.occurred_at)
    check_points(program, received_at, request.points, is_approved=is_approved)
    at, on = dated(program, request.occurred_at)
    currency = point_currency_of(plan, request.point_currency)
    # What lapsed by then can be given back, whether or not a worker has recorded it.
    lapsing = decide_expiry(request.occurred_at, state, program)
    if lapsing and state is not None:
        state = folded(state, lapsing)
    lapsed = state.lapsed_points(currency.code) if state else 0
    if request.points > lapsed:
        message = f"{request.points} points are to be reinstated, and {lapsed} have lapsed and not been reinstated."
        raise InvalidPoints(message, pointer="/points", lapsed_points=lapsed)
    if request.expires_on is not None and request.expires_on <= on:
        raise InvalidInput("Points that are reinstated lapse after today.", pointer="/expires_on")
    award = lot_policy(currency).award(currency.code, request.points, on, kind="reinstatement")
    award = replace(award, available_from=on, awaits="", cancels_on=None)
    if request.expires_on is not None:
        award = replace(award, expires_on=request.expires_on)
    command = ReinstatePoints(request.source, request.reinstatement_id, at, on, request.reason, (award,))
    return [*lapsing, *account.decide(state, command)]
