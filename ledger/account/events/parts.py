"""The parts that events of an account are made of."""

from datetime import date, datetime

from msgspec import Struct

ORDINARY = "base"
"""Kind of an accrual that comes from the purchase itself. Others: ``bonus``, ``adjustment``, ``transfer``."""

OWN = "own"
"""Funding of points that the program itself pays for."""

Attributes = dict[str, str | int | bool | list[str] | None]
"""Facts by name, as plain JSON."""


class Accrual(Struct, frozen=True, omit_defaults=True):
    """Points booked to one new lot."""

    lot: int
    """Number of the lot within the account, counted from 1."""
    point_currency: str
    points: int
    available_from: date
    """First program-local date on which the points can be spent; the end of the calendar while they await an event."""
    expires_on: date | None = None
    """First program-local date on which they can no longer be spent; ``None`` means never."""
    kind: str = ORDINARY
    rule: str = ""
    """The rule that priced it, by its id in the program version; empty where no rule did."""
    funding: str = OWN
    cap_periods: tuple[str, ...] = ()
    """Periods in which these points count against the rule's caps: ``2026-11-22``, ``2026-11``, ``2026``."""
    earned_on: date | None = None
    """When they were earned, where that is not the event's effective date: points of a transfer keep their age."""
    awaits: str = ""
    """The business event that makes them available, for example ``stay-completed``."""
    cancels_on: date | None = None
    """First date on which they are lost if that event has not come."""
    idle_months: int = 0
    """Months without activity after which they lapse; 0 means that inactivity does not matter."""
    activities: tuple[str, ...] = ()
    """What counts as activity for them; empty for the usual: see `ledger.account.activity`."""
    converts: bool = False
    """What is left of them becomes a voucher when they lapse."""


class PurchaseLine(Struct, frozen=True, omit_defaults=True):
    """One line of a basket."""

    line: str
    """Its name within the purchase."""
    amount_minor: int
    quantity: str = "1"
    """Decimal digits: pieces, litres, nights."""
    sku: str = ""
    category: str = ""
    brand: str = ""
    attributes: Attributes = {}


class LotPoints(Struct, frozen=True):
    """Points taken from, or given back to, one lot."""

    lot: int
    points: int


class LotMove(Struct, frozen=True):
    """The same in an event that may be about several point currencies."""

    lot: int
    point_currency: str
    points: int


class Repayment(Struct, frozen=True):
    """Points of a lot that pay a debt back; they are gone from the lot."""

    lot: int
    point_currency: str
    points: int
    debt: str
    """What left the debt, by the id of the return or adjustment."""


class Count(Struct, frozen=True):
    """What an event adds to a counter that tiers are made of."""

    counter: str
    """Ladder and counter: ``status:nights``."""
    period: str
    """In which it counts: a year, a day, a year of membership, or ``ever``."""
    amount: int
    """Points or minor units of money, or pieces; negative where a return takes away."""


class Promised(Struct, frozen=True, omit_defaults=True):
    """What a till promised for a purchase that it priced by itself: it is what the receipt says."""

    program_version: int
    """Of the rule bundle that it priced by."""
    points: dict[str, int]
    """Per point currency."""
    priced_at: datetime | None = None
    reason: str = ""
    """Why the booked points are others, as far as that was known when they were booked; empty where they are not."""
