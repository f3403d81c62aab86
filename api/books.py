"""The books of a program: settings, closing months, and what finance asks of them."""

from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import uuid4

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.access.caller import caller_of
from api.approvals import ask_to_reopen
from api.bodies import body_of
from api.openapi import PROGRAM, operation, path_parameter, query_parameter
from api.paging import as_json, limit_of
from api.resources import Resources, idempotency_references, position_token, resources
from ledger.access.roles import Action
from ledger.audit.errors import LedgerNotWhole
from ledger.audit.taking import take_checkpoint
from ledger.bookkeeping.decide import (
    BooksChanged,
    BooksNotSetUp,
    PeriodIsClosed,
    PeriodNotClosed,
    PeriodNotNext,
    PeriodNotOver,
    check_period,
)
from ledger.bookkeeping.events import EstimateApplied, Funder, PeriodClosed, SettingsSet, Supplier
from ledger.errors import InvalidInput, LedgerError
from ledger.money import UnknownCurrency
from ledger.posting.instruction import KeyReused, LedgerBusy, LedgerUnavailable, Posted, Reference
from ledger.program.decide import UnknownProgram
from ledger.store.receipts import recorded_for
from projections.books import reports
from projections.books.history import read_history
from projections.books.reports import CutOffReport, Liability, RollForward, TrialBalance
from projections.books.translation import Rates, rates_of, translated
from rules.instructions.bookkeeping import keep_books

router = APIRouter(prefix="/v1/programs/{program_id}/books", tags=["books"])

PERIOD = path_parameter("period", "A month.", "2026-10")
READING: list[type[LedgerError]] = [
    UnknownProgram,
    InvalidInput,
    BooksNotSetUp,
    PeriodIsClosed,
    PeriodNotNext,
    LedgerUnavailable,
]
_WRITE: list[type[LedgerError]] = [UnknownProgram, InvalidInput, KeyReused, LedgerBusy, LedgerUnavailable]
_LIMIT = query_parameter("limit", "Items at most.", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100})

_RATE_SCHEMA = {"type": "string", "maxLength": 40, "examples": ["1.0842"]}
_RATES = (
    query_parameter("currency", "Translate amounts into this one (ISO 4217).", {"type": "string", "examples": ["USD"]}),
    query_parameter("opening_rate", "Units of it for one of the books', when the month began.", _RATE_SCHEMA),
    query_parameter("average_rate", "The same, over the month.", _RATE_SCHEMA),
    query_parameter("closing_rate", "The same, when the month ended.", _RATE_SCHEMA),
)

Decimals = Annotated[str, Meta(max_length=40)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]


class SettingsRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """How the points of a currency are accounted for from a date on. Money per point is in minor units."""

    point_currency: Name
    effective_on: date
    currency: Annotated[str, Meta(min_length=3, max_length=3)]
    point_value_minor: Decimals
    redemption_rate: Decimals
    expiry_method: str = "proportional"
    point_cost_minor: Decimals = ""
    funders: Annotated[tuple[Funder, ...], Meta(max_length=1000)] = ()
    suppliers: Annotated[tuple[Supplier, ...], Meta(max_length=1000)] = ()


class EstimateRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """How many points of a cohort will ever be redeemed."""

    cohort: Name
    redeemed_points: int
    reason: Annotated[str, Meta(max_length=500)] = ""


class ReopeningRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a closed month has to be opened again."""

    reason: Annotated[str, Meta(min_length=1, max_length=500)]


class ClosedMonth(Struct, frozen=True):
    """A month that was closed; its figures are read apart."""

    period: str
    frozen_at: dict[str, int]
    """By partition: the last position that was looked at."""
    journal_hash: str
    entry_count: int
    event_count: int
    late_count: int
    by: str
    closed_at: datetime


class BooksTrace(Struct, frozen=True):
    """A month was closed or opened again."""

    kind: str
    period: str
    by: str
    approved_by: str
    reason: str
    occurred_at: datetime
    journal_hash: str


class BooksView(Struct, frozen=True):
    """How a program is accounted for, and which months are closed."""

    settings: list[SettingsSet]
    estimates: dict[str, int]
    """Points ever redeemed, by cohort."""
    closed: list[ClosedMonth]
    next_period: str | None
    """The month to close next; null where none was closed."""
    trace: list[BooksTrace]
    """Every closing and reopening there ever was."""


class BooksChange(Struct, frozen=True):
    """Done."""

    position: str
    replayed: bool


_settings = msgspec.json.Decoder(SettingsRequest).decode
_estimate = msgspec.json.Decoder(EstimateRequest).decode
_reopening = msgspec.json.Decoder(ReopeningRequest).decode


@router.get(
    "",
    summary="Read settings and closed months",
    **operation(
        Action.READ_BOOKS, answer=BooksView, parameters=[PROGRAM], refusals=[UnknownProgram, LedgerUnavailable]
    ),
)
def read_books(request: Request) -> Response:
    """Return what holds, and the trace of everything that was closed or opened again."""
    found, program_id = _known(request)
    with found.connection() as connection:
        history = read_history(connection, program_id, found.partition_count)
    closed = [_closed(history.closing(period)) for period in history.closed_periods]
    books = history.books
    trace = [
        BooksTrace(
            type(one).TOPIC,
            one.period,
            one.by,
            getattr(one, "approved_by", ""),
            getattr(one, "reason", ""),
            one.occurred_at,
            getattr(one, "journal_hash", ""),
        )
        for one in history.trace()
    ]
    return as_json(BooksView(books.settings, books.estimates, closed, history.open_period(), trace))


@router.post(
    "/settings",
    summary="Say how points are accounted for",
    **operation(
        Action.CLOSE_PERIODS,
        body=SettingsRequest,
        answer=BooksChange,
        status=201,
        parameters=[PROGRAM],
        refusals=[*_WRITE, PeriodIsClosed],
        example={
            "point_currency": "points",
            "effective_on": "2026-01-01",
            "currency": "EUR",
            "point_value_minor": "1",
            "redemption_rate": "0.95",
        },
    ),
)
async def set_settings(request: Request) -> Response:
    """From a date on, which may not lie in a closed month. Settings of the same date are replaced."""
    asked, (found, program_id) = await body_of(request, _settings), await run_in_threadpool(_known, request)
    if found.program(program_id).currency != asked.currency:
        raise InvalidInput("The books are kept in the program's currency.", pointer="/currency")
    command = SettingsSet(
        program_id,
        asked.point_currency,
        asked.effective_on,
        asked.currency,
        asked.point_value_minor,
        asked.redemption_rate,
        asked.expiry_method,
        caller_of(request).principal,
        datetime.now(UTC),
        asked.point_cost_minor,
        asked.funders,
        asked.suppliers,
    )
    return _changed(await found.poster.post(keep_books(program_id, command, _keys(request, program_id))))


@router.post(
    "/estimates",
    summary="Apply an estimate of breakage",
    **operation(
        Action.CLOSE_PERIODS,
        body=EstimateRequest,
        answer=BooksChange,
        status=201,
        parameters=[PROGRAM],
        refusals=_WRITE,
        example={"cohort": "2026-01/own/points", "redeemed_points": 9700, "reason": "curve of 2025"},
    ),
)
async def apply_estimate(request: Request) -> Response:
    """Say how many points of a cohort will ever be redeemed. It changes the open month, never a closed one."""
    asked, (found, program_id) = await body_of(request, _estimate), await run_in_threadpool(_known, request)
    by, now = caller_of(request).principal, datetime.now(UTC)
    command = EstimateApplied(asked.cohort, asked.redeemed_points, by, now, asked.reason)
    return _changed(await found.poster.post(keep_books(program_id, command, _keys(request, program_id))))


@router.post(
    "/{period}/close",
    summary="Close a month",
    **operation(
        Action.CLOSE_PERIODS,
        answer=ClosedMonth,
        status=201,
        parameters=[PROGRAM, PERIOD],
        refusals=[*_WRITE, BooksNotSetUp, PeriodIsClosed, PeriodNotNext, PeriodNotOver, BooksChanged, LedgerNotWhole],
    ),
)
async def close_period(request: Request) -> Response:
    """
    Freeze a month at what is recorded now. What is recorded later and counts in it is posted in the next.

    Sent again with its Idempotency-Key it is answered again; without one, a closed month is refused. A signed
    checkpoint is taken before, which finds out whether the ledger is whole, and after.
    """
    found, program_id = await run_in_threadpool(_known, request)
    keys, period = idempotency_references(request), request.path_params["period"]
    by = caller_of(request).principal
    before = await run_in_threadpool(_closed_before, found, keys, period)
    if before is not None:
        return Response(msgspec.json.encode(before), 200, {"Idempotency-Replayed": "true"}, "application/json")
    # Nothing is closed over a ledger that is not whole; and what is closed is signed, the closing itself included.
    await run_in_threadpool(_seal, found)
    command = await run_in_threadpool(_worked_out, found, program_id, period, by)
    own = (f"close:{program_id}", f"{period}:{command.revision}")
    posted = await found.poster.post(keep_books(program_id, command, (own, *keys)))
    await run_in_threadpool(_seal, found)
    return _json(_closed(posted.event), posted)


@router.post(
    "/{period}/reopen",
    summary="Ask to open the last closed month again",
    **operation(
        Action.CLOSE_PERIODS,
        body=ReopeningRequest,
        answer={"application/json": {"schema": {"type": "object"}}},
        status=202,
        parameters=[PROGRAM, PERIOD],
        refusals=[UnknownProgram, InvalidInput, PeriodNotClosed, LedgerBusy, LedgerUnavailable],
        example={"reason": "the price of partner X was wrong"},
    ),
)
async def reopen_period(request: Request) -> Response:
    """Answered with a request for approval: a second person has to agree. What it was closed with stays on record."""
    asked, (found, program_id) = await body_of(request, _reopening), await run_in_threadpool(_known, request)
    period = request.path_params["period"]
    version = await run_in_threadpool(_last_closing, found, program_id, period)
    return await ask_to_reopen(request, period, version, asked.reason)


@router.get(
    "/{period}/rollforward",
    summary="Read the roll-forward of a month",
    **operation(
        Action.READ_BOOKS,
        answer=RollForward,
        parameters=[PROGRAM, PERIOD, *_RATES],
        refusals=[*READING, UnknownCurrency],
    ),
)
def read_rollforward(request: Request) -> Response:
    """
    Points and value per cohort: opening, what came and went, closing. Of a closed month, or of the next so far.

    With a currency and three rates, amounts are translated: balances at the opening and closing rate, movements at the
    average rate; the rest is the column `translation` (IAS 21.39).
    """
    rates = _rates(request)
    found = report(request, reports.roll_forward)
    return as_json(translated(found, rates) if rates else found)


def _rates(request: Request) -> Rates | None:
    """Return the rates that were sent: all of them, or none."""
    texts = [request.query_params.get(one["name"]) for one in _RATES]
    given = [text for text in texts if text is not None]
    if not given:
        return None
    if len(given) < len(texts):
        names = ", ".join(one["name"] for one in _RATES)
        missing = next(one["name"] for one, text in zip(_RATES, texts, strict=True) if text is None)
        raise InvalidInput(f"Give all of {names}, or none.", pointer=f"/{missing}")
    return rates_of(*given)


@router.get(
    "/{period}/liability",
    summary="Read what is owed at the end of a month",
    **operation(Action.READ_BOOKS, answer=Liability, parameters=[PROGRAM, PERIOD], refusals=READING),
)
def read_liability(request: Request) -> Response:
    """Per cohort, with the breakage that is expected, and how it agrees with the accounts."""
    return as_json(report(request, reports.liability))


@router.get(
    "/{period}/trial-balance",
    summary="Read the trial balance of a month",
    **operation(Action.READ_BOOKS, answer=TrialBalance, parameters=[PROGRAM, PERIOD], refusals=READING),
)
def read_trial_balance(request: Request) -> Response:
    """Every account with what it began, moved and ended with; those of a currency add up to nothing."""
    return as_json(report(request, reports.trial_balance))


@router.get(
    "/{period}/cutoff",
    summary="Read the late events of a month",
    **operation(Action.READ_BOOKS, answer=CutOffReport, parameters=[PROGRAM, PERIOD, _LIMIT], refusals=READING),
)
def read_cutoff(request: Request) -> Response:
    """Events that count in a closed month and were posted in this one, with their service date."""
    return as_json(report(request, reports.cut_off, limit_of(request)))


def report(request: Request, make: Any, *more: Any) -> Any:
    """
    Return a report on the month that a request names.

    Args:
        request: With program and month in its path.
        make: The report: of connection, program, number of partitions and month.
        more: What else it wants to know.

    Raises:
        UnknownProgram: There is no such program.
        InvalidInput: The month is none.
    """
    found, program_id = _known(request)
    period = request.path_params["period"]
    check_period(period)
    with found.connection() as connection:
        return make(connection, program_id, found.partition_count, period, *more)


def _worked_out(found: Resources, program_id: str, period: str, by: str) -> Any:
    check_period(period)
    with found.connection() as connection:
        return reports.worked_out(connection, program_id, found.partition_count, period, by, datetime.now(UTC))


def _last_closing(found: Resources, program_id: str, period: str) -> int:
    check_period(period)
    with found.connection() as connection:
        books = read_history(connection, program_id, found.partition_count).books
    if not books.closings or books.closings[-1].period != period:
        raise PeriodNotClosed("Only the last closed month can be opened again.", pointer="/period")
    return books.closings[-1].version


def _known(request: Request) -> tuple[Resources, str]:
    found, program_id = resources(request), request.path_params["program_id"]
    found.program(program_id)
    return found, program_id


def _keys(request: Request, program_id: str) -> tuple[Reference, ...]:
    return idempotency_references(request) or ((f"books:{program_id}", uuid4().hex),)


def _changed(posted: Posted) -> Response:
    return _json(BooksChange(position_token(posted), posted.replayed), posted)


def _json(body: Struct, posted: Posted) -> Response:
    headers = {"Idempotency-Replayed": "true"} if posted.replayed else {}
    return Response(msgspec.json.encode(body), 200 if posted.replayed else 201, headers, "application/json")


def _closed_before(found: Resources, keys: tuple[Reference, ...], period: str) -> ClosedMonth | None:
    """Return what a request closed when it came the first time; to work it out again would meet a closed month."""
    with found.connection() as connection:
        for key in keys:
            recorded = recorded_for(connection, key)
            if recorded is not None:
                if not isinstance(recorded.event, PeriodClosed) or recorded.event.period != period:
                    message = f"{key[1]!r} was used before for a different request; a new effect needs a new key."
                    raise KeyReused(message, source=key[0], key=key[1])
                return _closed(recorded.event)
    return None


def _closed(one: PeriodClosed) -> ClosedMonth:
    counts = one.entry_count, one.event_count, one.late_count
    return ClosedMonth(one.period, one.frozen_at, one.journal_hash, *counts, one.by, one.occurred_at)


def _seal(found: Resources) -> None:
    with found.connection() as connection:
        take_checkpoint(connection, found.signing_keys, datetime.now(UTC))
