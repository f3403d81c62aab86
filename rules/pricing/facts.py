"""What rules read of a purchase and of the account it is for."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from ledger.account.events import Attributes, PurchaseLine, PurchasePosted
from ledger.account.state import Account
from ledger.money import to_major
from ledger.program.terms import PointCurrency
from rules.catalog import Variable
from rules.pricing.catalogs import balance_variable


class Bought(Struct, frozen=True, gc=False):
    """A purchase as the rules see it: reported just now, or recorded long ago."""

    amount: Decimal
    """In major units."""
    currency: str
    source: str
    occurred_at: datetime
    """In UTC."""
    effective_on: date
    zone: ZoneInfo
    account: Account | None
    """As it was before the purchase; ``None`` for somebody who has none yet."""
    lines: tuple[PurchaseLine, ...] = ()
    attributes: Attributes = {}

    @property
    def local_time(self) -> datetime:
        """When it occurred, in the program's time zone."""
        return self.occurred_at.astimezone(self.zone)


def recorded(event: PurchasePosted, zone: ZoneInfo, account: Account | None) -> Bought:
    """Return a recorded purchase, given the account as it was before it."""
    return Bought(
        to_major(event.amount_minor, event.currency),
        event.currency,
        event.source,
        event.occurred_at,
        event.effective_on,
        zone,
        account,
        event.lines,
        event.attributes,
    )


Reader = Callable[[Bought], Any]
"""Reads one fact."""

ReadLine = Callable[[PurchaseLine], dict[str, Any]]
"""Reads the fields of a line, by the names that rules give them."""

ReadAccount = Callable[[Account | None, date], Any]
"""Reads one fact of an account, given the date it is asked about."""

_ZERO: Final = Decimal(0)

_READERS: Final[dict[str, Reader]] = {
    "transaction_amount": lambda bought: bought.amount,
    "currency": lambda bought: bought.currency,
    "source": lambda bought: bought.source,
    "purchased_on": lambda bought: bought.effective_on,
    "weekday": lambda bought: Decimal(bought.effective_on.isoweekday()),
    "hour": lambda bought: Decimal(bought.local_time.hour),
}


def account_readers(
    point_currencies: Iterable[PointCurrency],
    currency: str,
) -> dict[str, ReadAccount]:
    """Return how each fact of the account is read, given the date it is asked about."""
    found: dict[str, ReadAccount] = {
        "member_since": lambda account, on: account.opened_on if account else on,
        "purchase_count": lambda account, _: Decimal(account.purchase_count) if account else _ZERO,
        "lifetime_spend": lambda account, _: to_major(account.spent_minor, currency) if account else _ZERO,
        "last_purchase_days_ago": _days_since_last_purchase,
    }
    for one in reversed(list(point_currencies)):
        found[balance_variable(one.code)] = found["points_balance"] = _balance(one)
    return found


def _days_since_last_purchase(account: Account | None, on: date) -> Decimal | None:
    if account is None or account.last_purchase_on is None:
        return None
    return Decimal(max(0, (on - account.last_purchase_on).days))


def _balance(point_currency: PointCurrency) -> Callable[[Account | None, date], Decimal]:
    code, scale = point_currency.code, point_currency.scale

    def read(account: Account | None, _: date) -> Decimal:
        book = account.books.get(code) if account else None
        return Decimal(book.balance_points).scaleb(-scale) if book else _ZERO

    return read


def purchase_readers(
    names: Iterable[str],
    attributes: Iterable[Variable],
    read_line: ReadLine,
    of_account: Mapping[str, ReadAccount],
) -> tuple[tuple[str, Reader], ...]:
    """
    Return how the facts that rules read are got from a purchase; what no rule reads is not looked up.

    Args:
        names: The variables that the program's rules read.
        attributes: What the program declares of purchases.
        read_line: From `line_reader`.
        of_account: From `account_readers`.
    """
    declared = {one.name: _attribute(one) for one in attributes}
    readers: dict[str, Reader] = {
        **_READERS,
        **{name: _of_account(read) for name, read in of_account.items()},
        **declared,
        "lines": lambda bought: tuple([read_line(line) for line in bought.lines]),
    }
    return tuple((name, readers[name]) for name in sorted(set(names)) if name in readers)


def _of_account(read: ReadAccount) -> Reader:
    return lambda bought: read(bought.account, bought.effective_on)


def _attribute(variable: Variable) -> Reader:
    name = variable.name
    return lambda bought: as_fact(variable, bought.attributes.get(name))


def line_reader(attributes: Iterable[Variable], currency: str, named: Callable[[str], str] = str) -> ReadLine:
    """
    Return how the fields of a line are read.

    Args:
        attributes: What the program declares of lines.
        currency: Of the amounts.
        named: What a field is called.
    """
    declared = tuple((named(one.name), one) for one in attributes)
    amount, quantity, sku, category, brand = map(named, ("amount", "quantity", "sku", "category", "brand"))

    def read(line: PurchaseLine) -> dict[str, Any]:
        fields = {
            amount: to_major(line.amount_minor, currency),
            quantity: Decimal(line.quantity),
            sku: line.sku or None,
            category: line.category or None,
            brand: line.brand or None,
        }
        for name, variable in declared:
            fields[name] = as_fact(variable, line.attributes.get(variable.name))
        return fields

    return read


def as_fact(variable: Variable, value: Any) -> Any:
    """Turn a stored attribute into what rules calculate with; it was checked before it was stored."""
    if value is None:
        return None
    match variable.type:
        case "decimal" | "int":
            return Decimal(value)
        case "date":
            return date.fromisoformat(value)
        case "list[str]":
            return tuple(value)
        case _:
            return value
