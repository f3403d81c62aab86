"""From the ledger to triangles: points of each month of issue that were redeemed by each age."""

import hashlib
from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec
import pandas as pd
from msgspec import Struct
from psycopg import Connection

from ledger.archive.cold import ArchiveAway
from ledger.errors import InvalidInput
from ledger.sql import load_queries

_SQL = load_queries("models.breakage")
_REDEEMED = {"redeemed": 1, "redemption_reversed": -1, "converted": 1, "repaid": 1}
"""As the books count them: points that became a voucher were exercised, points that paid a debt pay for what was."""
_ISSUED = {"issued": 1, "clawed_back": -1, "debited": -1, "transferred_out": -1}
"""Points that came with a transfer are issued in the vintage that they keep, so those that left are not."""


class History(Struct, frozen=True):
    """What an estimate rests on."""

    program_id: str
    point_currency: str
    positions: tuple[str, ...]
    """``<partition>:<position>`` of the last event of each partition."""
    newest_on: date
    """Effective date of the newest activity of the program."""
    moved: tuple[tuple[date, str, date, str, int], ...]
    """Vintage, funding, month, movement, points; months by their first day."""

    @property
    def sha256(self) -> str:
        """Of what moved, as JSON; hex."""
        return hashlib.sha256(msgspec.json.encode(self.moved)).hexdigest()

    @property
    def last_whole_month(self) -> date:
        """First day of the last month that is over, as far as the ledger tells."""
        return (pd.Period(self.newest_on, "M") - 1).start_time.date()  # type: ignore[no-any-return]

    def fundings(self, through: date) -> list[str]:
        """Return who had paid for points by a month, in order."""
        return sorted({funding for vintage, funding, *_ in self.moved if vintage <= through})

    def of(self, funding: str) -> "History":
        """Return what moved of the points of one funding, from its own first vintage on."""
        return msgspec.structs.replace(self, moved=tuple(one for one in self.moved if one[1] == funding))

    def used(self) -> dict[str, int]:
        """Return the points that were redeemed by now, by cohort, as the books name it."""
        found: dict[str, int] = {}
        for vintage, funding, _, kind, points in self.moved:
            key = cohort_key(vintage, funding, self.point_currency)
            found[key] = found.get(key, 0) + points * _REDEEMED.get(kind, 0)
        return found


def cohort_key(vintage: date, funding: str, point_currency: str) -> str:
    """Name a cohort as the books do: ``2026-11/own/points``."""
    return f"{vintage:%Y-%m}/{funding}/{point_currency}"


def read_history(connection: Connection[Any], program_id: str, point_currency: str) -> History:
    """
    Read what was issued and redeemed by vintage, as one snapshot.

    Args:
        connection: In autocommit mode.
        program_id: The program.
        point_currency: One of its currencies.

    Raises:
        InvalidInput: It never issued points of this currency.
        ArchiveAway: Events left the database for an archive: what was redeemed long ago would be missing.
    """
    asked = {"program_id": program_id, "point_currency": point_currency}
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # It reads everything anyway. Without statistics, as after loading years at once, the planner would go from lot
        # to lot, and for each through all events of its account: minutes instead of seconds.
        connection.execute("SET LOCAL enable_nestloop = off")
        removed = connection.execute(_SQL["has_removed"]).fetchone()
        if removed is not None and removed[0]:
            raise ArchiveAway("Estimates need old events in the database; bring them back first: khaywe audit return.")
        positions = [f"{partition}:{position}" for partition, position in connection.execute(_SQL["positions"])]
        newest = connection.execute(_SQL["newest_day"], asked).fetchone()
        moved = connection.execute(_SQL["moved"], asked).fetchall()
    if not moved or newest is None:
        raise InvalidInput(f"{program_id!r} has not issued any {point_currency!r}.", pointer="/point_currency")
    return History(program_id, point_currency, tuple(positions), newest[0], tuple(moved))


def issued(history: History, through: date) -> Any:
    """
    Sum what was issued, less what was taken back.

    Args:
        history: From the ledger.
        through: First day of the last month that counts.

    Returns:
        Series of int64 ``points``, shape ``(n,)``, indexed by monthly Period ``vintage``, without gaps from the first
        vintage through ``through``.
    """
    frame = pd.DataFrame(_moves(history, through, _ISSUED), columns=["vintage", "month", "points"])
    summed = frame.groupby("vintage")["points"].sum()
    summed.index = pd.PeriodIndex(pd.to_datetime(summed.index), freq="M")
    return summed.reindex(_months(history, through), fill_value=0).astype("int64").rename("points")


def cumulative(history: History, through: date) -> Any:
    """
    Sum what was redeemed, less reversals, by vintage and age.

    Args:
        history: From the ledger.
        through: First day of the last month that counts.

    Returns:
        DataFrame of float64 points, shape ``(n, n)``, indexed by monthly Period ``vintage``, columns ``age`` in months
        from 0; cumulative along a row, NaN where the month is still to come.
    """
    months = _months(history, through)
    triangle = pd.DataFrame(0.0, index=months, columns=pd.RangeIndex(len(months), name="age"))
    for vintage, month, points in _moves(history, through, _REDEEMED):
        age = (month.year - vintage.year) * 12 + month.month - vintage.month
        triangle.loc[pd.Period(vintage, "M"), age] += points
    triangle = triangle.cumsum(axis=1)
    for row in range(len(months)):
        triangle.iloc[row, len(months) - row :] = float("nan")
    return triangle


def _moves(history: History, through: date, signs: dict[str, int]) -> Iterator[tuple[date, date, int]]:
    for vintage, _, month, kind, points in history.moved:
        if kind in signs and month <= through:
            yield vintage, month, points * signs[kind]


def _months(history: History, through: date) -> Any:
    first = min(vintage for vintage, *_ in history.moved)
    return pd.period_range(first, through, freq="M", name="vintage")
