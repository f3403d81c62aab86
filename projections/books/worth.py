"""What lots are worth, and what was posted for redemptions that others settle: found and written a page at a time."""

from typing import Any, Final, LiteralString, NamedTuple
from uuid import UUID

from psycopg import Connection

from ledger.account.events import AccountEvent, RedemptionReversed
from ledger.sql import load_queries
from projections.books.entries import LotWorth, RedeemedLot
from projections.books.scheme import lots_named
from projections.books.subledger import Subledger

_SQL: Final = load_queries("projections.books")


class _Tables(NamedTuple):
    """Where what is worked out is written, and found."""

    copy_lots: LiteralString
    find_lots: LiteralString
    copy_redeemed_lots: LiteralString
    find_redeemed_lots: LiteralString


_KEPT = _Tables(_SQL["copy_lots"], _SQL["kept_lots"], _SQL["copy_redeemed_lots"], _SQL["kept_redeemed_lots"])
_PASSING = _Tables(_SQL["copy_new_lots"], _SQL["lots"], _SQL["copy_new_redeemed_lots"], _SQL["redeemed_lots"])


class Worth:
    """Of a month and those before it."""

    def __init__(self, connection: Connection[Any], program_id: str, period: str, *, is_kept: bool) -> None:
        """
        Args:
            connection: In a transaction.
            program_id: Whose books.
            period: The month.
            is_kept: Whether its own are kept for the months after; otherwise they are gone with the transaction.
        """
        self._connection = connection
        self._month = f"{_escaped(program_id)}\t{period}"
        self._period = period
        self._sql = _KEPT if is_kept else _PASSING
        self.old: set[tuple[bytes, int]] = set()
        """Lots that the events at hand name, and that were booked in an earlier month."""
        if not is_kept:
            connection.execute(_SQL["make_room_for_lots"])
            connection.execute(_SQL["make_room_for_redeemed_lots"])

    def find(self, partition: int, taken: list[tuple[int, bytes, AccountEvent]], ledger: Subledger) -> None:
        """Give a sub-ledger what the events at hand name."""
        self._find_lots(partition, taken, ledger)
        self._find_redeemed_lots(partition, taken, ledger)

    def write(self, partition: int, ledger: Subledger) -> None:
        """Write what the events at hand made, and let go of it."""
        self._write_lots(partition, ledger)
        self._write_redeemed_lots(partition, ledger)

    def _find_lots(self, partition: int, taken: list[tuple[int, bytes, AccountEvent]], ledger: Subledger) -> None:
        keys = sorted({(account, lot) for _, account, event in taken for lot in lots_named(event)})
        if not keys:
            return
        asked = {
            "partition": partition,
            "period": self._period,
            "accounts": [UUID(bytes=account) for account, _ in keys],
            "lots": [lot for _, lot in keys],
        }
        for account, lot, is_old, cohort, *units in self._connection.execute(self._sql.find_lots, asked, binary=True):
            ledger.lots[account, lot] = LotWorth(cohort, (units[0], units[1], units[2]))
            if is_old:
                self.old.add((account, lot))

    def _find_redeemed_lots(
        self, partition: int, taken: list[tuple[int, bytes, AccountEvent]], ledger: Subledger
    ) -> None:
        keys = sorted(
            {
                (account, event.redemption_id, part.lot)
                for _, account, event in taken
                if isinstance(event, RedemptionReversed)
                for part in event.returned
            }
        )
        if not keys:
            return
        asked = {
            "partition": partition,
            "period": self._period,
            "accounts": [UUID(bytes=account) for account, _, _ in keys],
            "redemptions": [redemption for _, redemption, _ in keys],
            "lots": [lot for _, _, lot in keys],
        }
        rows = self._connection.execute(self._sql.find_redeemed_lots, asked, binary=True)
        for account, redemption, lot, points, points_back, *amounts in rows:
            if points:
                there, back = tuple(amounts[:4]), tuple(amounts[4:])
                ledger.redeemed_lots[account, redemption, lot] = RedeemedLot(points, there, points_back, back)

    def _write_lots(self, partition: int, ledger: Subledger) -> None:
        ledger.lots.clear()
        self.old.clear()
        rows = []
        # In the order of the index, whose neighbours are then written together.
        for account, lot, (cohort, (contract, given, service)) in sorted(ledger.new_lots):
            name = _escaped(cohort)
            rows.append(f"{partition}\t{account.hex()}\t{lot}\t{self._month}\t{name}\t{contract}\t{given}\t{service}\n")
        self._copy(self._sql.copy_lots, rows)
        ledger.new_lots.clear()

    def _write_redeemed_lots(self, partition: int, ledger: Subledger) -> None:
        ledger.redeemed_lots.clear()
        rows = []
        for (account, redemption, lot), points, amounts in ledger.new_redeemed_lots:
            name = f"{account.hex()}\t{_escaped(redemption)}\t{lot}"
            figures = "\t".join(map(str, (points, *amounts)))
            rows.append(f"{partition}\t{name}\t{self._month}\t{figures}\n")
        self._copy(self._sql.copy_redeemed_lots, rows)
        ledger.new_redeemed_lots.clear()

    def _copy(self, statement: LiteralString, rows: list[str]) -> None:
        if rows:
            with self._connection.cursor().copy(statement) as copy:
                copy.write("".join(rows))


def _escaped(text: str) -> str:
    """Spell a text as COPY reads it."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
