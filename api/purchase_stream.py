"""
Purchases as a stream: any number of lines, each answered in order while the next ones are still being read.

Nothing is kept but what is under way, so a stream of a million lines needs as much memory as one of a thousand.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.access.caller import Caller, caller_of
from api.line_reader import Line
from api.openapi import PROGRAM, operation, query_parameter, reference
from api.problems import STATUS, UnsupportedMediaType, problem
from api.purchase_lines import EXAMPLE, NDJSON, ItemResult, asked_by, item_result
from api.resources import position_token, resources
from api.streaming import LineStream, Pace
from ledger.access.roles import Action
from ledger.errors import InvalidInput, LedgerError
from ledger.posting.instruction import Instruction, LedgerUnavailable, Outcome, Posted
from ledger.program.decide import UnknownProgram
from rules.activity import Purchase
from rules.instructions import post_purchase

router = APIRouter(prefix="/v1/programs/{program_id}/purchases", tags=["purchases"])


class LineResult(Struct, frozen=True, omit_defaults=True):
    """What became of one line of a stream, in brief."""

    index: int
    """Of the line, counted from 0; blank lines do not count."""
    status: int
    """As if the line had been sent alone."""
    points: int | None = None
    """Earned in all."""
    position: str | None = None
    """Reads that are given this as min_position show the purchase."""
    replayed: bool | None = None
    """It was booked before; this is the first answer again."""
    problem: dict[str, Any] | None = None


_encode_lines = msgspec.json.Encoder().encode_lines


@router.post(
    "/stream",
    summary="Post any number of purchases as a stream",
    **operation(
        Action.POST_PURCHASES,
        body={NDJSON: {"schema": reference(Purchase), "example": EXAMPLE}},
        answer={NDJSON: {"schema": {"anyOf": [reference(LineResult), reference(ItemResult)]}}},
        parameters=[
            PROGRAM,
            query_parameter(
                "detail",
                "brief tells status, points and position of each line; full the purchase as it was booked.",
                {"type": "string", "enum": ["brief", "full"], "default": "brief"},
            ),
        ],
        refusals=[UnsupportedMediaType, UnknownProgram, LedgerUnavailable],
    ),
)
async def post_stream(request: Request) -> Response:
    """
    Book purchases as they arrive, a line each, and answer each line with a line, in order and while still reading.

    Read the answer while you send: whoever sends everything first and reads afterwards is stopped when the buffers in
    between are full. Each line succeeds or fails alone, as in a batch. What was booked stays booked when the connection
    breaks; sent again, those lines are answered as replayed. A body that stops arriving for a minute is
    given up: the last line of the answer is then the problem body-stalled, with the index of the line that was awaited.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != NDJSON:
        raise UnsupportedMediaType(f"Send {NDJSON}, not {kind!r}.")
    detail = request.query_params.get("detail", "brief")
    if detail not in {"brief", "full"}:
        raise InvalidInput(f"detail is brief or full, not {detail!r}.", pointer="/detail")
    found, program_id = resources(request), request.path_params["program_id"]
    await run_in_threadpool(found.program, program_id)
    return LineStream(
        found.poster,
        found.stream_slots,
        partial(_read_lines, program_id, caller_of(request)),
        _tell_in_full if detail == "full" else _tell_in_brief,
        Pace(),
    )


def _read_lines(program_id: str, caller: Caller, lines: Sequence[Line]) -> list[Instruction | LedgerError]:
    received_at = datetime.now(UTC)

    def instruct(purchase: Purchase) -> Instruction:
        return post_purchase(program_id, purchase, received_at)

    return [asked_by(line, caller, instruct) if isinstance(line, bytes) else line for line in lines]


def _tell_in_full(first: int, outcomes: Sequence[Outcome]) -> bytes:
    return _encode_lines([item_result(index, outcome) for index, outcome in enumerate(outcomes, first)])


def _tell_in_brief(first: int, outcomes: Sequence[Outcome]) -> bytes:
    return _encode_lines([_brief(index, outcome) for index, outcome in enumerate(outcomes, first)])


def _brief(index: int, outcome: Outcome) -> LineResult:
    if not isinstance(outcome, Posted):
        return LineResult(index, STATUS[type(outcome)].value, problem=problem(outcome))
    points = sum([accrual.points for accrual in outcome.event.accruals])
    status = 200 if outcome.replayed else 201
    return LineResult(index, status, points, position_token(outcome), outcome.replayed)
