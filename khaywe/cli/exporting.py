"""``khaywe export`` and ``khaywe verify-export``: files for analysts, and proof that they are what they were."""

from pathlib import Path

import typer

from khaywe import __version__
from khaywe.wiring import Database
from projections.analytics import export_view_file, read_dictionary
from projections.books.exporting import verify_export


def export(database: Database, view: str, file: str, program_id: str | None) -> None:
    """
    Write a view to a Parquet file, with its manifest.

    Raises:
        UnknownView: There is none of this name.
        ValueError: The file cannot be written.
    """
    target = Path(file)
    if target.suffix != ".parquet" or not target.absolute().parent.is_dir():
        raise ValueError(f"{file!r} must end in .parquet, and its folder must be there.")
    with database.connect() as connection:
        manifest = export_view_file(connection, view, target, generator=f"khaywe {__version__}", program_id=program_id)
    told = manifest.export
    typer.echo(f"{told.row_count} rows, {manifest.byte_count} bytes, at position {', '.join(told.positions)}")
    typer.echo(f"SHA-256 {manifest.sha256}")


def verify(file: str) -> None:
    """
    Check a file against its manifest.

    Raises:
        ExportDiffers: It is not the one that was exported.
    """
    manifest = verify_export(Path(file))
    typer.secho(f"{file} is as it was exported: SHA-256 {manifest['sha256']}", fg=typer.colors.GREEN)


def show_views(database: Database) -> None:
    """Print what can be exported."""
    with database.connect() as connection:
        for view in read_dictionary(connection):
            typer.echo(f"{view.name:18} {view.description}")
