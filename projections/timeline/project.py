"""Events to timeline: one line per event and point currency it moved."""

from struct import Struct as Layout
from typing import Any, LiteralString

from psycopg import Connection

from ledger.account.events import PurchasePosted
from ledger.account.movements import movement_of
from ledger.store.chain import microseconds
from projections.copying import NULL, copy_rows, day_number, layout
from projections.page import Page, Recorded
from projections.timeline.references import reference_of

_FRONT = ">hiii16siq i{}s iqiiiq i{}s"
_LINE = ">ih i{}s iqiq"
_NO_LINE = Layout(">ih4siq4s").pack(2, 0, NULL, 8, 0, NULL)
_COLUMNS = (
    "partition",
    "account_id",
    "version",
    "topic",
    "occurred_at",
    "effective_on",
    "recorded_at",
    "reference",
    "line",
    "point_currency",
    "points",
    "balance_points",
)


class TimelineView:
    """The story of each account."""

    name: LiteralString = "timeline"
    tables: tuple[LiteralString, ...] = ("timeline",)

    def project(self, page: Page) -> list[bytes]:
        """Return the lines of the page's events."""
        rows = []
        recorded_at, recorded_at_us = None, 0
        for recorded in page.events:
            if recorded.recorded_at is not recorded_at:
                recorded_at = recorded.recorded_at
                recorded_at_us = microseconds(recorded_at)
            rows += _lines(page.partition, recorded, recorded_at_us)
        return rows

    def write(self, connection: Connection[Any], changes: list[bytes]) -> None:
        """Add the lines."""
        if changes:
            copy_rows(connection, "timeline", _COLUMNS, changes)


TIMELINE = TimelineView()


def _lines(partition: int, recorded: Recorded, recorded_at_us: int) -> list[bytes]:
    event = recorded.event
    if type(event) is PurchasePosted:
        # By far the most frequent event takes a shorter way to the same.
        reference, moved = event.transaction_id, _earned(event)
    else:
        movement = movement_of(event)
        reference, moved = reference_of(event), {code: one.balance_points for code, one in movement.totals.items()}
    topic, spelled_reference = recorded.topic.encode(), reference.encode()
    lengths = (len(topic), len(spelled_reference))
    front = layout(_FRONT, *lengths).pack(
        12,
        4,
        partition,
        16,
        recorded.account_id,
        8,
        recorded.version,
        lengths[0],
        topic,
        8,
        microseconds(event.occurred_at),
        4,
        day_number(event.effective_on),
        8,
        recorded_at_us,
        lengths[1],
        spelled_reference,
    )
    if not moved:
        return [front + _NO_LINE]
    balances = getattr(event, "balances", {})
    return [
        front + _line(line, point_currency.encode(), points, balances.get(point_currency, 0))
        for line, (point_currency, points) in enumerate(moved.items())
    ]


def _line(line: int, point_currency: bytes, points: int, balance_points: int) -> bytes:
    length = len(point_currency)
    return layout(_LINE, length).pack(2, line, length, point_currency, 8, points, 8, balance_points)


def _earned(event: PurchasePosted) -> dict[str, int]:
    if len(event.accruals) == 1:
        return {event.accruals[0].point_currency: event.accruals[0].points}
    moved: dict[str, int] = {}
    for accrual in event.accruals:
        moved[accrual.point_currency] = moved.get(accrual.point_currency, 0) + accrual.points
    return moved
