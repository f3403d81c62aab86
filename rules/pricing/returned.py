"""What of a purchase comes back: never more than was bought, and is left of it."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal

from ledger.account.events import PurchaseLine
from ledger.money import InvalidAmount, to_minor
from rules.emit.arithmetic import CONTEXT
from rules.errors import ReturnExceedsPurchase, UnknownLine
from rules.pricing.history import Booked, Returned, add_returned, remaining_lines
from rules.requests import ReturnRequest


def returned_lines(booked: Booked, request: ReturnRequest, currency: str) -> tuple[PurchaseLine, ...]:
    """Return what comes back of each line, with its amount."""
    sold = {line.line: line for line in booked.event.lines}
    left = {line.line: line for line in booked.lines_left()}
    back = []
    for index, asked in enumerate(request.lines):
        pointer = f"/lines/{index}"
        if asked.line not in sold:
            raise UnknownLine(f"The purchase has no line {asked.line!r}.", pointer=f"{pointer}/line")
        rest = left.pop(asked.line, None)
        if rest is None:
            message = f"Nothing is left of line {asked.line!r}, or it is named twice."
            raise ReturnExceedsPurchase(message, pointer=f"{pointer}/line")
        rest_quantity = Decimal(rest.quantity)
        quantity = rest_quantity if asked.quantity is None else asked.quantity
        if not (quantity.is_finite() and 0 <= quantity <= rest_quantity):
            message = f"Of line {asked.line!r} there are {rest_quantity:f} left to return, not {quantity}."
            raise ReturnExceedsPurchase(message, pointer=f"{pointer}/quantity")
        if asked.amount is not None:
            amount_minor = _minor(asked.amount, currency, f"{pointer}/amount")
        else:
            amount_minor = _part(sold[asked.line], rest, quantity)
        if amount_minor > rest.amount_minor:
            message = (
                f"Of line {asked.line!r} {rest.amount_minor} minor units of {currency} are left, not {amount_minor}."
            )
            raise ReturnExceedsPurchase(message, pointer=f"{pointer}/amount")
        back.append(
            PurchaseLine(
                asked.line, amount_minor, f"{quantity:f}", rest.sku, rest.category, rest.brand, rest.attributes
            )
        )
    return tuple(back)


def _minor(amount: Decimal, currency: str, pointer: str) -> int:
    try:
        return to_minor(amount, currency)
    except InvalidAmount as refusal:
        raise InvalidAmount(refusal.detail, pointer=pointer, **refusal.members) from None


def _part(sold: PurchaseLine, rest: PurchaseLine, quantity: Decimal) -> int:
    """Return the part of a line's amount that belongs to a quantity; the last piece takes what is left."""
    if quantity == Decimal(rest.quantity):
        return rest.amount_minor
    share = CONTEXT.divide(CONTEXT.multiply(Decimal(sold.amount_minor), quantity), Decimal(sold.quantity))
    return min(rest.amount_minor, int(share.to_integral_value(ROUND_FLOOR)))


def returned_amount(booked: Booked, request: ReturnRequest, lines: Sequence[PurchaseLine]) -> int:
    """Return what is given back, in minor units."""
    currency = booked.event.currency
    # What cost nothing, a gift in the basket, may still come back when everything was paid back.
    if booked.undone.is_all and not (lines and all(one.amount_minor == 0 for one in lines)):
        message = f"Nothing is left of purchase {booked.event.transaction_id!r}; it was returned before."
        raise ReturnExceedsPurchase(message, pointer="/amount", left_minor=0)
    if request.amount is not None:
        amount_minor = to_minor(request.amount, currency)
    elif lines:
        # Lines may hold tax that the purchase's amount does not, or lack a discount that it does.
        everything = not remaining_lines(booked.event.lines, with_returned(booked.undone.lines, lines))
        amount_minor = (
            booked.left_minor if everything else min(booked.left_minor, sum(one.amount_minor for one in lines))
        )
    else:
        amount_minor = booked.left_minor
    if amount_minor > booked.left_minor:
        message = f"{amount_minor} minor units of {currency} are to be returned, and {booked.left_minor} are left."
        raise ReturnExceedsPurchase(message, pointer="/amount", left_minor=booked.left_minor)
    return amount_minor


def with_returned(returned: Mapping[str, Returned], lines: Iterable[PurchaseLine]) -> dict[str, Returned]:
    """Return what came back of each line once these come back too."""
    copied = {name: Returned(one.amount_minor, one.quantity) for name, one in returned.items()}
    add_returned(copied, lines)
    return copied


def returned_attributes(booked: Booked, request: ReturnRequest, *, is_full: bool) -> dict[str, int]:
    """Return the whole numbers that are undone: all that is left of them by a full return."""
    carried = {
        name: int(value) - booked.undone.attributes.get(name, 0)
        for name, value in booked.event.attributes.items()
        if isinstance(value, int) and not isinstance(value, bool)
    }
    if is_full:
        return {name: number for name, number in carried.items() if number}
    undone = {}
    for name, number in request.attributes.items():
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= carried.get(name, 0):
            message = f"Of {name!r} there are {carried.get(name, 0)} left to return, not {number}."
            raise ReturnExceedsPurchase(message, pointer=f"/attributes/{name}")
        if number:
            undone[name] = number
    return undone
