"""The events of a month from the ledger, a page at a time, into its books."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

from psycopg import Connection

from ledger.account.events import AccountEvent, HoldCaptured, PointsRedeemed, RedemptionReversed
from ledger.archive.cold import whole
from ledger.sql import load_queries
from ledger.store.codec import decode
from ledger.store.receipts import recorded_for
from ledger.streams import ACCOUNT
from projections.books.entries import Entry, LotWorth
from projections.books.history import Basis, History
from projections.books.month import Month
from projections.books.scheme import lots_named
from projections.books.window import Window
from rules.instructions.redemptions import redemption_reference

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


class _Lots(NamedTuple):
    """Where the lots of the month are written, and found."""

    copy: LiteralString
    find: LiteralString


_KEPT = _Lots(_SQL["copy_lots"], _SQL["kept_lots"])
_PASSING = _Lots(_SQL["copy_new_lots"], _SQL["lots"])


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
        self.window = Window(basis.period, basis.before, frozen_at)
        self.month = Month(basis.books, basis.estimates, basis.before, self.window)
        self.late: list[Late] = []
        self.late_limit = 0
        row = connection.execute(_SQL["program_count"]).fetchone()
        self._is_alone = row is not None and row[0] <= 1
        self._sql = _KEPT if is_kept else _PASSING
        if not is_kept:
            connection.execute(_SQL["make_room_for_lots"])

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
            yield from self._book(partition, self._taken(partition, rows))
            self._write_lots(partition)

    def _taken(self, partition: int, rows: list[tuple[Any, ...]]) -> list[tuple[int, bytes, AccountEvent]]:
        rows = [row for row in rows if row[2] in _TOPICS]
        if not self._is_alone:
            asked = {
                "partition": partition,
                "program_id": self._program_id,
                "stream_ids": [UUID(bytes=one) for one in {row[1] for row in rows}],
            }
            ours = {one for (one,) in self._connection.execute(_SQL["accounts_of"], asked, binary=True)}
            rows = [row for row in rows if row[1] in ours]
        taken = []
        for position, account, topic, state in rows:
            event = decode(topic, state)
            if self.window.takes(partition, position, account, event.effective_on):
                taken.append((position, account, event))
                if len(self.late) < self.late_limit and event.effective_on < self.window.first_day:
                    self.late.append(Late(f"{partition}:{position}", UUID(bytes=account), event))
        return taken

    def _book(self, partition: int, taken: list[tuple[int, bytes, AccountEvent]]) -> Iterator[Entry]:
        self._find_lots(partition, taken)
        for position, account, event in taken:
            original = self._original(event) if isinstance(event, RedemptionReversed) else None
            entry = self.month.book(f"{partition}:{position}", account, event, original)
            if entry is not None:
                yield entry

    def _original(self, event: RedemptionReversed) -> PointsRedeemed | HoldCaptured | None:
        found = recorded_for(self._connection, redemption_reference(self._program_id, event.redemption_id))
        redeemed = found.event if found else None
        return redeemed if isinstance(redeemed, PointsRedeemed | HoldCaptured) else None

    def _find_lots(self, partition: int, taken: list[tuple[int, bytes, AccountEvent]]) -> None:
        keys = sorted({(account, lot) for _, account, event in taken for lot in lots_named(event)})
        if not keys:
            return
        asked = {
            "partition": partition,
            "period": self.window.period,
            "accounts": [UUID(bytes=account) for account, _ in keys],
            "lots": [lot for _, lot in keys],
        }
        for account, lot, cohort, *units in self._connection.execute(self._sql.find, asked, binary=True):
            self.month.ledger.lots[account, lot] = LotWorth(cohort, (units[0], units[1], units[2]))

    def _write_lots(self, partition: int) -> None:
        ledger = self.month.ledger
        ledger.lots.clear()
        if not ledger.new_lots:
            return
        month = f"{_escaped(self._program_id)}\t{self.window.period}"
        rows = []
        # In the order of the index, whose neighbours are then written together.
        for account, lot, (cohort, (contract, given, service)) in sorted(ledger.new_lots):
            name = _escaped(cohort)
            rows.append(f"{partition}\t{account.hex()}\t{lot}\t{month}\t{name}\t{contract}\t{given}\t{service}\n")
        with self._connection.cursor().copy(self._sql.copy) as copy:
            copy.write("".join(rows))
        ledger.new_lots.clear()


def _escaped(text: str) -> str:
    """Spell a text as COPY reads it."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


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
        connection.execute(_SQL["forget_kept"], names)
        reading = Reading(connection, program_id, basis, is_kept=True)
        for _ in reading.entries():
            pass
        connection.execute(_SQL["keep"], names)
    return reading


def _heads(connection: Connection[Any]) -> dict[str, int]:
    return {str(partition): position for partition, position in connection.execute(_SQL["heads"])}
