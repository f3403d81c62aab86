"""The journal of a month as a file."""

from pathlib import Path
from typing import Any

from psycopg import Connection

from ledger.program.state import Program
from projections.books.exporting.manifest import Cover, Manifest
from projections.books.exporting.writing import export_journal
from projections.books.history import History
from projections.books.journal import lines_of
from projections.books.reading import opened


def export_month(  # noqa: PLR0917  # whose month, and where to
    connection: Connection[Any], program: Program, history: History, period: str, file: Path, generator: str
) -> Manifest:
    """
    Write the journal of a closed month, or of the next so far, in the form that the file's ending names.

    Args:
        connection: In autocommit mode.
        program: Whose books.
        history: Of its books.
        period: The month.
        file: To be made; its manifest goes beside it.
        generator: Program and version.

    Raises:
        LedgerError: The month is neither closed nor the next, or the ending is no form.
    """
    program_id = program.program_id
    with opened(connection, program_id, history, period) as (basis, reading):
        frozen = sorted(reading.window.frozen_at.items(), key=lambda one: int(one[0]))
        cover = Cover(
            f"Journal of {program_id}, {period}",
            tuple(f"{partition}:{position}" for partition, position in frozen),
            generator,
            {"program_id": program_id, "period": period},
            {
                f"{program_id}/{one.code}": one.scale
                for version in program.versions
                for one in version.terms.point_currencies
            },
        )
        return export_journal(lines_of(program_id, reading.entries(), basis.scheme_version), file, cover)
