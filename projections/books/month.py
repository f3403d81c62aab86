"""A month of a program's books, worked out from its events."""

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256

import msgspec

from ledger.account.events import AccountEvent
from ledger.bookkeeping.events import PeriodClosed
from ledger.bookkeeping.state import Bookkeeping
from projections.books.chart import SCHEME_VERSION
from projections.books.cohorts import cohort_of, figures_of
from projections.books.describing import described
from projections.books.entries import NOTHING_MORE, ApprovedEntry, Entry, Known
from projections.books.expecting import expects_entry
from projections.books.month_end import end_month
from projections.books.pricing import PriceList
from projections.books.scheme import Scheme
from projections.books.scheme_2 import Scheme2
from projections.books.subledger import Subledger
from projections.books.window import Window

_encode = msgspec.json.Encoder().encode
_SCHEMES: dict[int, type[Scheme]] = {1: Scheme, 2: Scheme2}


class Month:
    """
    Folds the events of a month into entries and figures.

    The same events in the same order give the same bytes: nothing else goes in but settings, estimates, and the
    figures that the month before was closed with.
    """

    def __init__(  # everything that a month goes on from
        self,
        books: Bookkeeping,
        estimates: dict[str, int],
        before: PeriodClosed | None,
        window: Window,
        scheme_version: int = SCHEME_VERSION,
    ) -> None:
        """
        Args:
            books: Settings and estimates that the month is closed with.
            estimates: Those that the month before was closed with.
            before: The closing of the month before.
            window: Which events belong to it.
            scheme_version: That it was closed with, or is to be.
        """
        prices = PriceList(books.settings)
        cohorts = {one.cohort: cohort_of(one) for one in before.cohorts} if before else {}
        balances, owed = (before.balances_minor, before.owed) if before else ({}, {})
        self.window = window
        self.currency = prices.currency
        self.ledger = Subledger(prices, cohorts, balances, owed, window.last_day, estimates)
        self.entry_count = 0
        self.unposted: dict[str, tuple[int, str]] = {}
        """By topic: how many events should have an entry and have none, and the first of them."""
        self._estimates = books.estimates
        self.scheme_version = scheme_version
        self._scheme = _SCHEMES[scheme_version](self.ledger)
        self._hash = sha256()

    def book(self, place: str, account: bytes, event: AccountEvent, known: Known = NOTHING_MORE) -> Entry | None:
        """Post an event that belongs to the month; return its entry, if it has one."""
        entry = self._entry(place, event, known)
        self._scheme.book(account, event, entry, known)
        if entry.postings:
            return self._took(entry)
        if expects_entry(event):
            count, first = self.unposted.get(entry.kind, (0, place))
            self.unposted[entry.kind] = count + 1, first
        return None

    def end(self) -> Iterator[Entry]:
        """Post what the end of the month posts."""
        for entry in end_month(self.ledger, self.window.period, self.currency, self._estimates, self._entry_type):
            yield self._took(entry)

    def closed(self, by: str, at: datetime) -> PeriodClosed:
        """Return the figures that the month is closed with."""
        ledger = self.ledger
        return PeriodClosed(
            self.window.period,
            dict(self.window.frozen_at),
            self._hash.hexdigest(),
            self.entry_count,
            self.window.event_count,
            self.window.late_count,
            ledger.all_balances(),
            tuple(figures_of(ledger.cohorts[key]) for key in sorted(ledger.cohorts)),
            by,
            at,
            self.scheme_version,
            dict(self.window.resume_at),
            {source: str(exact) for source, exact in sorted(ledger.owed.items())},
        )

    @property
    def _entry_type(self) -> type[Entry]:
        return Entry if self.scheme_version == 1 else ApprovedEntry

    def _entry(self, place: str, event: AccountEvent, known: Known) -> Entry:
        counts_on = event.effective_on
        posted_on, topic = self.window.posting_date(counts_on), type(event).TOPIC
        version, source = getattr(event, "program_version", 0), getattr(event, "source", "")
        if self.scheme_version == 1:
            return Entry(place, counts_on, posted_on, topic, self.currency, "", [], version, source)
        words, by = described(event), known.approved_by
        return ApprovedEntry(place, counts_on, posted_on, topic, self.currency, words, [], version, source, by)

    def _took(self, entry: Entry) -> Entry:
        self.entry_count += 1
        self._hash.update(_encode(entry))
        return entry
