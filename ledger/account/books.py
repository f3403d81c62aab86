"""What an account holds of one point currency: lots, debts, and totals of everything that ever moved."""

from datetime import date

from msgspec import Struct

from ledger.account.events import ORDINARY, OWN


class Lot(Struct, gc=False, omit_defaults=True):
    """Points of one accrual that are still open."""

    lot: int
    points: int
    earned_on: date
    available_from: date
    expires_on: date | None
    kind: str = ORDINARY
    funding: str = OWN
    awaits: str = ""
    cancels_on: date | None = None
    idle_months: int = 0
    activities: tuple[str, ...] = ()
    converts: bool = False
    is_released: bool = False
    """That it became available was recorded."""

    def has_lapsed(self, on: date) -> bool:
        """Tell whether its own dates say that the points are lost on the program-local date ``on``."""
        if self.expires_on is not None and self.expires_on <= on:
            return True
        return self.cancels_on is not None and self.cancels_on <= on and bool(self.awaits)

    def is_available(self, on: date) -> bool:
        """Tell whether its own dates let the points be spent on the program-local date ``on``."""
        return self.available_from <= on and not self.has_lapsed(on)

    def part(self, points: int) -> "Lot":
        """Return the same lot with another number of points."""
        return Lot(
            self.lot,
            points,
            self.earned_on,
            self.available_from,
            self.expires_on,
            self.kind,
            self.funding,
            self.awaits,
            self.cancels_on,
            self.idle_months,
            self.activities,
            self.converts,
            self.is_released,
        )


class Totals(Struct, omit_defaults=True):
    """Everything that ever moved, or what one event moves, by what it was."""

    accrued_points: int = 0
    redeemed_points: int = 0
    reversed_points: int = 0
    """Redeemed points that a reversal gave back."""
    expired_points: int = 0
    """Lapsed, for whatever reason."""
    reinstated_points: int = 0
    clawed_back_points: int = 0
    """Taken back because a purchase was returned, or is worth less than was booked."""
    credited_points: int = 0
    """Given by operators."""
    debited_points: int = 0
    """Taken by operators."""
    transferred_in_points: int = 0
    transferred_out_points: int = 0

    @property
    def balance_points(self) -> int:
        """
        Points the member has, whatever their dates say; below zero where more is owed than held.

        The one identity of the books: it always equals open lots + held points - debts.
        """
        return (
            self.accrued_points
            + self.reversed_points
            + self.reinstated_points
            + self.credited_points
            + self.transferred_in_points
            - self.redeemed_points
            - self.expired_points
            - self.clawed_back_points
            - self.debited_points
            - self.transferred_out_points
        )


class Book(Totals, omit_defaults=True):
    """One point currency of an account."""

    lots: dict[int, Lot] = {}
    debts: dict[str, int] = {}
    """Points that the member owes, by what left the debt. Later accruals pay them back first."""
    held_points: int = 0
    """Taken out of lots by holds that are not resolved."""

    @property
    def open_points(self) -> int:
        """Points in the lots."""
        return sum(lot.points for lot in self.lots.values())

    @property
    def owed_points(self) -> int:
        """Points of all debts together."""
        return sum(self.debts.values()) if self.debts else 0

    def available_points(self, on: date) -> int:
        """
        Points that can be spent on the program-local date ``on``, as far as the lots' own dates tell.

        What inactivity takes is told by `ledger.account.activity`.
        """
        available = sum(lot.points for lot in self.lots.values() if lot.is_available(on))
        return max(0, available - self.owed_points)


def urgency(lot: Lot) -> tuple[date, date, int]:
    """Sort lots into the order in which they are used: earliest expiry first, then oldest, then first made."""
    return (lot.expires_on or date.max, lot.earned_on, lot.lot)
