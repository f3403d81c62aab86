"""A whole program as it was: an account at a time, so that memory does not grow with the number of events."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from psycopg import Connection

from ledger.archive.cold import folders_of, resolved
from ledger.sql import load_queries
from ledger.store.codec import decode
from projections.balances import BalanceRow
from projections.lookback.account import past_balances
from projections.lookback.cut import Cut
from projections.lookback.fold import Past

_SQL = load_queries("projections.lookback")

_ACCOUNTS_PER_PAGE: Final = 500
_ROWS_PER_FETCH: Final = 5_000
_LOWEST: Final = UUID(int=0)
_FIGURES: Final = tuple(
    name for name in BalanceRow.__struct_fields__ if name not in {"point_currency", "next_expiry_on"}
)


class ProgramTotals(Struct):
    """One point currency of all members together. Points in its smallest unit; see the account's figures for each."""

    point_currency: str
    account_count: int = 0
    """Accounts that ever held it."""
    open_lot_count: int = 0
    available_points: int = 0
    """Summed over accounts: what one owes takes nothing from another."""
    promised_points: int = 0
    held_points: int = 0
    lapsed_points: int = 0
    owed_points: int = 0
    balance_points: int = 0
    accrued_points: int = 0
    redeemed_points: int = 0
    reversed_points: int = 0
    expired_points: int = 0
    reinstated_points: int = 0
    clawed_back_points: int = 0
    credited_points: int = 0
    debited_points: int = 0
    transferred_in_points: int = 0
    transferred_out_points: int = 0


class VintageRow(Struct):
    """Open lots of one month, by who pays for them."""

    point_currency: str
    funding: str
    earned_in: str
    """Month, such as ``2026-11``."""
    lot_count: int = 0
    open_points: int = 0
    """Whatever their dates say; those that holds have put aside are not among them."""


class ProgramBalances(Struct, frozen=True):
    """A program as of a date, as at a recorded moment."""

    program_id: str
    as_of: date
    as_at: datetime
    account_count: int
    balances: list[ProgramTotals]
    lots: list[VintageRow]
    positions: list[str]
    """Everything up to here was looked at, and nothing else."""


class _Sum:
    def __init__(self) -> None:
        self.account_count = 0
        self.totals: dict[str, ProgramTotals] = {}
        self.vintages: dict[tuple[str, str, str], VintageRow] = {}

    def add(self, past: Past) -> None:
        self.account_count += 1
        for row in past_balances(past):
            totals = self.totals.get(row.point_currency)
            if totals is None:
                totals = self.totals[row.point_currency] = ProgramTotals(row.point_currency)
            totals.account_count += 1
            for name in _FIGURES:
                if points := getattr(row, name):
                    setattr(totals, name, getattr(totals, name) + points)
        for lot in past.lots.values():
            if lot.lot.points:
                self.totals[lot.point_currency].open_lot_count += 1
                key = lot.point_currency, lot.lot.funding, lot.lot.earned_on.isoformat()[:7]
                vintage = self.vintages.get(key)
                if vintage is None:
                    vintage = self.vintages[key] = VintageRow(*key)
                vintage.lot_count += 1
                vintage.open_points += lot.lot.points


def program_balances(
    connection: Connection[Any],
    program_id: str,
    cut: Cut,
    on_account: Callable[[int], None] = lambda _: None,
) -> ProgramBalances:
    """
    Return the balances and open lots of a program's accounts.

    Which accounts there are is read from the views: they must show everything up to the cut.

    Args:
        connection: In autocommit mode.
        program_id: Whose.
        cut: With every partition.
        on_account: Told how many events each account had, for progress.
    """
    found = _Sum()
    for past in _accounts(connection, program_id, cut):
        on_account(past.version)
        if past.state is not None:
            past.end_holds(cut.ends_at)
            found.add(past)
    return ProgramBalances(
        program_id,
        cut.as_of,
        cut.as_at,
        found.account_count,
        [found.totals[code] for code in sorted(found.totals)],
        [found.vintages[key] for key in sorted(found.vintages)],
        [f"{partition}:{position}" for partition, position in sorted(cut.positions.items())],
    )


def _accounts(connection: Connection[Any], program_id: str, cut: Cut) -> Iterator[Past]:
    for partition, position in sorted(cut.positions.items()):
        asked = {"partition": partition, "program_id": program_id, "position": position, "limit": _ACCOUNTS_PER_PAGE}
        after = _LOWEST
        while ids := [one for (one,) in connection.execute(_SQL["accounts"], asked | {"after": after})]:
            after = ids[-1]
            yield from _folded(connection, cut.as_of, asked | {"stream_ids": ids})


def _folded(connection: Connection[Any], on: date, asked: dict[str, Any]) -> Iterator[Past]:
    folders = folders_of(connection)
    # A cursor of the server's: a page of accounts may have any number of events.
    with connection.transaction(), connection.cursor("lookback", binary=True) as cursor:
        cursor.itersize = _ROWS_PER_FETCH
        cursor.execute(_SQL["histories"], asked)
        for _, rows in groupby(cursor, itemgetter(0)):
            past = Past(on)
            for _, version, topic, state in rows:
                past.take(version, decode(topic, resolved(folders, state)))
            yield past
