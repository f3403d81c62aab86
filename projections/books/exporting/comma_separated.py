"""The journal as CSV: UTF-8, comma, a heading, decimal point, ISO dates."""

import csv
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

from projections.books.exporting.columns import COLUMNS, Value
from projections.books.exporting.rows import Rows, digits_of

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_csv(rows: Rows, file: Path) -> None:
    """Write the lines. Only lines: what a trailer would say is in the manifest, where no reader trips over it."""
    cells: list[Callable[..., Value]] = list(COLUMNS.values())
    with file.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow([_spelled(cell(row)) for cell in cells])


def _spelled(value: Value) -> str:
    match value:
        case str():
            return guarded(value)
        case bytes():
            return value.hex()
        case Decimal():
            return digits_of(value)
        case date():
            return value.isoformat()
        case _:
            return str(value)


def guarded(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: an apostrophe goes before what could begin one."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
