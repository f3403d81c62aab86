"""Books in memory: a program's months over events that a test gives, a month after the other."""

from collections import defaultdict
from datetime import UTC, date, datetime, time
from typing import Any

from ledger.account.events import (
    AccountEvent,
    Accrual,
    HoldCaptured,
    LotMove,
    LotPoints,
    LotsExpired,
    PointsRedeemed,
    PurchasePosted,
    PurchaseRepriced,
    PurchaseReturned,
    RedemptionReversed,
)
from ledger.bookkeeping.decide import following
from ledger.bookkeeping.events import PeriodClosed, SettingsSet
from ledger.bookkeeping.state import Bookkeeping
from projections.books.chart import SCHEME_VERSION
from projections.books.entries import Entry, Known, LotWorth, RedeemedLot
from projections.books.month import Month
from projections.books.subledger import RedeemedLotKey
from projections.books.window import Window

ACCOUNT = b"a" * 16
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def settings(**changes: Any) -> SettingsSet:
    """Return settings in yen: a unit is a unit, as in the examples of the standards."""
    fields: dict[str, Any] = {
        "program_id": "club",
        "point_currency": "points",
        "effective_on": date(2020, 1, 1),
        "currency": "JPY",
        "point_value_minor": "1",
        "redemption_rate": "0.95",
        "expiry_method": "proportional",
        "by": "test",
        "occurred_at": NOON,
    }
    return SettingsSet(**fields | changes)


class Memory:
    """Remembers what later events undo or change, of the events that it is asked about."""

    def __init__(self) -> None:
        """Nothing happened yet."""
        self._redeemed: dict[str, PointsRedeemed | HoldCaptured] = {}
        self._sold: dict[str, PurchasePosted] = {}

    def of(self, event: AccountEvent) -> Known:
        """Return what is known of an event."""
        match event:
            case PointsRedeemed() | HoldCaptured():
                self._redeemed[event.redemption_id] = event
            case PurchasePosted():
                self._sold[event.transaction_id] = event
            case RedemptionReversed():
                return Known(original=self._redeemed[event.redemption_id])
            case PurchaseReturned() | PurchaseRepriced():
                return Known(sale=self._sold[event.transaction_id])
            case _:
                pass
        return Known()


class Bookkeeper:
    """Closes one month after the other."""

    def __init__(
        self, *all_settings: SettingsSet, period: str = "2026-01", scheme_version: int = SCHEME_VERSION
    ) -> None:
        """Nothing happened yet."""
        self.scheme_version = scheme_version
        self.redeemed_lots: dict[RedeemedLotKey, RedeemedLot] = {}
        self.memory = Memory()
        self.books = Bookkeeping(settings=list(all_settings), estimates={})
        self.estimates: dict[str, int] = {}
        self.period = period
        self.before: PeriodClosed | None = None
        self.position = 0
        self.worth: dict[tuple[bytes, int], LotWorth] = {}
        self.entries: list[Entry] = []
        """Of the last month."""

    def close(self, *events: AccountEvent, account: bytes = ACCOUNT) -> PeriodClosed:
        """Book events, in order, and close the month."""
        window = Window(self.period, self.before, {"0": self.position + len(events)})
        month = Month(self.books, self.estimates, self.before, window, self.scheme_version)
        month.ledger.lots, month.ledger.redeemed_lots = self.worth, self.redeemed_lots
        self.entries = []
        for event in events:
            self.position += 1
            assert window.takes(0, self.position, account, event.effective_on)
            entry = month.book(f"0:{self.position}", account, event, self.memory.of(event))
            self.entries += [entry] if entry else []
        self.entries += month.end()
        self.before = month.closed("test", NOON)
        self.estimates = dict(self.books.estimates)
        self.period = following(self.period)
        return self.before

    def moved(self) -> dict[str, int]:
        """Return what each account moved by in the last month, debits less credits, money alone."""
        sums: dict[str, int] = defaultdict(int)
        for entry in self.entries:
            for posting in entry.postings:
                if not posting.is_points:
                    sums[posting.account] += posting.amount
        return {account: amount for account, amount in sorted(sums.items()) if amount}


def bought(day: date, amount: int, points: int, lot: int = 1, **more: Any) -> PurchasePosted:
    """Return a purchase with one accrual."""
    accruals = (Accrual(lot, "points", points, day, **more),) if points else ()
    return PurchasePosted("till", f"t{lot}", at(day), day, amount, "JPY", 1, accruals)


def redeemed(day: date, points: int, lot: int = 1, source: str = "till") -> PointsRedeemed:
    """Return a redemption from one lot."""
    return PointsRedeemed(
        source, f"r{points}", at(day), day, "points", points, points, "JPY", 1, (LotPoints(lot, points),), {}
    )


def expired(day: date, points: int, lot: int = 1) -> LotsExpired:
    """Return what is left of a lot lapsing."""
    return LotsExpired(at(day), day, "age", (LotMove(lot, "points", points),), {})


def at(day: date) -> datetime:
    """Return noon."""
    return datetime.combine(day, time(12), UTC)
