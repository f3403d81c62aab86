"""Activity as instructions for the poster: where it goes, what makes it unique, how it is decided."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, partial
from hashlib import sha256
from uuid import UUID

import msgspec

from ledger.account import decide as account
from ledger.account.commands import OpenAccount, ReverseRedemption
from ledger.account.deciding.standing import tier_event
from ledger.account.events import AccountEvent, PurchaseLine, PurchasePosted
from ledger.account.state import Account
from ledger.budget.state import Budgets
from ledger.dates import as_utc, local_date, time_zone
from ledger.errors import InvalidInput
from ledger.money import to_minor
from ledger.posting.instruction import Instruction, On, Reference, StreamKey
from ledger.program.state import Program
from ledger.streams import (
    ACCOUNT,
    BUDGET,
    PROGRAM,
    StreamId,
    account_stream_id,
    budget_stream_id,
    program_stream_id,
)
from rules.activity import Purchase, Redemption, Reversal, check_text, check_time, member_address
from rules.pricing.price import CheckedPurchase, existing, price_purchase, price_redemption

_encode = msgspec.json.Encoder(order="deterministic").encode


def post_purchase(
    program_id: str,
    purchase: Purchase,
    received_at: datetime,
    *,
    keys: tuple[Reference, ...] = (),
) -> Instruction:
    """
    Return the instruction that books a purchase.

    Args:
        program_id: Whose rules price it.
        purchase: As reported.
        received_at: Now, for the check of its time.
        keys: Further references under which the effect is had once.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: The member's name or the time is malformed.
        InvalidAmount: The amount cannot be a purchase's.
        UnknownCurrency: There is no such currency.
    """
    check_time(purchase.occurred_at, received_at)
    source, transaction_id, member = purchase.source, purchase.transaction_id, purchase.member
    if not (source + transaction_id + member).isprintable():
        check_text(source=source, transaction_id=transaction_id, member=member)
    checked = CheckedPurchase(purchase, to_minor(purchase.amount, purchase.currency), checked_lines(purchase))
    # What was meant, not how it was spelled: 5, 5.0 and "5.00" are one amount, +01:00 and Z one time.
    asked: tuple[object, ...] = (
        "purchase",
        program_id,
        source,
        transaction_id,
        member,
        as_utc(purchase.occurred_at),
        checked.amount_minor,
        purchase.currency,
    )
    if purchase.lines or purchase.attributes:
        asked = (*asked, checked.lines, purchase.attributes)
    return Instruction(
        ACCOUNT,
        member_address(program_id, member),
        (purchase_reference(program_id, source, transaction_id), *keys),
        sha256(_encode(asked)).digest(),
        partial(_decide_purchase, checked),
        _program_and_budgets(program_id),
        looks_back=True,
        answer=PurchasePosted,
    )


def checked_lines(purchase: Purchase) -> tuple[PurchaseLine, ...]:
    """
    Return the lines of a purchase as they are stored, each with a name.

    Raises:
        InvalidAmount: The amount of a line is no sum of money.
        InvalidInput: Two lines have one name, or a quantity is no number that a basket can hold.
    """
    if not purchase.lines:
        return ()
    lines = []
    names: set[str] = set()
    for index, line in enumerate(purchase.lines):
        name = line.line or str(index + 1)
        if name in names:
            raise InvalidInput(f"The line {name!r} is there twice.", pointer=f"/lines/{index}/line")
        names.add(name)
        if not (name + line.sku + line.category + line.brand).isprintable():
            raise InvalidInput("A line has a text that cannot be printed.", pointer=f"/lines/{index}")
        if not (line.quantity.is_finite() and 0 <= line.quantity < _MAX_QUANTITY):
            message = f"A quantity is a number from 0 to {_MAX_QUANTITY:f}."
            raise InvalidInput(message, pointer=f"/lines/{index}/quantity")
        quantity = f"{line.quantity:f}"
        amount_minor = to_minor(line.amount, purchase.currency)
        lines.append(PurchaseLine(name, amount_minor, quantity, line.sku, line.category, line.brand, line.attributes))
    return tuple(lines)


_MAX_QUANTITY = Decimal(10**9)
_MAX_MAJOR = Decimal(10**15)


def purchase_reference(program_id: str, source: str, transaction_id: str) -> Reference:
    """Return the reference under which a purchase is booked."""
    return f"purchase:{program_id}:{source}", transaction_id


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
    if amount is not None and not (amount.is_finite() and 0 <= amount < _MAX_MAJOR):
        raise InvalidInput("The amount of the purchase is a sum of money, not negative.", pointer="/amount")
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
        sha256(_encode(asked)).digest(),
        partial(_decide_redemption, redemption),
        _program(program_id),
    )


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
    asked = ("reversal", program_id, redemption_id, reversal.source, as_utc(reversal.occurred_at), reversal.reason)
    request_hash = sha256(_encode(asked)).digest()
    reference = (f"reversal:{program_id}", f"{redemption_id}:{request_hash.hex()[:32]}")
    decide = partial(_decide_reversal, redemption_id, reversal)
    return Instruction(ACCOUNT, booked_on, (reference, *keys), request_hash, decide, _program(program_id))


def _decide_reversal(
    redemption_id: str,
    reversal: Reversal,
    state: Account | None,
    program: Program | None,
) -> Sequence[AccountEvent]:
    zone = time_zone(existing(program).timezone)
    command = ReverseRedemption(
        reversal.source,
        redemption_id,
        as_utc(reversal.occurred_at),
        local_date(reversal.occurred_at, zone),
        reversal.reason,
    )
    return account.decide(state, command)


def open_account(program_id: str, member_id: UUID, occurred_at: datetime) -> Instruction:
    """Return the instruction that opens a member's account; opening it again changes nothing."""
    stream_id = account_stream_id(program_id, member_id)
    reference = (f"enrolment:{program_id}", str(member_id))
    request_hash = sha256(_encode(("enrolment", program_id, member_id))).digest()
    decide = partial(_decide_opening, program_id, member_id, occurred_at)
    return Instruction(ACCOUNT, stream_id, (reference,), request_hash, decide, _program(program_id))


