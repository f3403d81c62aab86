"""What an account that is looked back at is made of."""

from datetime import date, datetime

from msgspec import Struct

from ledger.account.books import Lot


class PastLot(Struct):
    """A lot that had come by the date, also when nothing is left in it."""

    lot: Lot
    """With the points left; below zero where points that came back later were used by an entry dated before that."""
    point_currency: str
    accrued_points: int
    rule: str
    version: int


class PastHold(Struct):
    """A hold that had been made by the date, and what had become of it."""

    hold_id: str
    point_currency: str
    points: int
    held_at: datetime
    expires_at: datetime
    version: int
    taken: dict[int, int]
    """Points still aside, by lot."""
    status: str = "open"
    captured_points: int = 0
    resolved_at: datetime | None = None


class PastTier(Struct):
    """The tier on one ladder, as it had been recorded with effect by the date."""

    tier: str
    since: date
    valid_until: date | None
