"""Returns: a purchase undone, wholly or partly, with the redemptions that had helped to pay it."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial

from ledger.account import decide as account
from ledger.account.commands import ReverseRedemption
from ledger.account.errors import AccountNotOpen
from ledger.account.events import AccountEvent, PurchaseReturned
from ledger.account.order import RETURN
from ledger.account.state import Account
from ledger.budget.state import Budgets
from ledger.dates import as_utc
from ledger.posting.instruction import HistoryNeeded, Instruction, On, Reference
from ledger.program.state import Program
from ledger.streams import ACCOUNT, StreamId
from rules.activity import check_text, check_time
from rules.instructions.asking import budgets_key, dated, hashed, program_and_budgets
from rules.instructions.redemptions import check_amount
from rules.pricing.drawing import budget_events
from rules.pricing.history import Key
from rules.pricing.late import Booking, Cause, is_late
from rules.pricing.price import existing
from rules.pricing.returning import price_return
from rules.requests import ReturnRequest


def return_purchase(
    program_id: str,
    purchase: Key,
    booked_on: StreamId,
    request: ReturnRequest,
    received_at: datetime,
    *,
    keys: tuple[Reference, ...] = (),
) -> Instruction:
    """
    Return the instruction that undoes a purchase, or a part of it.

    Args:
        program_id: Whose rules price what remains.
        purchase: Source and transaction id of what is undone.
        booked_on: The account's stream id.
        request: As reported.
        received_at: Now, for the check of its time.
        keys: Further references under which the effect is had once.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: The time or the amount is malformed.
    """
    check_time(request.occurred_at, received_at)
    check_text(source=request.source, return_id=request.return_id, reason=request.reason)
    check_amount(request.amount)
    for line in request.lines:
        check_amount(line.amount)
    asked = hashed(
        "return",
        program_id,
        purchase,
        request.return_id,
        request.source,
        as_utc(request.occurred_at),
        _normal(request.amount),
        [(one.line, _normal(one.quantity), _normal(one.amount)) for one in request.lines],
        request.attributes,
        request.redemptions,
    )
    return Instruction(
        ACCOUNT,
        booked_on,
        ((f"return:{program_id}:{request.source}", request.return_id), *keys),
        asked,
        partial(_decide_return, purchase, request),
        program_and_budgets(program_id),
        looks_back=True,
        answer=PurchaseReturned,
    )


def _normal(number: Decimal | None) -> Decimal | None:
    return None if number is None or not number.is_finite() else number.normalize()


def _decide_return(
    purchase: Key,
    request: ReturnRequest,
    state: Account | None,
    program: Program | None,
    _: Budgets | None,
    history: Sequence[AccountEvent] | None = None,
) -> Sequence[AccountEvent | On]:
    if state is None:
        raise AccountNotOpen("The member has no account in this program; enrol the member first.")
    if history is None:
        raise HistoryNeeded
    program = existing(program)
    priced = price_return(purchase, request, history, program, state)
    command = priced.command
    booking = Booking(state)
    # Points that had paid come back first: what the return takes away may be among them.
    at, on = dated(program, request.occurred_at)
    for one in request.redemptions:
        undo = ReverseRedemption(request.source, one.redemption_id, at, on, request.reason, one.points)
        booking.add(account.decide(booking.account, undo))
    booking.add(account.decide(booking.account, command))
    if is_late(state, program, (at, RETURN, request.source, request.return_id)):
        late = Cause("late", request.return_id, at, on)
        booking.add_differences(priced.replay, priced.history, late, but=purchase)
    booking.add_tiers(program, priced.replay.account, Cause("returned", request.return_id, at, on))
    events = booking.events
    key = budgets_key(program.program_id)
    return [*events, *(On(key, one) for one in budget_events(program, priced.history, events))]
