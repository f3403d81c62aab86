"""Which column of a file is which field of a purchase, and what a cell means."""

from collections.abc import Mapping as Record
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from ledger.dates import time_zone
from ledger.errors import InvalidInput
from rules.activity import Purchase

OWN_ID = "id"
"""The kind of a member who is named by our own id, which stands alone."""

FIELDS = ("source", "transaction_id", "member", "occurred_at", "amount", "currency")


class ImportRefused(Exception):
    """The import cannot be done as asked; the message says what to change."""


class Mapping(Struct, frozen=True):
    """How a record of a file becomes a purchase."""

    columns: dict[str, str]
    """Field to column."""
    constants: dict[str, str]
    """Field to value, for what the file does not say."""
    member_kind: str = "card"
    zone: ZoneInfo | None = None
    """Of times that name none; ``None``: the program's."""

    @classmethod
    def of(cls, columns: Sequence[str], constants: Sequence[str], member_kind: str, timezone: str | None) -> "Mapping":
        """
        Read what was said on the command line.

        Raises:
            ImportRefused: A part is not FIELD=…, or names no field.
        """
        named, fixed = _pairs(columns, "--column"), _pairs(constants, "--constant")
        return cls(
            {field: named.get(field, field) for field in FIELDS if field not in fixed},
            fixed,
            member_kind,
            time_zone(timezone) if timezone else None,
        )

    def check(self, present: Sequence[str]) -> None:
        """
        Make sure that a file has the columns.

        Raises:
            ImportRefused: It lacks some.
        """
        lacking = [f"{field} ({column!r})" for field, column in self.columns.items() if column not in present]
        if lacking:
            raise ImportRefused(
                f"The file has no column for {', '.join(lacking)}. It has: {', '.join(present)}. "
                "Name them with --column FIELD=COLUMN, or give one value for all with --constant FIELD=VALUE.",
            )

    def purchase(self, record: Record[str, Any], zone: ZoneInfo) -> Purchase:
        """
        Turn a record into a purchase.

        Args:
            record: Column to cell.
            zone: Of times that name none.

        Raises:
            InvalidInput: A cell cannot be what its field needs; the pointer names the field.
        """
        cells: dict[str, Any] = dict(self.constants)
        for field, column in self.columns.items():
            cells[field] = record.get(column)
        for field in FIELDS:
            if cells[field] in (None, ""):
                raise InvalidInput(f"The {field} is empty.", pointer=f"/{field}")
        member = str(cells["member"])
        cells["member"] = member if ":" in member or self.member_kind == OWN_ID else f"{self.member_kind}:{member}"
        cells["source"], cells["transaction_id"] = str(cells["source"]), str(cells["transaction_id"])
        cells["occurred_at"] = _instant(cells["occurred_at"], zone)
        cells["amount"] = _amount(cells["amount"])
        try:
            return msgspec.convert(cells, Purchase)
        except msgspec.ValidationError as error:
            text, _, path = str(error).partition(" - at `$.")
            raise InvalidInput(text.replace("`", "'") + ".", pointer=f"/{path.rstrip('`')}") from None


def _pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    pairs = {}
    for text in texts:
        field, equals, value = text.partition("=")
        if not equals or field not in FIELDS:
            raise ImportRefused(f"{option} {text!r}: write FIELD=…, where FIELD is one of {', '.join(FIELDS)}.")
        pairs[field] = value
    return pairs


def _instant(cell: Any, zone: ZoneInfo) -> datetime:
    try:
        instant = cell if isinstance(cell, datetime) else datetime.fromisoformat(str(cell))
        return (instant if instant.tzinfo else instant.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        message = f"{cell!r} is not a time; write it like 2026-11-22T09:30:00, with a zone if it has one."
        raise InvalidInput(message, pointer="/occurred_at") from None


def _amount(cell: Any) -> Decimal:
    # The shortest text that names the double is what the file's maker saw; hidden digits stay visible and are refused.
    text = repr(cell) if isinstance(cell, float) else str(cell)
    try:
        return Decimal(text)
    except InvalidOperation:
        raise InvalidInput(f"{text!r} is not a number.", pointer="/amount") from None
