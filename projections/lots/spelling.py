"""Rows of lots, as COPY takes them."""

from datetime import date
from struct import Struct as Layout

from msgspec import Struct

from ledger.account.events import Accrual, NewDates
from ledger.streams import StreamId
from projections.copying import day_number, layout, optional_day, optional_texts, text
from projections.page import Recorded

_ROW = ">hiii16sii i{}s iqiqiiii {}s i{}s i{}s i{}s iq"
_KEY = Layout(">hiii16sii")
_MOVED = Layout(">hiii16siiiq")
_RELEASED = Layout(">hiii16siiii")
_NUMBER = Layout(">ii")
_FLAG = Layout(">i?")

PLAIN_COLUMNS = (
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
SPECIAL_COLUMNS = (*PLAIN_COLUMNS, "awaits", "cancels_on", "idle_months", "activities", "converts", "is_released")
MOVED_COLUMNS = ("partition", "account_id", "lot", "points")
RELEASED_COLUMNS = ("partition", "account_id", "lot", "released_on")
REDATED_COLUMNS = ("partition", "account_id", "lot", "expires_on", "idle_months", "activities")


class NewLot(Struct, gc=False):
    """A lot that a page made, and what became of it within the page."""

    accrual: Accrual
    recorded: Recorded
    open_points: int
    released_on: date | None = None
    dates: NewDates | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the columns that most lots do not need can be left at their defaults."""
        accrual = self.accrual
        return not (
            accrual.awaits
            or accrual.idle_months
            or accrual.cancels_on
            or accrual.converts
            or accrual.activities
            or self.released_on
            or self.dates
        )


def plain_row(partition: int, lot: NewLot) -> bytes:
    """Spell a new lot with dates of its own and nothing else."""
    return _row(partition, lot, len(PLAIN_COLUMNS), lot.accrual.available_from, lot.accrual.expires_on)


def special_row(partition: int, lot: NewLot) -> bytes:
    """Spell any new lot."""
    accrual, released_on, dates = lot.accrual, lot.released_on, lot.dates or lot.accrual
    available_from = min(accrual.available_from, released_on or date.max)
    return b"".join(
        (
            _row(partition, lot, len(SPECIAL_COLUMNS), available_from, dates.expires_on),
            text("" if released_on else accrual.awaits),
            optional_day(accrual.cancels_on),
            _NUMBER.pack(4, dates.idle_months),
            optional_texts(dates.activities),
            _FLAG.pack(1, accrual.converts),
            _FLAG.pack(1, released_on is not None),
        ),
    )


def moved_row(partition: int, account_id: StreamId, number: int, points: int) -> bytes:
    """Spell what an older lot gained or lost."""
    return _MOVED.pack(4, 4, partition, 16, account_id, 4, number, 8, points)


def released_row(partition: int, account_id: StreamId, number: int, released_on: date) -> bytes:
    """Spell that an older lot became available."""
    return _RELEASED.pack(4, 4, partition, 16, account_id, 4, number, 4, day_number(released_on))


def redated_row(partition: int, account_id: StreamId, number: int, dates: NewDates) -> bytes:
    """Spell the new dates of an older lot."""
    return (
        _KEY.pack(6, 4, partition, 16, account_id, 4, number)
        + optional_day(dates.expires_on)
        + _NUMBER.pack(4, dates.idle_months)
        + optional_texts(dates.activities)
    )


def _row(partition: int, lot: NewLot, column_count: int, available_from: date, expires_on: date | None) -> bytes:
    accrual, recorded = lot.accrual, lot.recorded
    point_currency, kind = accrual.point_currency.encode(), accrual.kind.encode()
    rule, funding = accrual.rule.encode(), accrual.funding.encode()
    expiry = optional_day(expires_on)
    lengths = (len(point_currency), len(expiry), len(kind), len(rule), len(funding))
    return layout(_ROW, *lengths).pack(
        column_count,
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
        day_number(accrual.earned_on or recorded.event.effective_on),
        4,
        day_number(available_from),
        expiry,
        lengths[2],
        kind,
        lengths[3],
        rule,
        lengths[4],
        funding,
        8,
        recorded.version,
    )
