"""Records out of CSV, NDJSON and Parquet files, a few at a time."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw, Struct

from khaywe.importing.columns import ImportRefused, Mapping
from ledger.errors import InvalidInput, LedgerError

Record = tuple[int, dict[str, Any] | LedgerError]
"""Number of the row in the file, counted from 1 without a heading, and its cells; or why it cannot be read."""


class Source(Struct):
    """A file being read."""

    records: Iterator[Record]
    size: int
    """In whatever `done` counts."""
    done: list[int]
    """How much has been read; the one element is kept up to date by the iterator."""


def open_source(path: Path, mapping: Mapping) -> Source:
    """
    Open a file by its ending.

    Raises:
        ImportRefused: There is no such file, it is of another kind, or it lacks a column.
    """
    if not path.is_file():
        raise ImportRefused(f"There is no file {path}.")
    readers = {".csv": _csv, ".ndjson": _ndjson, ".jsonl": _ndjson, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ImportRefused(f"{path.name}: the ending must be one of {', '.join(readers)}.")
    return reader(path, mapping)


def _csv(path: Path, mapping: Mapping) -> Source:
    done = [0]
    broken: list[int] = []
    with path.open("rb") as binary:
        heading = next(csv.reader(_line(raw, [0], broken) for raw in binary), [])
    if broken:
        raise ImportRefused(f"The heading of {path.name} has bytes that are not UTF-8; save the file as UTF-8.")
    mapping.check(heading)

    def records() -> Iterator[Record]:
        with path.open("rb") as binary:
            # Decoded line by line, so that one bad byte costs one row and the position stays known.
            rows = csv.reader(_line(raw, done, broken) for raw in binary)
            next(rows)
            number = 0
            while True:
                number += 1
                broken.clear()
                try:
                    cells = next(rows)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield number, InvalidInput(f"The row is not CSV: {error}.")
                    continue
                if broken:
                    yield number, InvalidInput("The row has bytes that are not UTF-8; save the file as UTF-8.")
                elif not cells:
                    continue  # an empty line, as many programs write at the end
                elif len(cells) != len(heading):
                    message = f"The row has {len(cells)} cells, and the heading has {len(heading)}."
                    yield number, InvalidInput(message)
                else:
                    yield number, dict(zip(heading, cells, strict=True))

    return Source(records(), path.stat().st_size, done)


def _line(raw: bytes, done: list[int], broken: list[int]) -> str:
    """Decode a line; ``broken`` gets an element if that cannot be done without loss."""
    done[0] += len(raw)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        broken.append(done[0])
        return raw.decode("utf-8-sig", errors="replace")


def _ndjson(path: Path, mapping: Mapping) -> Source:
    done = [0]
    decode = msgspec.json.Decoder(dict[str, Raw]).decode
    wanted = set(mapping.columns.values())

    def records() -> Iterator[Record]:
        with path.open("rb") as lines:
            for number, raw in enumerate(lines, 1):
                done[0] += len(raw)
                if raw.strip():
                    try:
                        cells = {name: _text(cell) for name, cell in decode(raw).items() if name in wanted}
                    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                        yield number, InvalidInput(f"The line is not a JSON object: {error}.")
                    else:
                        yield number, cells

    return Source(records(), path.stat().st_size, done)


def _text(cell: Raw) -> str | None:
    """Return a JSON scalar as the text it is written in, so that no number passes through a float."""
    spelled = bytes(cell)
    if spelled[:1] == b'"':
        text: str = msgspec.json.decode(spelled, type=str)
        return text
    return None if spelled == b"null" else spelled.decode()


def _without_nanoseconds(batch: Any) -> Any:
    """Cut times to microseconds, which is what we keep; finer ones would come out of Arrow as pandas objects."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    columns = [
        pc.cast(column, pa.timestamp("us", column.type.tz), safe=False)
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns"
        else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _parquet(path: Path, mapping: Mapping) -> Source:
    # Arrow takes a while to load, and only this needs it.
    from pyarrow import ArrowInvalid  # noqa: PLC0415
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415

    try:
        file = ParquetFile(path)
    except ArrowInvalid as error:
        raise ImportRefused(f"{path.name} is not a Parquet file: {error}.") from None
    mapping.check(file.schema_arrow.names)
    done = [0]

    def records() -> Iterator[Record]:
        number = 0
        for batch in file.iter_batches(batch_size=2_000, columns=list(dict.fromkeys(mapping.columns.values()))):
            for cells in _without_nanoseconds(batch).to_pylist():
                number += 1
                yield number, cells
            done[0] = number

    return Source(records(), file.metadata.num_rows, done)
