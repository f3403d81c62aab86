"""Events to lots: new ones, and what redemptions and reversals did to older ones."""

from collections import defaultdict
from struct import Struct as Layout
from typing import Any, LiteralString

from msgspec import Struct
from psycopg import Connection

from ledger.account.events import Accrual, LotPoints, PointsAccrued, PointsRedeemed, PurchasePosted, RedemptionReversed
from ledger.sql import load_queries
from ledger.streams import StreamId
from projections.copying import copy_rows, day_number, layout, optional_day
from projections.page import Page, Recorded

_SQL = load_queries("projections.lots")
_ROW = ">hiii16sii i{}s iqiqiiii {}s i{}s i{}s i{}s iq"
_MOVED = Layout(">hiii16siiiq")

_Key = tuple[StreamId, int]


class _NewLot(Struct, gc=False):
    accrual: Accrual
    recorded: Recorded
    open_points: int


class _Changes(Struct):
    new: list[bytes]
    moved: list[bytes]


class LotsView:
    """Every lot ever made, with the points left in it."""

    name: LiteralString = "lots"
    tables: tuple[LiteralString, ...] = ("lots",)

    def project(self, page: Page) -> _Changes:
        """Make new lots as they stand at the end of the page, and sum what moved in older ones."""
        new: dict[_Key, _NewLot] = {}
        moved: dict[_Key, int] = defaultdict(int)
        for recorded in page.events:
            event = recorded.event
            match event:
                case PurchasePosted() | PointsAccrued():
                    for accrual in event.accruals:
                        new[recorded.account_id, accrual.lot] = _NewLot(accrual, recorded, accrual.points)
                case PointsRedeemed():
                    _move(new, moved, recorded.account_id, event.taken, -1)
                case RedemptionReversed():
                    _move(new, moved, recorded.account_id, event.returned, 1)
        return _Changes(
            [_lot_row(page.partition, lot) for lot in new.values()],
            [_MOVED.pack(4, 4, page.partition, 16, key[0], 4, key[1], 8, points) for key, points in moved.items()],
        )

    def write(self, connection: Connection[Any], changes: _Changes) -> None:
        """Add the new lots, and change the points left in the others."""
        if changes.new:
            copy_rows(connection, "lots", _COLUMNS, changes.new)
        if changes.moved:
            connection.execute(_SQL["make_room"])
            copy_rows(connection, "lots_moved", ("partition", "account_id", "lot", "points"), changes.moved)
            connection.execute(_SQL["move"])


LOTS = LotsView()

_COLUMNS = (
    "partition",
    "account_id",
    "lot",
    "point_currency",
    "accrued_points",
    "open_points",
    "earned_on",
    "available_from",
    "expires_on",
    "kind",
    "rule",
    "funding",
    "version",
)


def _move(
    new: dict[_Key, _NewLot],
    moved: dict[_Key, int],
    account_id: StreamId,
    parts: tuple[LotPoints, ...],
    sign: int,
) -> None:
    for part in parts:
        key = (account_id, part.lot)
        lot = new.get(key)
        if lot is None:
            moved[key] += sign * part.points
        else:
            lot.open_points += sign * part.points


def _lot_row(partition: int, lot: _NewLot) -> bytes:
    accrual, recorded = lot.accrual, lot.recorded
    point_currency, kind = accrual.point_currency.encode(), accrual.kind.encode()
    rule, funding = accrual.rule.encode(), accrual.funding.encode()
    expires_on = optional_day(accrual.expires_on)
    lengths = (len(point_currency), len(expires_on), len(kind), len(rule), len(funding))
    return layout(_ROW, *lengths).pack(
        13,
        4,
        partition,
        16,
        recorded.account_id,
        4,
        accrual.lot,
        lengths[0],
        point_currency,
        8,
        accrual.points,
        8,
        lot.open_points,
        4,
        day_number(recorded.event.effective_on),
        4,
        day_number(accrual.available_from),
        expires_on,
        lengths[2],
        kind,
        lengths[3],
        rule,
        lengths[4],
        funding,
        8,
        recorded.version,
    )
