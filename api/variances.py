"""The report of what offline tills promised against what was booked, as JSON by the page or as one CSV."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from msgspec.structs import astuple
from starlette.responses import Response, StreamingResponse

from api.openapi import CURSOR, LIMIT, MIN_POSITION, PROGRAM, operation, query_parameter, reference
from api.paging import MAX_LIMIT, as_json, cursor_of, limit_of, token
from api.problems import ViewBehind
from api.resources import Resources, resources
from ledger.access.roles import Action
from ledger.errors import InvalidInput, LedgerError
from ledger.posting.instruction import LedgerUnavailable
from ledger.program.decide import UnknownProgram
from projections.promises import (
    SumCursor,
    Variance,
    VarianceCursor,
    VarianceSum,
    Window,
    read_variances,
    sum_variances,
)
from projections.tracking import shown_position

router = APIRouter(prefix="/v1/programs/{program_id}/variances", tags=["offline tills"])

CSV = "text/csv"


class VariancePage(Struct, frozen=True):
    """Promises with what was booked for them, oldest first."""

    positions: list[str]
    """What the report shows, per partition."""
    variances: list[Variance]
    next_cursor: str | None


class SummaryPage(Struct, frozen=True):
    """Sums per day, store, bundle version and point currency, oldest first."""

    positions: list[str]
    sums: list[VarianceSum]
    next_cursor: str | None


_REFUSALS: list[type[LedgerError]] = [InvalidInput, UnknownProgram, ViewBehind, LedgerUnavailable]
_DATE = {"type": "string", "format": "date"}
_WINDOW = [
    PROGRAM,
    query_parameter("from", "First effective date.", _DATE),
    query_parameter("to", "First effective date that no longer belongs.", _DATE),
    query_parameter("source", "Only this store or system.", {"type": "string"}),
]


def _forms(page: type[Struct]) -> dict[str, Any]:
    return {"application/json": {"schema": reference(page)}, CSV: {"schema": {"type": "string"}}}


@router.get(
    "",
    summary="Read what tills promised against what was booked",
    **operation(
        Action.READ_TILLS,
        answer=_forms(VariancePage),
        parameters=[
            *_WINDOW,
            query_parameter(
                "only_different",
                "Leave out promises that were kept to the point.",
                {"type": "boolean", "default": False},
            ),
            LIMIT,
            CURSOR,
            MIN_POSITION,
        ],
        refusals=_REFUSALS,
    ),
)
def variances(request: Request) -> Response:
    """
    Return purchases that tills priced by themselves: promised, booked, why they differ, and what became of it since.

    With ``Accept: text/csv`` the whole report comes as one file, whatever the limit.
    """
    limit, after = limit_of(request), cursor_of(request, VarianceCursor)
    window, only_different = _window(request), _flag(request, "only_different")
    found, positions = _shown(request)

    def page(after: VarianceCursor | None, limit: int) -> tuple[list[Variance], VarianceCursor | None]:
        with found.connection() as connection:
            rows = read_variances(connection, window, after, only_different=only_different, limit=limit)
        last = rows[-1] if len(rows) == limit else None
        if last is None:
            return rows, None
        return rows, VarianceCursor(
            last.effective_on, last.source, last.transaction_id, last.account_id, last.point_currency
        )

    if _wants_csv(request):
        return _csv(Variance, page, "variances")
    rows, following = page(after, limit)
    return as_json(VariancePage(positions, rows, _spelled(following)))


@router.get(
    "/summary",
    summary="Sum up what tills promised against what was booked",
    **operation(
        Action.READ_TILLS,
        answer=_forms(SummaryPage),
        parameters=[*_WINDOW, LIMIT, CURSOR, MIN_POSITION],
        refusals=_REFUSALS,
    ),
)
def summary(request: Request) -> Response:
    """Return promised, booked and the difference per day, store, bundle version and point currency."""
    limit, after = limit_of(request), cursor_of(request, SumCursor)
    window = _window(request)
    found, positions = _shown(request)

    def page(after: SumCursor | None, limit: int) -> tuple[list[VarianceSum], SumCursor | None]:
        with found.connection() as connection:
            rows = sum_variances(connection, window, after, limit=limit)
        last = rows[-1] if len(rows) == limit else None
        if last is None:
            return rows, None
        return rows, SumCursor(last.effective_on, last.source, last.bundle_version, last.point_currency)

    if _wants_csv(request):
        return _csv(VarianceSum, page, "variance-summary")
    rows, following = page(after, limit)
    return as_json(SummaryPage(positions, rows, _spelled(following)))


def _shown(request: Request) -> tuple[Resources, list[str]]:
    found = resources(request)
    found.program(request.path_params["program_id"])
    with found.connection() as connection:
        found.wait_for(connection, request.query_params.get("min_position"))
        # Read first: the rows may show more than it says, never less.
        partitions = range(found.partition_count)
        return found, [f"{partition}:{shown_position(connection, partition)}" for partition in partitions]


def _window(request: Request) -> Window:
    asked = request.query_params
    return Window(request.path_params["program_id"], _date(request, "from"), _date(request, "to"), asked.get("source"))


def _date(request: Request, name: str) -> date | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{name} is a date such as 2026-11-22, not {text!r}.", pointer=f"/{name}") from None


def _flag(request: Request, name: str) -> bool:
    text = request.query_params.get(name)
    if text not in {None, "", "false", "0", "true", "1"}:
        raise InvalidInput(f"{name} is true or false, not {text!r}.", pointer=f"/{name}")
    return text in {"true", "1"}


def _spelled(cursor: Struct | None) -> str | None:
    return None if cursor is None else token(list(astuple(cursor)))


def _wants_csv(request: Request) -> bool:
    kinds = [one.partition(";")[0].strip().lower() for one in request.headers.get("accept", "").split(",")]
    return CSV in kinds


def _csv(row_type: type[Struct], page: Callable[[Any, int], tuple[Sequence[Any], Any]], name: str) -> Response:
    """Answer with every row. The first page is read before the answer begins, so that a refusal is still one."""
    first, following = page(None, MAX_LIMIT)

    def lines() -> Iterator[str]:
        rows, after = first, following
        yield _written([row_type.__struct_fields__])
        yield _written(map(astuple, rows))
        while after is not None:
            rows, after = page(after, MAX_LIMIT)
            yield _written(map(astuple, rows))

    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(lines(), 200, headers, f"{CSV}; charset=utf-8")


def _written(rows: Any) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([[_cell(value) for value in row] for row in rows])
    return text.getvalue()


def _cell(value: Any) -> str:
    """Spell a value; text that a spreadsheet would take for a formula is marked as text."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(("=", "+", "-", "@")) else value
    return str(msgspec.to_builtins(value))
