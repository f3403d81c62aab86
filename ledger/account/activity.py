"""
Inactivity: points that lapse when a member does nothing for a while.

What counts as activity is bound to the lot when it is earned, like every other policy of expiry. The anniversary of
the last activity is still a day on which the points can be spent.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from ledger.account.books import Book, Lot
from ledger.account.state import Account
from ledger.dates import add_months

PURCHASE: Final = "purchase"
ACCRUAL: Final = "accrual"
REDEMPTION: Final = "redemption"
ADJUSTMENT: Final = "adjustment"
TRANSFER_IN: Final = "transfer_in"
TRANSFER_OUT: Final = "transfer_out"

KINDS: Final = (PURCHASE, ACCRUAL, REDEMPTION, ADJUSTMENT, TRANSFER_IN, TRANSFER_OUT)
"""Everything that can count."""

USUAL: Final = (PURCHASE, ACCRUAL, REDEMPTION)
"""What counts where a policy names nothing."""


def idle_on(account: Account, lot: Lot) -> date | None:
    """Return the first date on which inactivity has taken a lot if nothing happens, or ``None`` if it cannot."""
    if not lot.idle_months:
        return None
    active = account.last_active
    dates = [active[kind] for kind in lot.activities or USUAL if kind in active]
    came_on = max([lot.earned_on, *[active[kind] for kind in (ADJUSTMENT, TRANSFER_IN) if kind in active]])
    if dates:
        day = _idle_after(max(dates), lot.idle_months)
        if came_on < day:
            return day if day < date.max else None
    # Points that came to somebody who had long been idle are not lost on the day they came.
    day = _idle_after(came_on, lot.idle_months)
    return day if day < date.max else None


def _idle_after(last: date, months: int) -> date:
    day = add_months(last, months)
    return day + timedelta(days=1) if day < date.max else day


def lapses_on(account: Account, lot: Lot) -> date | None:
    """Return the first date on which a lot is lost, by age, inactivity or an event that does not come."""
    dates = [lot.expires_on, idle_on(account, lot), lot.cancels_on if lot.awaits else None]
    return min((day for day in dates if day is not None), default=None)


def lapse_reason(account: Account, lot: Lot, on: date) -> str | None:
    """Return why a lot is lost on a date, or ``None`` if it is not: what came first."""
    found = [
        (day, reason)
        for day, reason in (
            (lot.cancels_on if lot.awaits else None, "unconfirmed"),
            (lot.expires_on, "age"),
            (idle_on(account, lot), "inactivity"),
        )
        if day is not None and day <= on
    ]
    return min(found)[1] if found else None


def spendable(account: Account, book: Book, on: date) -> Iterator[Lot]:
    """Give the lots that can be spent on a date."""
    for lot in book.lots.values():
        if lot.is_available(on):
            idle = idle_on(account, lot) if lot.idle_months else None
            if idle is None or on < idle:
                yield lot


def available_points(account: Account, point_currency: str, on: date) -> int:
    """Return the points that can be spent on a date: in lots that are available, less what is owed."""
    book = account.books.get(point_currency)
    if book is None:
        return 0
    if not account.has_idle_lots:
        return book.available_points(on)
    return max(0, sum(lot.points for lot in spendable(account, book, on)) - book.owed_points)
