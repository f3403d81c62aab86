"""What an account is, folded from its events by `ledger.account.evolve`."""

from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from ledger.account.books import Book, Lot
from ledger.account.order import Place


class Redemption(Struct, omit_defaults=True):
    """A booked redemption, with the lots as they were when it took from them."""

    point_currency: str
    points: int
    effective_on: date
    taken: list[Lot]
    """Each with the points taken that were not given back, and the dates the lot has."""
    value_minor: int = 0
    reversed_points: int = 0

    @property
    def is_reversed(self) -> bool:
        """Whether everything was given back."""
        return self.reversed_points == self.points


class Hold(Struct, omit_defaults=True):
    """Points reserved and not yet resolved."""

    point_currency: str
    points: int
    expires_at: datetime
    taken: list[Lot]
    amount_minor: int | None = None
    """Of the purchase that they help to pay, if it was told."""


class Held(Struct, omit_defaults=True):
    """The tier a member holds on one ladder, as far as it was recorded."""

    tier: str = ""
    secured: dict[str, date | None] = {}
    """Every tier that was qualified for or assigned, and the first date on which that no longer holds."""
    bases: dict[str, str] = {}
    """In which period each of them was qualified for; empty for one that was assigned."""


class Voucher(Struct, omit_defaults=True):
    """Points that became money off a later purchase."""

    value_minor: int
    currency: str
    expires_on: date
    point_currency: str = ""
    points: int = 0
    """It was made of; they lapsed, and are not lost."""


Status = Literal["open", "earn_only", "suspended", "closed"]


class Account(Struct, omit_defaults=True):
    """
    One member's holdings in one program.

    Only `evolve` changes it, in place: posting is the hottest path of the engine, and copying an account per event
    would cost more than deciding it.
    """

    program_id: str
    member_id: str
    opened_on: date
    books: dict[str, Book] = {}
    redemptions: dict[str, Redemption] = {}
    lot_count: int = 0
    """Lots ever made; the next one gets this number plus one."""
    purchase_count: int = 0
    spent_minor: int = 0
    """Amounts of all purchases together, less what was returned, in minor units of the program's currency."""
    last_purchase_on: date | None = None
    last_place: Place | None = None
    """Of the latest purchase, accrual, return or tier given by hand; what belongs before it arrives out of order."""
    last_moved_at: datetime | None = None
    """The latest moment at which anything else changed a balance."""
    capped_points: dict[str, dict[str, int]] = {}
    """What rules with caps gave: by rule, then by period."""
    counters: dict[str, dict[str, int]] = {}
    """What tiers are made of: by ladder and counter, then by period."""
    last_active: dict[str, date] = {}
    """The last date of each kind of activity; see `ledger.account.activity`."""
    has_idle_lots: bool = False
    """There were lots that inactivity can take."""
    holds: dict[str, Hold] = {}
    resolved_holds: dict[str, str] = {}
    """What became of each hold that was resolved: ``captured``, ``voided`` or ``expired``."""
    tiers: dict[str, Held] = {}
    vouchers: dict[str, Voucher] = {}
    status: Status = "open"
    merged_into: str = ""

    def lapsed_points(self, point_currency: str) -> int:
        """Return points that lapsed, and were neither given back nor turned into vouchers."""
        book = self.books.get(point_currency)
        if book is None:
            return 0
        converted = sum(one.points for one in self.vouchers.values() if one.point_currency == point_currency)
        return book.expired_points - book.reinstated_points - converted

    def balances(self) -> dict[str, int]:
        """Return the booked points of every point currency."""
        return {code: book.balance_points for code, book in self.books.items()}