def _decide_opening(
    program_id: str,
    member_id: UUID,
    occurred_at: datetime,
    state: Account | None,
    program: Program | None,
) -> Sequence[AccountEvent]:
    zone = time_zone(existing(program).timezone)
    command = OpenAccount(program_id, str(member_id), as_utc(occurred_at), local_date(occurred_at, zone))
    return account.decide(state, command)


def _decide_purchase(
    checked: CheckedPurchase,
    state: Account | None,
    program: Program | None,
    budgets: Budgets | None,
) -> Sequence[AccountEvent | On]:
    priced = price_purchase(checked, program, state, budgets)
    events = account.decide(state, priced.command)
    if priced.tiers and state is not None:
        balances = events[-1].balances  # type: ignore[union-attr]  # of the purchase
        events += [tier_event(state, command, balances) for command in priced.tiers]
    draws = priced.draws()
    if not draws or program is None:
        return events
    key = _program_and_budgets(program.program_id)[1]
    return [*events, *(On(key, draw) for draw in draws)]


def _decide_redemption(
    redemption: Redemption,
    state: Account | None,
    program: Program | None,
) -> Sequence[AccountEvent]:
    return account.decide(state, price_redemption(redemption, program, state))


@lru_cache(maxsize=1024)
def _program(program_id: str) -> tuple[StreamKey, ...]:
    return (StreamKey(PROGRAM, program_stream_id(program_id)),)


@lru_cache(maxsize=1024)
def _program_and_budgets(program_id: str) -> tuple[StreamKey, ...]:
    return (*_program(program_id), StreamKey(BUDGET, budget_stream_id(program_id)))
