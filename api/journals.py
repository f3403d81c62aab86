"""The journal of a month, in every form that finance tools read."""

import base64
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from api.openapi import PROGRAM, operation, path_parameter, query_parameter
from api.resources import resources
from ledger.access.roles import Action
from ledger.bookkeeping.decide import BooksNotSetUp, PeriodIsClosed, PeriodNotNext, check_period
from ledger.errors import InvalidInput
from ledger.posting.instruction import LedgerBusy, LedgerUnavailable
from ledger.program.decide import UnknownProgram
from projections.books.exporting import FORMATS, Manifest, export_month
from projections.books.history import read_history

router = APIRouter(prefix="/v1/programs/{program_id}/books", tags=["books"])

MEDIA: Final = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
    "beancount": "text/x-beancount",
}
"""By form; the first is what is answered where nothing else is asked for."""

_HEADERS: dict[str, Any] = {
    "X-Position": "`<partition>:<position>` of the last event of each partition that was taken in.",
    "X-Journal-Hash": "Hex. The same for the same lines in every form.",
    "X-Journal-Lines": "How many lines there are.",
    "X-Control-Totals": "JSON: account, currency, debit and credit of each account, in units of the currency.",
    "Content-Digest": "SHA-256 of the file, as RFC 9530 has it.",
}
_BLOCK_BYTES = 1 << 18


def _said() -> dict[str, Any]:
    texts = {media: {"schema": {"type": "string"}} for media in MEDIA.values()}
    for form in ("xlsx", "parquet"):
        texts[MEDIA[form]] = {"schema": {"type": "string", "format": "binary"}}
    said = operation(
        Action.READ_BOOKS,
        answer=texts,
        parameters=[
            PROGRAM,
            path_parameter("period", "A month.", "2026-10"),
            query_parameter(
                "format", "Its form. Absent: as `Accept` prefers.", {"type": "string", "enum": list(MEDIA)}
            ),
        ],
        refusals=[UnknownProgram, InvalidInput, BooksNotSetUp, PeriodIsClosed, PeriodNotNext, LedgerUnavailable],
    )
    headers = {name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()}
    said["openapi_extra"]["responses"]["200"]["headers"] = headers
    return said


@router.get("/{period}/journal", summary="Read the journal of a month", **_said())
def read_journal(request: Request) -> Response:
    """
    Every line of a closed month, or of the next so far; of a closed month always the same bytes.

    The file is made before the first byte is sent, so a slow reader holds up nobody, and a failure is told as one. Two
    files at a time are made; more are refused with `ledger-busy`.
    """
    found, program_id = resources(request), request.path_params["program_id"]
    program, period, form = found.program(program_id), request.path_params["period"], _form(request)
    check_period(period)
    if not found.export_slots.acquire(blocking=False):
        raise LedgerBusy("Other exports are being made; ask again in a moment.")
    folder = TemporaryDirectory(prefix="khaywe-journal-")
    try:
        file = Path(folder.name) / f"journal-{program_id}-{period}.{form}"
        with found.connection() as connection:
            history = read_history(connection, program_id, found.partition_count)
            manifest = export_month(connection, program, history, period, file, f"khaywe {request.app.version}")
        return StreamingResponse(_blocks(folder, file), 200, _headers(manifest), MEDIA[form])
    except BaseException:
        folder.cleanup()
        raise
    finally:
        found.export_slots.release()


def _form(request: Request) -> str:
    """Return the form that is asked for: by name, or else the one that the client likes best."""
    named = request.query_params.get("format")
    if named is not None:
        if named not in FORMATS:
            raise InvalidInput(f"format is one of {', '.join(MEDIA)}, not {named!r}.", pointer="/format")
        return named
    liked: dict[str, float] = {}
    for one in request.headers.get("accept", "").split(","):
        media, _, parameters = one.strip().partition(";")
        liked[media.strip().lower()] = _quality(parameters)
    forms = [(liked.get(media, 0.0), form) for form, media in MEDIA.items()]
    best = max(forms, key=lambda one: one[0])
    return best[1] if best[0] > 0 else next(iter(MEDIA))


def _quality(parameters: str) -> float:
    for one in parameters.split(";"):
        name, _, value = one.strip().partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _headers(manifest: Manifest) -> dict[str, str]:
    totals = [(one.account, one.currency, one.debit, one.credit) for one in manifest.control_totals]
    digest = base64.b64encode(bytes.fromhex(manifest.sha256)).decode()
    return {
        "Content-Disposition": f'attachment; filename="{manifest.file}"',
        "Content-Length": str(manifest.byte_count),
        "Content-Digest": f"sha-256=:{digest}:",
        "X-Position": ", ".join(manifest.cover.positions),
        "X-Journal-Hash": manifest.journal_hash,
        "X-Journal-Lines": str(manifest.line_count),
        "X-Control-Totals": msgspec.json.encode(totals).decode(),
    }


def _blocks(folder: "TemporaryDirectory[str]", file: Path) -> Iterator[bytes]:
    with folder, file.open("rb") as source:
        while block := source.read(_BLOCK_BYTES):
            yield block
