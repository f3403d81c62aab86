"""The journal as JSON, a line a line: what the hash of the journal is taken over."""

from pathlib import Path

import msgspec

from projections.books.exporting.rows import Rows

_encode = msgspec.json.Encoder().encode


def write_ndjson(rows: Rows, file: Path) -> None:
    """Write the lines. Amounts are in minor units, as the books have them."""
    with file.open("wb") as target:
        for row in rows:
            target.write(_encode(row.line) + b"\n")
