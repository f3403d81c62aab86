"""The events of a month from the ledger, a page at a time, into its books."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from ledger.account.events import AccountEvent
from ledger.archive.cold import whole
from ledger.sql import load_queries
from ledger.store.codec import decode
from ledger.streams import ACCOUNT
from projections.books.entries import NOTHING_MORE, Entry, Known
from projections.books.history import Basis, History
from projections.books.knowing import Knowledge
from projections.books.month import Month
from projections.books.scheme import lots_named
from projections.books.window import Window
from projections.books.worth import Worth

_SQL = load_queries("projections.books")
_PAGE = 5_000
_STANDING = frozenset(
    {
        "account.opened.v1",
        "account.suspended.v1",
        "account.suspension_lifted.v1",
        "account.closed.v1",
        "account.member_erased.v1",
        "account.tier_changed.v1",
        "account.tier_retained.v1",
        "account.qualifying_period_closed.v1",
    }
)
_TOPICS = frozenset(one.TOPIC for one in ACCOUNT.event_types) - _STANDING  # type: ignore[attr-defined]
"""Of events that can move points or money."""


Placed = tuple[int, bytes, AccountEvent]
"""Position, account, and event."""


class Late(NamedTuple):
    """An event that counts in a month that was closed before it was recorded."""

    place: str
    account: UUID
    event: AccountEvent


class Reading:
    """One month, read from the ledger."""

    def __init__(self, connection: Connection[Any], program_id: str, basis: Basis, *, is_kept: bool = False) -> None:
        """
        Args:
            connection: In a transaction of its own; what is written in it may be rolled back.
            program_id: Whose books.
            basis: What the month is worked out from.
            is_kept: Whether its lots are kept for the months after; otherwise they are gone with the transaction.
        """
        self._connection = connection
        self._program_id = program_id
        frozen_at = basis.closed.frozen_at if basis.closed else _heads(connection)
        self.window = Window(basis.period, basis.before, frozen_at, basis.scheme_version)
        self.month = Month(basis.books, basis.estimates, basis.before, self.window, basis.scheme_version)
        self.late: list[Late] = []
        self.late_limit = 0
        row = connection.execute(_SQL["program_count"]).fetchone()
        self._is_alone = row is not None and row[0] <= 1
        self._worth = Worth(connection, program_id, basis.period, is_kept=is_kept)
        self._knowledge = Knowledge(connection, program_id, len(frozen_at))

    def entries(self) -> Iterator[Entry]:
        """Give the entries of the month in order."""
        for name, last in sorted(self.window.frozen_at.items(), key=lambda one: int(one[0])):
            yield from self._of_partition(int(name), last)
        yield from self.month.end()

    def _of_partition(self, partition: int, last: int) -> Iterator[Entry]:
        after = self.window.start(partition)
        while after < last:
            asked = {"partition": partition, "after": after, "last": last, "limit": _PAGE}
            rows = whole(self._connection, self._connection.execute(_SQL["page"], asked, binary=True), 3)
            if not rows:
                return
            after = rows[-1][0]
            yield from self._book(partition, self._ours(partition, rows))
            self._worth.write(partition, self.month.ledger)

    def _ours(self, partition: int, rows: list[tuple[Any, ...]]) -> list[Placed]:
        """Return the events of the program that can move points or money."""
        rows = [row for row in rows if row[2] in _TOPICS]
        if not self._is_alone:
            asked = {
                "partition": partition,
                "program_id": self._program_id,
                "stream_ids": [UUID(bytes=one) for one in {row[1] for row in rows}],
            }
            ours = {one for (one,) in self._connection.execute(_SQL["accounts_of"], asked, binary=True)}
            rows = [row for row in rows if row[1] in ours]
        return [(position, account, decode(topic, state)) for position, account, topic, state in rows]

    def _book(self, partition: int, events: list[Placed]) -> Iterator[Entry]:
        counting = [one for one in events if one[2].effective_on <= self.window.last_day]
        self._worth.find(partition, counting, self.month.ledger)
        self._knowledge.learn(event for _, _, event in counting)
        for position, account, event in events:
            counts_on = event.effective_on
            known, awaits, awaited = NOTHING_MORE, False, False
            if counts_on <= self.window.last_day:
                known = self._knowledge.of(event)
                awaits, awaited = self._waits(account, event, known)
            if not self.window.takes(partition, position, account, counts_on, awaits, awaited):
                continue
            if len(self.late) < self.late_limit and counts_on < self.window.first_day:
                self.late.append(Late(f"{partition}:{position}", UUID(bytes=account), event))
            entry = self.month.book(f"{partition}:{position}", account, event, known)
            if entry is not None:
                yield entry

    def _waits(self, account: bytes, event: AccountEvent, known: Known) -> tuple[bool, bool]:
        """Tell whether an event takes from what is not booked yet, and from what was not when the last month ended."""
        named = lots_named(event)
        if not named:
            return False, False
        lots, old = self.month.ledger.lots, self._worth.old
        awaits = any((account, lot) not in lots for lot in named)
        awaited = any((account, lot) not in old for lot in named)
        if known.original is not None:
            awaits |= known.original.effective_on > self.window.last_day
            awaited |= known.original.effective_on >= self.window.first_day
        return awaits, awaited


@contextmanager
def opened(
    connection: Connection[Any], program_id: str, history: History, period: str
) -> Iterator[tuple[Basis, Reading]]:
    """
    Read a month without keeping anything: it may be looked at as often as one likes.

    Raises:
        LedgerError: The month is neither closed nor the next.
    """
    basis = history.basis(period)
    keep_missing(connection, program_id, history, period)
    with connection.transaction(force_rollback=True):
        connection.execute(_SQL["lock_shared"], {"program_id": program_id})
        yield basis, Reading(connection, program_id, basis)


def keep_missing(connection: Connection[Any], program_id: str, history: History, before: str) -> None:
    """Work out the lots of closed months before one, where the cache lacks them."""
    kept = dict(connection.execute(_SQL["kept"], {"program_id": program_id}).fetchall())
    for closing in history.books.closings:
        if closing.period >= before:
            return
        if kept.get(closing.period) != closing.version:
            reading = keep(connection, program_id, history.basis(closing.period))
            # Later months rest on these lots, and were forgotten with them.
            kept = {closing.period: closing.version} | {
                one: version for one, version in kept.items() if one < closing.period
            }
            del reading


def keep(connection: Connection[Any], program_id: str, basis: Basis) -> Reading:
    """Read a month to its end, and keep what its lots are worth."""
    names: Mapping[str, Any] = {"program_id": program_id, "period": basis.period, "version": basis.version}
    with connection.transaction():
        connection.execute(_SQL["lock"], names)
        connection.execute(_SQL["forget_lots"], names)
        connection.execute(_SQL["forget_redeemed_lots"], names)
        connection.execute(_SQL["forget_kept"], names)
        reading = Reading(connection, program_id, basis, is_kept=True)
        for _ in reading.entries():
            pass
        connection.execute(_SQL["keep"], names)
    return reading


def _heads(connection: Connection[Any]) -> dict[str, int]:
    return {str(partition): position for partition, position in connection.execute(_SQL["heads"])}
