"""
The end of a checkout: a purchase and the points that pay for it, both or neither.

The points leave first. What the purchase earns is therefore never among what pays for it, and a quote that looked at
the account before both says the same. What the purchase earns does not depend on that: at one and the same moment it
comes before what moves points (`ledger.account.order`), so a rule that reads balances sees the one before they left.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

from msgspec.structs import replace

from ledger.account import decide as account
from ledger.account.errors import CaptureExceedsHold, HoldResolved
from ledger.account.events import AccountEvent, HoldCaptured, PointsHeld, PointsRedeemed
from ledger.account.state import Account
from ledger.posting.instruction import HistoryNeeded, Instruction, Reference
from ledger.program.state import Program
from ledger.streams import StreamId
from rules.activity import Purchase, Redemption
from rules.instructions.asking import hashed
from rules.instructions.holds import capture_hold
from rules.instructions.purchases import post_purchase
from rules.instructions.redemptions import check_amount, redeem
from rules.pricing.late import with_later
from rules.pricing.price import existing, price_redemption
from rules.requests import Capture, Checkout, Settlement


def settle(
    program_id: str,
    hold_id: str,
    booked_on: StreamId,
    request: Settlement,
    received_at: datetime,
    *,
    keys: tuple[Reference, ...] = (),
) -> list[Instruction]:
    """
    Return the instructions that capture a hold and book the purchase it was for; to be posted together.

    Args:
        program_id: Whose rules price both.
        hold_id: What is captured.
        booked_on: The account's stream id.
        request: As reported.
        received_at: Now, for the check of its time.
        keys: Further references under which the effect is had once.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: The time, the basket or an amount is malformed.
        InvalidAmount: The amount cannot be a purchase's.
        UnknownCurrency: There is no such currency.
    """
    purchase = post_purchase(program_id, _purchase(request, ""), received_at, booked_on=booked_on)
    asked = Capture(request.source, request.redemption_id, request.occurred_at, request.points, _payable(request))
    capture = capture_hold(program_id, hold_id, booked_on, asked, received_at)
    request_hash = hashed("settlement", hold_id, capture.request_hash, purchase.request_hash, request.if_expired)
    if request.if_expired == "redeem":
        capture = replace(
            capture,
            decide=partial(_decide_capture_or_redemption, _Wanted(capture.decide, hold_id, asked)),
            looks_back=True,
            answer=(HoldCaptured, PointsRedeemed),
        )
    return _as_one(capture, purchase, request_hash, keys)


def check_out(
    program_id: str, request: Checkout, received_at: datetime, *, keys: tuple[Reference, ...] = ()
) -> list[Instruction]:
    """
    Return the instructions that redeem points and book the purchase they pay for; to be posted together.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: The member's name, the time, the basket or an amount is malformed.
        InvalidAmount: The amount cannot be a purchase's.
        UnknownCurrency: There is no such currency.
    """
    purchase = post_purchase(program_id, _purchase(request, request.member), received_at)
    asked = Redemption(
        request.source,
        request.redemption_id,
        request.member,
        request.occurred_at,
        request.points,
        request.point_currency,
        _payable(request),
    )
    redemption = redeem(program_id, asked, received_at)
    request_hash = hashed("checkout", redemption.request_hash, purchase.request_hash)
    return _as_one(redemption, purchase, request_hash, keys)


def _purchase(request: Settlement | Checkout, member: str) -> Purchase:
    return Purchase(
        request.source,
        request.transaction_id,
        member,
        request.occurred_at,
        request.amount,
        request.currency,
        request.lines,
        request.attributes,
    )


def _payable(request: Settlement | Checkout) -> Decimal:
    """Return the amount of which points may pay a part."""
    check_amount(request.basket_amount, "/basket_amount")
    return request.amount if request.basket_amount is None else request.basket_amount


def _as_one(
    spending: Instruction, purchase: Instruction, request_hash: bytes, keys: tuple[Reference, ...]
) -> list[Instruction]:
    """Let both stand for the whole request: sent again with anything changed, neither is a repeat."""
    # The caller's key stands for both, and a key can stand for one instruction only: for the one that is decided first.
    return [
        replace(spending, request_hash=request_hash, references=(*spending.references, *keys)),
        replace(purchase, request_hash=request_hash),
    ]


class _Wanted(NamedTuple):
    """A capture for which a redemption will do if the hold has ended."""

    capture: Callable[..., Sequence[Any]]
    hold_id: str
    asked: Capture


def _decide_capture_or_redemption(
    wanted: _Wanted,
    state: Account | None,
    program: Program | None,
    history: Sequence[AccountEvent] | None = None,
) -> Sequence[AccountEvent]:
    try:
        return wanted.capture(state, program)
    except HoldResolved as refusal:
        if refusal.members["outcome"] != "expired":
            raise
    if history is None:
        raise HistoryNeeded
    held = next(event for event in history if isinstance(event, PointsHeld) and event.hold_id == wanted.hold_id)
    asked = wanted.asked
    points = asked.points or held.points
    if points > held.points:
        message = f"{points} points are to be captured, and the hold reserved {held.points}."
        raise CaptureExceedsHold(message, pointer="/points", held_points=held.points)
    redemption = Redemption(
        asked.source, asked.redemption_id, "", asked.occurred_at, points, held.point_currency, asked.amount
    )
    # As a capture: it was held to minimum and step when the points were reserved.
    made = account.decide(state, price_redemption(redemption, program, state, is_captured=True))
    assert state is not None
    return with_later(made, state, existing(program), history)
