"""The journal as Parquet: dates are dates, amounts are exact decimals."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from projections.books.exporting.columns import COLUMNS, TEXTS
from projections.books.exporting.rows import Row, Rows

_ROW_GROUP = 20_000
_TYPES = {
    "line": pa.int32(),
    "posting_date": pa.date32(),
    "service_date": pa.date32(),
    "debit": pa.decimal128(38, 6),
    "credit": pa.decimal128(38, 6),
    "points": pa.int64(),
    "program_version": pa.int32(),
    "scheme_version": pa.int32(),
    "hash": pa.binary(32),
} | dict.fromkeys(TEXTS, pa.string())
SCHEMA: Any = pa.schema([pa.field(name, _TYPES[name], nullable=False) for name in COLUMNS])


def write_parquet(rows: Rows, file: Path) -> None:
    """Write the lines, with cover and control totals in the file's metadata."""
    with pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
        passing = iter(rows)
        while (table := _next(passing)).num_rows:
            writer.write_table(table, row_group_size=_ROW_GROUP)
        writer.add_key_value_metadata(
            {
                "khaywe.cover": msgspec.json.encode(rows.cover, order="sorted"),
                "khaywe.line_count": str(rows.line_count),
                "khaywe.journal_hash": rows.link.hex(),
                "khaywe.control_totals": msgspec.json.encode(rows.totals()),
            }
        )


def _next(passing: Iterator[Row]) -> Any:
    """Return the next group of lines as columns; the lines themselves are let go of."""
    group = list(islice(passing, _ROW_GROUP))
    return pa.table([pa.array(map(cell, group), _TYPES[name]) for name, cell in COLUMNS.items()], SCHEMA)
