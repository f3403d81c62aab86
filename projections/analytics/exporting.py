"""A view for analysts as a Parquet file: one consistent snapshot, read and written a page at a time."""

import tempfile
from pathlib import Path
from typing import IO, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct
from psycopg import Connection, sql

from ledger.sql import load_queries
from projections.analytics.dictionary import Column, View, read_view
from projections.books.exporting.manifest import digest, manifest_file

_SQL = load_queries("projections.analytics")
_PAGE_ROWS = 20_000

_TYPES: dict[str, Any] = {
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
}
"""Everything else is text, such as UUIDs and JSON."""


class ExportedView(Struct, frozen=True):
    """What a file of a view holds; stands in its metadata as well."""

    view: str
    program_id: str | None
    """``None``: of all programs."""
    positions: list[str]
    """``<partition>:<position>`` of the last event of each partition that the rows show."""
    row_count: int
    generator: str


class ViewManifest(Struct, frozen=True):
    """Describes an exported file, so that it can be checked."""

    file: str
    export: ExportedView
    columns: list[Column]
    sha256: str
    byte_count: int


def export_view(
    connection: Connection[Any],
    view_name: str,
    target: IO[bytes],
    *,
    generator: str,
    program_id: str | None = None,
) -> ExportedView:
    """
    Write a view as Parquet.

    Args:
        connection: In autocommit mode; it reads one snapshot, and changes nothing.
        view_name: Which.
        target: Takes the bytes, from first to last.
        generator: Program and version, such as ``khaywe 0.1.0``.
        program_id: Only the rows of this program.

    Raises:
        UnknownView: There is none of this name, or its rows belong to no program though one was asked for.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        view = read_view(connection, view_name, of_program=program_id is not None)
        positions = [f"{partition}:{position}" for partition, position in connection.execute(_SQL["positions"])]
        with pq.ParquetWriter(target, _schema(view), compression="zstd") as writer:
            row_count = _write_rows(connection, view, program_id, writer)
            written = ExportedView(view.name, program_id, positions, row_count, generator)
            writer.add_key_value_metadata({"khaywe.export": msgspec.json.encode(written)})
    return written


def export_view_file(
    connection: Connection[Any],
    view_name: str,
    file: Path,
    *,
    generator: str,
    program_id: str | None = None,
) -> ViewManifest:
    """
    Write a view to a Parquet file with a manifest beside it: all of it or nothing. See `export_view`.

    Raises:
        UnknownView: See `export_view`.
    """
    columns = read_view(connection, view_name).columns
    with tempfile.TemporaryDirectory(prefix=".export-", dir=file.parent) as folder:
        beside = Path(folder) / file.name
        with beside.open("wb") as target:
            written = export_view(connection, view_name, target, generator=generator, program_id=program_id)
        manifest = ViewManifest(file.name, written, columns, *digest(beside))
        manifest_file(beside).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
        beside.replace(file)
        manifest_file(beside).replace(manifest_file(file))
    return manifest


def _schema(view: View) -> Any:
    return pa.schema(
        [
            pa.field(column.name, _TYPES.get(column.type, pa.string()), metadata={"description": column.description})
            for column in view.columns
        ],
        {"description": view.description},
    )


def _write_rows(connection: Connection[Any], view: View, program_id: str | None, writer: Any) -> int:
    row_count = 0
    with connection.cursor("analytics_export") as cursor:
        cursor.execute(_query(view, program_id), {"program_id": program_id})
        while rows := cursor.fetchmany(_PAGE_ROWS):
            row_count += len(rows)
            columns = [pa.array([row[index] for row in rows], field.type) for index, field in enumerate(writer.schema)]
            writer.write_table(pa.table(columns, writer.schema))
    return row_count


def _query(view: View, program_id: str | None) -> sql.Composed:
    columns = [
        sql.Identifier(column.name)
        if column.type in _TYPES
        else sql.SQL("{}::text").format(sql.Identifier(column.name))
        for column in view.columns
    ]
    query = sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(columns), sql.Identifier("analytics", view.name))
    return query if program_id is None else query + sql.SQL(" WHERE program_id = %(program_id)s")
