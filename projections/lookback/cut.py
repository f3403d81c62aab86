"""Where a question about the past cuts the ledger: positions for what was known, a date for what of it counts."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct
from psycopg import Connection

from ledger.dates import local_date
from ledger.errors import InvalidInput
from ledger.sql import load_queries

_SQL = load_queries("projections.lookback")


class Position(NamedTuple):
    """A place in the log."""

    partition: int
    position: int


AsAt = datetime | Position
"""What was recorded by an instant, or up to a position; of other partitions then, what was recorded by that event's."""


class Cut(Struct, frozen=True):
    """What is looked at."""

    as_of: date
    """Program-local; entries that take effect later do not count."""
    as_at: datetime
    """What was recorded by then is known."""
    positions: dict[int, int]
    """The last position looked at, by partition."""
    ends_at: datetime
    """Holds that end by this moment have ended: ``as_at`` where that falls on ``as_of``, or else the start of the day:
    what ends during a day may still be held on it, unless it was recorded that it is not."""


def cut_at(
    connection: Connection[Any],
    partitions: Sequence[int],
    zone: ZoneInfo,
    now: datetime,
    *,
    as_of: date | None = None,
    as_at: AsAt | None = None,
) -> Cut:
    """
    Return where to cut.

    Args:
        connection: To the database.
        partitions: That are looked at.
        zone: Of the program.
        now: Stands for ``as_at`` where nothing is asked; then everything that is recorded is known.
        as_of: Program-local date; ``None``: that of ``as_at``.
        as_at: ``None``: everything that is recorded.

    Raises:
        InvalidInput: Nothing was recorded at that position yet.
    """
    instant = _instant(connection, as_at) if as_at else now
    if as_at is None:
        positions = dict(connection.execute(_SQL["heads"], {"partitions": list(partitions)}).fetchall())
    else:
        asked = {"partitions": list(partitions), "instant": instant}
        positions = dict(connection.execute(_SQL["position_at"], asked).fetchall())
        if isinstance(as_at, Position) and as_at.partition in positions:
            positions[as_at.partition] = as_at.position
    today = local_date(instant, zone)
    on = as_of or today
    return Cut(on, instant, positions, instant if on == today else _start_of(on, zone))


def _instant(connection: Connection[Any], as_at: AsAt) -> datetime:
    if isinstance(as_at, datetime):
        return as_at
    found = connection.execute(_SQL["recorded_at"], as_at._asdict()).fetchone()
    if found is None:
        message = f"Nothing is recorded at {as_at.partition}:{as_at.position} yet."
        raise InvalidInput(message, pointer="/as_at")
    instant: datetime = found[0]
    return instant.astimezone(UTC)


def _start_of(day: date, zone: ZoneInfo) -> datetime:
    if day == date.min:
        return datetime.min.replace(tzinfo=UTC)
    return datetime.combine(day, time.min, zone).astimezone(UTC)
