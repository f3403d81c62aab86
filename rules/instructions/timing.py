"""What time and business events do to points: one instruction per account, for whoever keeps time."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import partial

from msgspec.structs import replace

from ledger.account import decide as account
from ledger.account.commands import (
    CancelLots,
    ChangeExpiry,
    ConfirmLots,
    Conversion,
    ExpireHolds,
    ExpireLots,
    ReleaseLots,
)
from ledger.account.events import AccountEvent, LotsExpired, LotsReleased
from ledger.account.state import Account
from ledger.dates import add_months, as_utc
from ledger.money import to_minor
from ledger.posting.instruction import Instruction, Reference
from ledger.program.state import Program
from ledger.streams import ACCOUNT, StreamId
from rules.activity import check_text, check_time, member_address
from rules.instructions.asking import dated, folded, hashed, plan_at, program_only
from rules.pricing.migration import concerned, policies
from rules.pricing.plans import numbered, plan_of
from rules.pricing.price import existing
from rules.requests import ConfirmationRequest
from rules.tiers.changing import at_end, period_closed


def confirm_points(
    program_id: str, request: ConfirmationRequest, received_at: datetime, *, keys: tuple[Reference, ...] = ()
) -> Instruction:
    """
    Return the instruction that makes points available because the event that they await came.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: The member's name or the time is malformed.
    """
    return _awaited("confirmation", ConfirmLots, program_id, request, received_at, keys=keys)


def cancel_points(
    program_id: str, request: ConfirmationRequest, received_at: datetime, *, keys: tuple[Reference, ...] = ()
) -> Instruction:
    """
    Return the instruction that takes points away because the event that they await will not come.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: The member's name or the time is malformed.
    """
    return _awaited("cancellation", CancelLots, program_id, request, received_at, keys=keys)


def _awaited(
    what: str,
    command: type[ConfirmLots | CancelLots],
    program_id: str,
    request: ConfirmationRequest,
    received_at: datetime,
    *,
    keys: tuple[Reference, ...],
) -> Instruction:
    check_time(request.occurred_at, received_at)
    check_text(source=request.source, reference=request.reference, event=request.event)
    return Instruction(
        ACCOUNT,
        member_address(program_id, request.member),
        ((f"{what}:{program_id}:{request.source}", request.reference), *keys),
        hashed(what, program_id, replace(request, occurred_at=as_utc(request.occurred_at))),
        partial(_decide_awaited, command, request),
        program_only(program_id),
        answer=LotsReleased if command is ConfirmLots else LotsExpired,
    )


def _decide_awaited(
    command: type[ConfirmLots | CancelLots],
    request: ConfirmationRequest,
    state: Account | None,
    program: Program | None,
) -> Sequence[AccountEvent]:
    at, on = dated(program, request.occurred_at)
    return account.decide(state, command(request.source, request.reference, request.event, request.lots, at, on))


def release_lots(program_id: str, account_id: StreamId, now: datetime) -> Instruction:
    """Return the instruction that records the points of an account whose day has come."""
    return _timed("release", program_id, account_id, now, _decide_release)


def expire_lots(program_id: str, account_id: StreamId, now: datetime) -> Instruction:
    """Return the instruction that records the points of an account that have lapsed."""
    return _timed("expire", program_id, account_id, now, decide_expiry)


def expire_holds(program_id: str, account_id: StreamId, now: datetime) -> Instruction:
    """Return the instruction that records the holds of an account whose time is up."""
    return _timed("expire-holds", program_id, account_id, now, _decide_holds)


def end_tiers(program_id: str, account_id: StreamId, now: datetime) -> Instruction:
    """Return the instruction that records the tiers of an account that have ended."""
    return _timed("end-tiers", program_id, account_id, now, _decide_tiers)


def change_expiry(program_id: str, account_id: StreamId, now: datetime, version: int) -> Instruction:
    """Return the instruction that gives the lots of an account the dates of a version's policies; once for each."""
    reference = (f"expiry-migration:{program_id}", f"{account_id.hex()}:{version}")
    asked = hashed("expiry-migration", program_id, account_id.hex(), version)
    decide = partial(_decide_migration, version, now)
    return Instruction(ACCOUNT, account_id, (reference,), asked, decide, program_only(program_id))


def close_period(program_id: str, account_id: StreamId, now: datetime, ladder: str, last_day: date) -> Instruction:
    """Return the instruction that records that a period of a ladder is over; once for each account and period."""
    decide = partial(_decide_period, ladder, last_day, now)
    reference = (f"period:{program_id}:{ladder}", f"{account_id.hex()}:{last_day.isoformat()}")
    asked = hashed("period", program_id, ladder, account_id.hex(), last_day)
    return Instruction(ACCOUNT, account_id, (reference,), asked, decide, program_only(program_id))


def _timed(
    what: str,
    program_id: str,
    account_id: StreamId,
    now: datetime,
    decide: Callable[[datetime, Account | None, Program | None], Sequence[AccountEvent]],
) -> Instruction:
    """
    Return an instruction that does no harm however often it is given: what was recorded is not there a second time.

    It leaves no receipt. For the same moment there may be more to record later, because activity arrived late.
    """
    at = as_utc(now)
    asked = hashed(what, program_id, account_id.hex(), at)
    return Instruction(ACCOUNT, account_id, (), asked, partial(decide, at), program_only(program_id))


def _decide_release(now: datetime, state: Account | None, program: Program | None) -> Sequence[AccountEvent]:
    return account.decide(state, ReleaseLots(*dated(program, now)))


def _decide_holds(now: datetime, state: Account | None, program: Program | None) -> Sequence[AccountEvent]:
    return account.decide(state, ExpireHolds(*dated(program, now)))


def decide_expiry(now: datetime, state: Account | None, program: Program | None) -> Sequence[AccountEvent]:
    """Return what records the points of an account that have lapsed by a moment."""
    at, on = dated(program, now)
    program = existing(program)
    terms = plan_at(program, now).version.terms
    conversions = {
        one.code: Conversion(
            one.conversion.step_points,
            to_minor(one.conversion.step_value, program.currency),
            program.currency,
            add_months(on, one.conversion.valid_months),
        )
        for one in terms.point_currencies
        if one.conversion
    }
    voucher_id = f"V{state.lot_count}-{on.isoformat()}" if state else ""
    return account.decide(state, ExpireLots(at, on, conversions, voucher_id))


def _decide_tiers(now: datetime, state: Account | None, program: Program | None) -> Sequence[AccountEvent]:
    at, on = dated(program, now)
    if state is None:
        return []
    events: list[AccountEvent] = []
    for command in at_end(plan_at(program, now).ladders, state, at, on):
        made = account.decide(state, command)
        state = folded(state, made)
        events += made
    return events


def _decide_migration(
    version: int, now: datetime, state: Account | None, program: Program | None
) -> Sequence[AccountEvent]:
    at, on = dated(program, now)
    program = existing(program)
    if state is None:
        return []
    plan = plan_of(program, numbered(program, version))
    lots = tuple([one.dates for one in concerned(state, policies(plan))])
    return account.decide(state, ChangeExpiry(at, on, version, lots)) if lots else []


def _decide_period(
    ladder: str, last_day: date, now: datetime, state: Account | None, program: Program | None
) -> Sequence[AccountEvent]:
    at, on = dated(program, now)
    plan = next((one for one in plan_at(program, now).ladders if one.ladder.code == ladder), None)
    if state is None or plan is None or last_day < state.opened_on:
        return []
    command = period_closed(plan, state, last_day, at, on)
    return account.decide(state, command) if command.counted or command.carried else []
