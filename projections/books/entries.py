"""Entries: what an event, or the end of a month, means in accounts."""

from datetime import date
from typing import NamedTuple

from msgspec import Struct

from ledger.account.events import HoldCaptured, PointsRedeemed, PurchasePosted
from projections.books.amounts import divided


class Posting(NamedTuple):
    """One line: a debit above zero, a credit below."""

    account: str
    amount: int
    """Minor units, or points where ``is_points``."""
    cohort: str = ""
    point_currency: str = ""
    points: int = 0
    """That a line of money is about."""
    partner: str = ""
    is_points: bool = False


class Entry(Struct):
    """Postings that balance: money in its currency, and points in theirs."""

    entry_id: str
    """``<partition>:<position>`` of the event; ``<month>:<n>`` at the end of a month."""
    service_date: date
    posting_date: date
    kind: str
    """Topic of the event."""
    currency: str
    description: str
    postings: list[Posting]
    program_version: int = 0
    entered_by: str = ""


class ApprovedEntry(Entry):
    """An entry from version 2 of the scheme on."""

    approved_by: str = ""
    """The second person who agreed to the event, where it took two."""


class Known(Struct, frozen=True):
    """What the ledger knows of an event besides what the event says."""

    original: PointsRedeemed | HoldCaptured | None = None
    """Of a reversal: the redemption."""
    sale: PurchasePosted | None = None
    """Of what changes a purchase: the purchase."""
    approved_by: str = ""


NOTHING_MORE = Known()


class RedeemedLot(Struct):
    """What was posted for points of a lot that a supplier or their funder settles, and what was taken back of it."""

    points: int
    amounts: tuple[int, int, int, int]
    """In minor units: contract and given value that was released, owed to the supplier, owed by the funder."""
    points_back: int = 0
    back: tuple[int, int, int, int] = (0, 0, 0, 0)

    def take_back(self, points: int) -> tuple[int, int, int, int]:
        """Take points back, and return their part of each amount; all of the points are all of the amounts."""
        self.points_back += points
        due = [divided(amount * self.points_back, self.points) for amount in self.amounts]
        parts = [one - before for one, before in zip(due, self.back, strict=True)]
        self.back = (due[0], due[1], due[2], due[3])
        return (parts[0], parts[1], parts[2], parts[3])


class LotWorth(NamedTuple):
    """Which cohort a lot is of, and what was allocated to each of its points, in exact minor units as text."""

    cohort: str
    units: tuple[str, str, str]
