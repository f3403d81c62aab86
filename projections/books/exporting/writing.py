"""Writing a journal to a file: all of it with its manifest, or nothing."""

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from ledger.errors import InvalidInput
from projections.books.exporting.beancount import write_beancount
from projections.books.exporting.comma_separated import write_csv
from projections.books.exporting.json_lines import write_ndjson
from projections.books.exporting.manifest import Cover, Manifest, digest, manifest_file
from projections.books.exporting.parquet import write_parquet
from projections.books.exporting.rows import Rows
from projections.books.exporting.workbook import write_xlsx
from projections.books.lines import JournalLine

FORMATS: dict[str, Callable[[Rows, Path], None]] = {
    "csv": write_csv,
    "xlsx": write_xlsx,
    "parquet": write_parquet,
    "beancount": write_beancount,
    "ndjson": write_ndjson,
}
"""By the ending of the file."""


def export_journal(lines: Iterable[JournalLine], file: Path, cover: Cover) -> Manifest:
    """
    Write a journal, in the format that the file's ending names, and its manifest beside it.

    Memory does not grow with the number of lines; the same lines and cover make the same bytes.

    Args:
        lines: The lines of an entry one after the other.
        file: To be made, or replaced once all is written.
        cover: What it was made from.

    Raises:
        InvalidInput: The ending is of none of our formats.
    """
    kind = file.suffix.removeprefix(".")
    if kind not in FORMATS:
        raise InvalidInput(f"A journal is exported as {', '.join(FORMATS)}, by the file's ending; not {file.name!r}.")
    rows = Rows(lines, cover)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=file.parent) as folder:
        beside = Path(folder) / file.name
        FORMATS[kind](rows, beside)
        sha256, byte_count = digest(beside)
        manifest = Manifest(
            file.name,
            kind,
            cover,
            rows.line_count,
            rows.entry_count,
            rows.totals(),
            rows.link.hex(),
            sha256,
            byte_count,
        )
        manifest_file(beside).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
        # The manifest last: a file whose manifest is an older one is found out, and asked for again.
        beside.replace(file)
        manifest_file(beside).replace(manifest_file(file))
    return manifest
