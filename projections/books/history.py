"""The books of a program as they are recorded: settings, closings, and what each month follows on."""

from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import Connection

from ledger.bookkeeping.decide import PeriodNotClosed, check_next, following
from ledger.bookkeeping.events import BookkeepingEvent, EstimateApplied, PeriodClosed, PeriodReopened
from ledger.bookkeeping.state import Bookkeeping, evolve
from ledger.sql import load_queries
from ledger.store.codec import decode
from ledger.store.partitions import partition_of
from ledger.streams import bookkeeping_stream_id
from projections.books.chart import SCHEME_VERSION

_SQL = load_queries("projections.books")


class Basis(Struct):
    """What a month is worked out from."""

    period: str
    books: Bookkeeping
    """As they were when the month was closed, or are."""
    estimates: dict[str, int]
    """As they were when the month before was closed."""
    before: PeriodClosed | None
    closed: PeriodClosed | None
    """What it was closed with; ``None`` where it is open."""
    version: int
    """Of the closing in the stream of the books; of what is to be the closing where it is open."""

    @property
    def scheme_version(self) -> int:
        """Of the posting scheme: what it was closed with, or today's."""
        return self.closed.scheme_version if self.closed else SCHEME_VERSION


class History:
    """Everything that was recorded about the books of a program."""

    def __init__(self, events: list[BookkeepingEvent]) -> None:
        """
        Args:
            events: In order, from the first.
        """
        self._events = events
        self.books = self._at(len(events))

    @property
    def closed_periods(self) -> list[str]:
        """Months that are closed now."""
        return [one.period for one in self.books.closings]

    def closing(self, period: str) -> PeriodClosed:
        """
        Return what a month was closed with.

        Raises:
            PeriodNotClosed: It is not.
        """
        return self._closing(self.books, period)

    def trace(self) -> list[PeriodClosed | PeriodReopened]:
        """Return every closing and reopening there ever was, in order."""
        return [one for one in self._events if isinstance(one, PeriodClosed | PeriodReopened)]

    def applied(self, sha256: str) -> list[EstimateApplied]:
        """Return the estimates that were applied from the proposal whose document has this SHA-256, in hex."""
        reason = f"proposal {sha256}"
        return [one for one in self._events if isinstance(one, EstimateApplied) and one.reason == reason]

    def basis(self, period: str) -> Basis:
        """
        Return what a month is worked out from: the closed one as it was closed, the next as it would be now.

        Raises:
            LedgerError: It is neither.
        """
        for closing in self.books.closings:
            if closing.period == period:
                return self._basis(period, self._at(closing.version - 1), self._event(closing.version))
        check_next(self.books, period)
        return self._basis(period, self.books, None)

    def open_period(self) -> str | None:
        """Return the month after the last that is closed, or ``None`` where none is."""
        closings = self.books.closings
        return following(closings[-1].period) if closings else None

    def _basis(self, period: str, books: Bookkeeping, closed: PeriodClosed | None) -> Basis:
        before, estimates = None, dict[str, int]()
        if books.closings:
            last = books.closings[-1]
            before, estimates = self._event(last.version), self._at(last.version).estimates
        return Basis(period, books, estimates, before, closed, books.revision + 1)

    def _closing(self, books: Bookkeeping, period: str) -> PeriodClosed:
        for closing in books.closings:
            if closing.period == period:
                return self._event(closing.version)
        raise PeriodNotClosed(f"{period} is not closed.", pointer="/period")

    def _event(self, version: int) -> PeriodClosed:
        event = self._events[version - 1]
        assert isinstance(event, PeriodClosed)
        return event

    def _at(self, version: int) -> Bookkeeping:
        books = Bookkeeping()
        for event in self._events[:version]:
            books = evolve(books, event)
        return books


def read_history(connection: Connection[Any], program_id: str, partition_count: int) -> History:
    """Read everything that was recorded about the books of a program."""
    stream_id = bookkeeping_stream_id(program_id)
    asked = {"partition": partition_of(stream_id, partition_count), "stream_id": UUID(bytes=stream_id)}
    rows = connection.execute(_SQL["stream"], asked, binary=True)
    return History([decode(topic, state) for _, topic, state in rows])
