"""Redemptions and their reversal."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial

from ledger.account import decide as account
from ledger.account.commands import ReverseRedemption
from ledger.account.events import AccountEvent, PointsRedeemed, RedemptionReversed
from ledger.account.state import Account
from ledger.dates import as_utc
from ledger.errors import InvalidInput
from ledger.posting.instruction import Instruction, Reference
from ledger.program.state import Program
from ledger.streams import ACCOUNT, StreamId
from rules.activity import Redemption, Reversal, check_text, check_time, member_address
from rules.instructions.asking import dated, hashed, program_only
from rules.pricing.late import with_later
from rules.pricing.price import price_redemption


def redeem(
    program_id: str,
    redemption: Redemption,
    received_at: datetime,
    *,
    keys: tuple[Reference, ...] = (),
) -> Instruction:
    """
    Return the instruction that books a redemption.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: The member's name, the time or the amount is malformed.
    """
    check_time(redemption.occurred_at, received_at)
    amount = redemption.amount
    check_amount(amount)
    check_text(source=redemption.source, redemption_id=redemption.redemption_id, member=redemption.member)
    asked: tuple[object, ...] = (
        "redemption",
        program_id,
        redemption.redemption_id,
        redemption.source,
        redemption.member,
        as_utc(redemption.occurred_at),
        redemption.points,
        redemption.point_currency,
    )
    if amount is not None:
        asked = (*asked, amount.normalize())
    return Instruction(
        ACCOUNT,
        member_address(program_id, redemption.member),
        (redemption_reference(program_id, redemption.redemption_id), *keys),
        hashed(*asked),
        partial(_decide_redemption, redemption),
        program_only(program_id),
        looks_back=True,
        answer=PointsRedeemed,
    )


def check_amount(amount: Decimal | None, pointer: str = "/amount") -> None:
    """
    Refuse what cannot be the amount of a purchase, as far as that can be told without its currency.

    Raises:
        InvalidInput: It is negative, not a number, or beyond any sale.
    """
    if amount is not None and not (amount.is_finite() and 0 <= amount < _MAX_MAJOR):
        raise InvalidInput("The amount of the purchase is a sum of money, not negative.", pointer=pointer)


_MAX_MAJOR = Decimal(10**15)


def redemption_reference(program_id: str, redemption_id: str) -> Reference:
    """Return the reference under which a redemption is booked."""
    return f"redemption:{program_id}", redemption_id


def reverse_redemption(
    program_id: str,
    redemption_id: str,
    booked_on: StreamId,
    reversal: Reversal,
    received_at: datetime,
    *,
    keys: tuple[Reference, ...] = (),
) -> Instruction:
    """
    Return the instruction that undoes a redemption.

    The same reversal sent again is answered again; another one of the same redemption is refused by the account.

    Args:
        program_id: Whose calendar dates it.
        redemption_id: What is undone.
        booked_on: The account's stream id.
        reversal: Who undoes it, when and why.
        received_at: Now, for the check of its time.
        keys: Further references under which the effect is had once.

    Raises:
        OccurredInFuture: See `check_time`.
    """
    check_time(reversal.occurred_at, received_at)
    check_text(source=reversal.source, reason=reversal.reason)
    asked: tuple[object, ...] = (
        "reversal",
        program_id,
        redemption_id,
        reversal.source,
        as_utc(reversal.occurred_at),
        reversal.reason,
    )
    if reversal.points is not None:
        asked = (*asked, reversal.points)
    request_hash = hashed(*asked)
    reference = (f"reversal:{program_id}", f"{redemption_id}:{request_hash.hex()[:32]}")
    decide = partial(_decide_reversal, redemption_id, reversal)
    return Instruction(
        ACCOUNT,
        booked_on,
        (reference, *keys),
        request_hash,
        decide,
        program_only(program_id),
        looks_back=True,
        answer=RedemptionReversed,
    )


def _decide_redemption(
    redemption: Redemption,
    state: Account | None,
    program: Program | None,
    history: Sequence[AccountEvent] | None = None,
) -> Sequence[AccountEvent]:
    made = account.decide(state, price_redemption(redemption, program, state))
    return _with_later(made, state, program, history)


def _decide_reversal(
    redemption_id: str,
    reversal: Reversal,
    state: Account | None,
    program: Program | None,
    history: Sequence[AccountEvent] | None = None,
) -> Sequence[AccountEvent]:
    at, on = dated(program, reversal.occurred_at)
    command = ReverseRedemption(reversal.source, redemption_id, at, on, reversal.reason, reversal.points)
    return _with_later(account.decide(state, command), state, program, history)


def _with_later(
    made: list[AccountEvent],
    state: Account | None,
    program: Program | None,
    history: Sequence[AccountEvent] | None,
) -> Sequence[AccountEvent]:
    # Without an account or a program it was refused before.
    assert state is not None
    assert program is not None
    return with_later(made, state, program, history)
