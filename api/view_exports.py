"""Views for analysts: what there is, and each as a Parquet file."""

import base64
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO

from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.responses import Response, StreamingResponse

from api.openapi import PROGRAM, operation, path_parameter
from api.paging import as_json
from api.resources import resources
from ledger.access.roles import Action
from ledger.posting.instruction import LedgerBusy, LedgerUnavailable
from ledger.program.decide import UnknownProgram
from projections.analytics import ExportedView, UnknownView, View, export_view, read_dictionary
from projections.books.exporting import digest_of

router = APIRouter(prefix="/v1/programs/{program_id}/exports", tags=["analytics"])

PARQUET = "application/vnd.apache.parquet"
_BLOCK_BYTES = 1 << 18


class ViewList(Struct, frozen=True):
    """The dictionary of what can be exported for a program."""

    views: list[View]


@router.get(
    "",
    summary="List what can be exported",
    **operation(Action.READ_BOOKS, answer=ViewList, parameters=[PROGRAM], refusals=[UnknownProgram, LedgerUnavailable]),
)
def exportable(request: Request) -> Response:
    """Return every view for analysts with its columns, what they mean and their units."""
    found = resources(request)
    found.program(request.path_params["program_id"])
    with found.connection() as connection:
        return as_json(ViewList([view for view in read_dictionary(connection) if view.is_of_programs]))


@router.get(
    "/{view}.parquet",
    summary="Export a view as Parquet",
    **operation(
        Action.READ_BOOKS,
        answer={PARQUET: {"schema": {"type": "string", "format": "binary"}, "example": "PAR1…"}},
        parameters=[PROGRAM, path_parameter("view", "Which view.", "balances")],
        refusals=[UnknownProgram, UnknownView, LedgerUnavailable],
    ),
)
def export(request: Request) -> Response:
    """
    Return the program's rows of a view, as one consistent snapshot.

    The file is made before the first byte is sent, so a slow reader holds up nobody, and a failure is told as one. Its
    metadata says which position it shows (`khaywe.export`); `Content-Digest` is its SHA-256. Two exports at a time are
    made; more are refused with `ledger-busy`.
    """
    found, program_id = resources(request), request.path_params["program_id"]
    found.program(program_id)
    if not found.export_slots.acquire(blocking=False):
        raise LedgerBusy("Other exports are being made; ask again in a moment.")
    file = TemporaryFile()  # noqa: SIM115  # closed when it has been sent
    try:
        with found.connection() as connection:
            written = export_view(
                connection,
                request.path_params["view"],
                file,
                generator=f"khaywe {request.app.version}",
                program_id=program_id,
            )
        return _sent(file, written)
    except BaseException:
        file.close()
        raise
    finally:
        found.export_slots.release()


def _sent(file: IO[bytes], written: ExportedView) -> Response:
    file.seek(0)
    digest, byte_count = digest_of(file)
    file.seek(0)
    headers = {
        "Content-Disposition": f'attachment; filename="{written.view}.parquet"',
        "Content-Length": str(byte_count),
        "Content-Digest": f"sha-256=:{base64.b64encode(digest).decode()}:",
    }
    return StreamingResponse(_blocks(file), 200, headers, PARQUET)


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while block := file.read(_BLOCK_BYTES):
            yield block
