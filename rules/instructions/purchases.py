"""Purchases: booked once under their source and transaction id, also where they arrive late."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial

from ledger.account import decide as account
from ledger.account.deciding.standing import tier_event
from ledger.account.events import AccountEvent, PurchaseLine, PurchasePosted
from ledger.account.state import Account
from ledger.budget.events import BudgetEvent
from ledger.budget.state import Budgets
from ledger.dates import as_utc
from ledger.errors import InvalidInput
from ledger.money import to_minor
from ledger.posting.instruction import HistoryNeeded, Instruction, On, Reference
from ledger.program.state import Program
from ledger.streams import ACCOUNT, StreamId
from rules.activity import Purchase, check_text, check_time, member_address
from rules.instructions.asking import budgets_key, hashed, program_and_budgets
from rules.pricing.drawing import budget_events
from rules.pricing.history import history_of
from rules.pricing.late import is_late, place_of_purchase, post_late
from rules.pricing.price import CheckedPurchase, price_purchase
from rules.tills.variance import with_reason


def post_purchase(
    program_id: str,
    purchase: Purchase,
    received_at: datetime,
    *,
    keys: tuple[Reference, ...] = (),
    booked_on: StreamId | None = None,
) -> Instruction:
    """
    Return the instruction that books a purchase.

    Args:
        program_id: Whose rules price it.
        purchase: As reported.
        received_at: Now, for the check of its time.
        keys: Further references under which the effect is had once.
        booked_on: The account's stream id, where it is known; then nobody reads how the member is named.

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
        booked_on or member_address(program_id, member),
        (purchase_reference(program_id, source, transaction_id), *keys),
        hashed(*asked),
        partial(_decide_purchase, checked),
        program_and_budgets(program_id),
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


def purchase_reference(program_id: str, source: str, transaction_id: str) -> Reference:
    """Return the reference under which a purchase is booked."""
    return f"purchase:{program_id}:{source}", transaction_id


def _decide_purchase(
    checked: CheckedPurchase,
    state: Account | None,
    program: Program | None,
    budgets: Budgets | None,
    history: Sequence[AccountEvent] | None = None,
) -> Sequence[AccountEvent | On]:
    priced = price_purchase(checked, program, state, budgets)
    command = priced.command
    if state is not None and program is not None and is_late(state, program, place_of_purchase(command)):
        if history is None:
            raise HistoryNeeded
        events = post_late(command, state, program, history)
        draws: Sequence[BudgetEvent] = [*budget_events(program, history_of(history), events)]
    else:
        events = account.decide(state, command)
        if priced.tiers and state is not None:
            balances = events[-1].balances  # type: ignore[union-attr]  # of the purchase
            events += [tier_event(state, one, balances) for one in priced.tiers]
        draws = priced.draws()
    if checked.purchase.promised is not None and program is not None:
        events = [
            with_reason(event, priced, program, state) if isinstance(event, PurchasePosted) else event
            for event in events
        ]
    if not draws or program is None:
        return events
    return [*events, *(On(budgets_key(program.program_id), draw) for draw in draws)]
