"""Events to lots: new ones, and what happened to older ones."""

from collections import defaultdict
from datetime import date
from typing import Any, LiteralString

from msgspec import Struct
from psycopg import Connection

from ledger.account.events import LotMove, NewDates, PointsRedeemed, PurchasePosted
from ledger.account.movements import movement_of
from ledger.sql import load_queries
from ledger.streams import StreamId
from projections.copying import copy_rows
from projections.lots import spelling
from projections.lots.spelling import NewLot
from projections.page import Page, Recorded

_SQL = load_queries("projections.lots")

_Key = tuple[StreamId, int]


class _Changes(Struct):
    plain: list[bytes]
    special: list[bytes]
    moved: list[bytes]
    released: list[bytes]
    redated: list[bytes]


class _Page:
    """A page while it is folded."""

    def __init__(self) -> None:
        self.new: dict[_Key, NewLot] = {}
        self.moved: dict[_Key, int] = defaultdict(int)
        self.released: dict[_Key, date] = {}
        self.redated: dict[_Key, NewDates] = {}

    def follow(self, recorded: Recorded) -> None:
        """Fold any event."""
        movement = movement_of(recorded.event)
        for accrual in movement.accruals:
            self.new[recorded.account_id, accrual.lot] = NewLot(accrual, recorded, accrual.points)
        for part in movement.lots:
            self.move(recorded.account_id, part.lot, part.points)
        for part in movement.released:
            self._release(recorded, part)
        for dates in movement.redated:
            key = recorded.account_id, dates.lot
            if key in self.new:
                self.new[key].dates = dates
            else:
                self.redated[key] = dates

    def move(self, account_id: StreamId, number: int, points: int) -> None:
        """Add to the points that are left in a lot."""
        key = account_id, number
        lot = self.new.get(key)
        if lot is None:
            self.moved[key] += points
        else:
            lot.open_points += points

    def _release(self, recorded: Recorded, part: LotMove) -> None:
        key, on = (recorded.account_id, part.lot), recorded.event.effective_on
        lot = self.new.get(key)
        if lot is None:
            self.released[key] = min(self.released.get(key, on), on)
        else:
            lot.released_on = on if lot.released_on is None else min(lot.released_on, on)


class LotsView:
    """Every lot ever made, with the points left in it."""

    name: LiteralString = "lots"
    tables: tuple[LiteralString, ...] = ("lots",)

    def project(self, page: Page) -> _Changes:
        """Make new lots as they stand at the end of the page, and sum what moved in older ones."""
        folded = _Page()
        for recorded in page.events:
            event = recorded.event
            # By far the most frequent events take a shorter way to the same.
            if type(event) is PurchasePosted and not event.repaid:
                for accrual in event.accruals:
                    folded.new[recorded.account_id, accrual.lot] = NewLot(accrual, recorded, accrual.points)
            elif type(event) is PointsRedeemed:
                for part in event.taken:
                    folded.move(recorded.account_id, part.lot, -part.points)
            else:
                folded.follow(recorded)
        partition = page.partition
        plain, special = [], []
        for lot in folded.new.values():
            if lot.is_plain:
                plain.append(spelling.plain_row(partition, lot))
            else:
                special.append(spelling.special_row(partition, lot))
        return _Changes(
            plain,
            special,
            [spelling.moved_row(partition, *key, points) for key, points in folded.moved.items() if points],
            [spelling.released_row(partition, *key, on) for key, on in folded.released.items()],
            [spelling.redated_row(partition, *key, dates) for key, dates in folded.redated.items()],
        )

    def write(self, connection: Connection[Any], changes: _Changes) -> None:
        """Add the new lots, and change the others."""
        if changes.plain:
            copy_rows(connection, "lots", spelling.PLAIN_COLUMNS, changes.plain)
        if changes.special:
            copy_rows(connection, "lots", spelling.SPECIAL_COLUMNS, changes.special)
        if changes.moved:
            connection.execute(_SQL["make_room"])
            copy_rows(connection, "lots_moved", spelling.MOVED_COLUMNS, changes.moved)
            connection.execute(_SQL["move"])
        if changes.released:
            connection.execute(_SQL["make_room_for_released"])
            copy_rows(connection, "lots_released", spelling.RELEASED_COLUMNS, changes.released)
            connection.execute(_SQL["release"])
        if changes.redated:
            connection.execute(_SQL["make_room_for_redated"])
            copy_rows(connection, "lots_redated", spelling.REDATED_COLUMNS, changes.redated)
            connection.execute(_SQL["redate"])


LOTS = LotsView()
