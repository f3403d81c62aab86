"""Rows of accounts and balances, as COPY takes them."""

from datetime import date
from struct import Struct as Layout
from uuid import UUID

from msgspec import Struct
from msgspec.structs import astuple

from ledger.account.activity import KINDS
from ledger.account.events import AccountOpened
from ledger.account.movements import Moved
from ledger.streams import StreamId
from projections.copying import NULL, day_number, optional_day, text

_KEY = Layout(">hiii16s")
_OPENED = Layout(">i16sii")
_EARNED = Layout(">iq")
_MOVED = Layout(">" + "iq" * 12)

OPENED_COLUMNS = ("partition", "account_id", "program_id", "member_id", "opened_on")
ACCOUNT_COLUMNS = ("partition", "account_id", "status", "merged_into", *(f"last_{kind}_on" for kind in KINDS))
EARNED_COLUMNS = ("partition", "account_id", "point_currency", "accrued_points", "last_purchase_on", "version")
MOVED_COLUMNS = (
    "partition",
    "account_id",
    "point_currency",
    *Moved.__struct_fields__,
    "last_purchase_on",
    "version",
)


class AccountChange(Struct):
    """What a page changes in an account beside its points."""

    status: str | None = None
    merged_into: str | None = None
    last_active: dict[str, date] = {}

    def was_active(self, kind: str, on: date) -> None:
        """Note an activity; the latest of its kind counts."""
        self.last_active[kind] = max(self.last_active.get(kind, on), on)


class BookChange(Struct):
    """What a page moves in one point currency of an account."""

    accrued_points: int = 0
    """By purchases; everything else is in ``others``."""
    last_purchase_on: date | None = None
    version: int = 0
    others: Moved | None = None


def opened_row(partition: int, account_id: StreamId, event: AccountOpened) -> bytes:
    """Spell a new account."""
    return (
        _KEY.pack(5, 4, partition, 16, account_id)
        + text(event.program_id)
        + _OPENED.pack(16, UUID(event.member_id).bytes, 4, day_number(event.effective_on))
    )


def account_row(partition: int, account_id: StreamId, change: AccountChange) -> bytes:
    """Spell what changed in an account; what did not is null."""
    return b"".join(
        (
            _KEY.pack(len(ACCOUNT_COLUMNS), 4, partition, 16, account_id),
            NULL if change.status is None else text(change.status),
            NULL if change.merged_into is None else text(change.merged_into),
            *(optional_day(change.last_active.get(kind)) for kind in KINDS),
        ),
    )


def earned_row(partition: int, key: tuple[StreamId, str], book: BookChange) -> bytes:
    """Spell what purchases earned."""
    account_id, point_currency = key
    return (
        _KEY.pack(6, 4, partition, 16, account_id)
        + text(point_currency)
        + _EARNED.pack(8, book.accrued_points)
        + optional_day(book.last_purchase_on)
        + _EARNED.pack(8, book.version)
    )


def moved_row(partition: int, key: tuple[StreamId, str], book: BookChange) -> bytes:
    """Spell everything that moved."""
    account_id, point_currency = key
    accrued, *figures = astuple(book.others or Moved())
    spelled = [part for figure in (accrued + book.accrued_points, *figures) for part in (8, figure)]
    return (
        _KEY.pack(len(MOVED_COLUMNS), 4, partition, 16, account_id)
        + text(point_currency)
        + _MOVED.pack(*spelled)
        + optional_day(book.last_purchase_on)
        + _EARNED.pack(8, book.version)
    )
