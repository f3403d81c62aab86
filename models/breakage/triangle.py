"""From the ledger to a triangle: points of each month of issue that were redeemed by each age."""

import hashlib
from datetime import date
from typing import Any

import msgspec
import pandas as pd
from msgspec import Struct
from psycopg import Connection

from ledger.errors import InvalidInput
from ledger.sql import load_queries

_SQL = load_queries("models.breakage")
_REDEEMED = {"redeemed": 1, "redemption_reversed": -1}
_ISSUED = {"issued": 1, "clawed_back": -1, "debited": -1, "repaid": -1, "transferred_out": -1}
"""Points that came with a transfer are issued in the vintage that they keep, so those that left are not."""


class History(Struct, frozen=True):
    """What an estimate rests on."""

    program_id: str
    point_currency: str
    positions: tuple[str, ...]
    """``<partition>:<position>`` of the last event of each partition."""
    newest_on: date
    """Effective date of the newest activity of the program."""
    moved: tuple[tuple[date, date, str, int], ...]
    """Vintage, month, movement, points; months by their first day."""

    @property
    def sha256(self) -> str:
        """Of what moved, as JSON; hex."""
        return hashlib.sha256(msgspec.json.encode(self.moved)).hexdigest()

    @property
    def last_whole_month(self) -> date:
        """First day of the last month that is over, as far as the ledger tells."""
        return (pd.Period(self.newest_on, "M") - 1).start_time.date()  # type: ignore[no-any-return]


def read_history(connection: Connection[Any], program_id: str, point_currency: str) -> History:
    """
    Read what was issued and redeemed by vintage, as one snapshot.

    Args:
        connection: In autocommit mode.
        program_id: The program.
        point_currency: One of its currencies.

    Raises:
        InvalidInput: It never issued points of this currency.
    """
    asked = {"program_id": program_id, "point_currency": point_currency}
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        positions = [f"{partition}:{position}" for partition, position in connection.execute(_SQL["positions"])]
        newest = connection.execute(_SQL["newest_day"], asked).fetchone()
        moved = connection.execute(_SQL["moved"], asked).fetchall()
    if not moved or newest is None:
        raise InvalidInput(f"{program_id!r} has not issued any {point_currency!r}.")
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
    rows = [
        (vintage, points * _ISSUED[kind])
        for vintage, month, kind, points in history.moved
        if kind in _ISSUED and month <= through
    ]
    frame = pd.DataFrame(rows, columns=["vintage", "points"])
    summed = frame.groupby("vintage")["points"].sum()
    return _by_month(summed, history, through).rename("points")


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
    for vintage, month, kind, points in history.moved:
        if kind in _REDEEMED and month <= through:
            age = (month.year - vintage.year) * 12 + month.month - vintage.month
            triangle.loc[pd.Period(vintage, "M"), age] += points * _REDEEMED[kind]
    triangle = triangle.cumsum(axis=1)
    for row in range(len(months)):
        triangle.iloc[row, len(months) - row :] = float("nan")
    return triangle


def _by_month(summed: Any, history: History, through: date) -> Any:
    summed.index = pd.PeriodIndex(pd.to_datetime(summed.index), freq="M")
    return summed.reindex(_months(history, through), fill_value=0).astype("int64")


def _months(history: History, through: date) -> Any:
    first = min(vintage for vintage, *_ in history.moved)
    return pd.period_range(first, through, freq="M", name="vintage")
