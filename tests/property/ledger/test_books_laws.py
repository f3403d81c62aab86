"""The books of any history of an account that Hypothesis can think of."""

from collections import defaultdict
from datetime import date
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant

from ledger.account.events import AccountEvent
from ledger.account.movements import Moved
from ledger.bookkeeping.decide import following, period_of
from ledger.bookkeeping.events import Funder, Supplier
from ledger.bookkeeping.state import Bookkeeping
from projections.books import chart
from projections.books.checks import Tally, judge
from projections.books.cohorts import Cohort
from projections.books.entries import LotWorth, RedeemedLot
from projections.books.month import Month
from projections.books.scheme import lots_named
from projections.books.subledger import RedeemedLotKey
from projections.books.window import Window
from tests.bookkeeper import ACCOUNT, NOON, Memory
from tests.bookkeeper import settings as books_settings
from tests.property.ledger.test_account_machine import CURRENCIES, AccountMachine

BOOKS = Bookkeeping(
    settings=[
        books_settings(
            point_currency=code,
            point_value_minor="0.7",
            expiry_method=method,
            suppliers=(Supplier("shop", role, "0.31"),),
            funders=(Funder("bakery", "0.6", "0.3", 3),),
        )
        for code, method, role in zip(CURRENCIES, ("proportional", "remote"), ("agent", "principal"), strict=True)
    ],
    estimates={"2024-03/own/points": 70},
)


class BooksMachine(AccountMachine):
    """The account machine, with its books kept beside: everything in one month, and all of it anew each time."""

    def __init__(self) -> None:
        super().__init__()
        self.checked = 0

    @invariant()
    def balances(self) -> None:
        """Entries balance, sub-ledger and accounts agree, columns are sums of events, a replay gives the same."""
        if len(self.recorded) < self.checked + 20:
            return
        self.checked = len(self.recorded)
        events = [event for event, _ in self.recorded]
        first, entries = kept(events)
        again, _ = kept(events)
        assert msgspec.json.encode(first.closed("t", NOON)) == msgspec.json.encode(again.closed("t", NOON))
        for entry in entries:
            sums: dict[str, int] = defaultdict(int)
            for posting in entry.postings:
                sums[posting.point_currency if posting.is_points else ""] += posting.amount
            assert not any(sums.values()), entry
        tally = Tally(first.window)
        for entry in entries:
            tally.take(entry)
        assert [one for one in judge(None, first.closed("t", NOON), tally) if not one.is_passed] == []
        assert first.unposted == {}
        ledger = first.ledger
        for part, accounts in (
            (0, (chart.OWN_POINTS, chart.PARTNER_POINTS)),
            (1, (chart.GIVEN_POINTS,)),
            (2, (chart.SERVICE_TO_RENDER,)),
        ):
            owed = sum(cohort.liability(part) for cohort in ledger.cohorts.values())
            assert owed == -sum(ledger.balances.get(account, 0) for account in accounts)
        assert {key: one.points for key, one in ledger.cohorts.items()} == month_by_month(events)
        assert ledger.posted("shop") == -ledger.balances.get(chart.REIMBURSEMENT, 0)
        for code in CURRENCIES:
            self.check_points([one for one in ledger.cohorts.values() if one.point_currency == code], code)

    def check_points(self, cohorts: list[Cohort], code: str) -> None:
        """The columns of the cohorts are what the account says it moved, and what is open is what it holds."""
        moved, book = self.followed.get(code, Moved()), self.account.books.get(code)
        debts = moved.owed_points
        total: Any = lambda column: sum(one.points[column] for one in cohorts)  # noqa: E731  # six uses below
        assert total("issued") == moved.accrued_points + moved.reinstated_points
        assert total("redeemed") - converted(self.recorded, code) == moved.redeemed_points
        assert total("reversed") == moved.reversed_points
        assert total("expired") + converted(self.recorded, code) == moved.expired_points
        assert total("transferred") == moved.transferred_in_points - moved.transferred_out_points
        opened = sum(one.open_points for one in cohorts)
        assert opened == (book.open_points + book.held_points if book else 0)
        assert opened - debts == moved.balance_points


def converted(recorded: list[tuple[AccountEvent, bytes]], code: str) -> int:
    """Return points that became vouchers."""
    lots = [part for event, _ in recorded if getattr(event, "reason", "") == "converted" for part in event.lots]  # type: ignore[union-attr]
    return sum(part.points for part in lots if part.point_currency == code)


def month_by_month(events: list[AccountEvent]) -> dict[str, dict[str, int]]:
    """Keep the books of a history month by month, the first closed halfway; return the points of the cohorts."""
    before, worth, seen, memory = None, dict[tuple[bytes, int], LotWorth](), 0, Memory()
    redeemed_lots = dict[RedeemedLotKey, RedeemedLot]()
    last = max(event.effective_on for event in events)
    period, frozen_at = "2024-02", len(events) // 2
    while before is None or before.period < max("2024-03", period_of(last)):
        window = Window(period, before, {"0": frozen_at})
        month = Month(BOOKS, {}, before, window)
        month.ledger.lots, month.ledger.redeemed_lots = worth, redeemed_lots
        old = set(worth)
        for position in range(window.start(0) + 1, frozen_at + 1):
            event = events[position - 1]
            if not hasattr(event, "balances"):
                continue
            known = memory.of(event)
            named = {(ACCOUNT, lot) for lot in lots_named(event)}
            origin = known.original.effective_on if known.original else date.min
            awaits = bool(named - worth.keys()) or origin > window.last_day
            awaited = bool(named - old) or origin >= window.first_day
            if window.takes(0, position, ACCOUNT, event.effective_on, awaits=awaits, awaited=awaited):
                month.book(f"0:{position}", ACCOUNT, event, known)
        for entry in month.end():
            assert not sum(posting.amount for posting in entry.postings if not posting.is_points)
        seen += window.event_count
        before, period, frozen_at = month.closed("test", NOON), following(period), len(events)
    assert seen == sum(hasattr(event, "balances") for event in events)
    return {key: one.points for key, one in month.ledger.cohorts.items()}


def kept(events: list[AccountEvent]) -> tuple[Month, list[Any]]:
    """Keep the books of a history, as one month."""
    window = Window("2030-01", None, {"0": len(events)})
    assert window.last_day == date(2030, 1, 31)
    month, memory = Month(BOOKS, {}, None, window), Memory()
    entries = [
        month.book(f"0:{number}", ACCOUNT, event, memory.of(event))
        for number, event in enumerate(events, 1)
        if hasattr(event, "balances")
    ]
    return month, [*filter(None, entries), *month.end()]


TestBooksMachine = BooksMachine.TestCase
TestBooksMachine.settings = settings(
    max_examples=8,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
