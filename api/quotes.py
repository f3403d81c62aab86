"""Quotes: what a basket would earn and what points could pay of it, with nothing written."""

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.bodies import body_of
from api.openapi import PROGRAM, operation
from api.problems import problem
from api.purchase_views import AccrualView, accrual_view
from api.resources import Resources, resources
from ledger.access.roles import Action
from ledger.account.activity import available_points
from ledger.account.errors import AccountNotOpen, InsufficientPoints
from ledger.account.evolve import evolve
from ledger.account.state import Account
from ledger.dates import as_utc, local_date, time_zone
from ledger.errors import LedgerError
from ledger.members.directory import UnknownMember
from ledger.money import InvalidAmount, UnknownCurrency, to_major
from ledger.posting.cache import StateCache
from ledger.posting.histories import read_histories
from ledger.posting.instruction import HistoryNeeded, LedgerUnavailable
from ledger.program.decide import UnknownProgram
from ledger.program.state import Program
from ledger.streams import ACCOUNT, BUDGET, budget_stream_id
from rules.errors import CurrencyMismatch, NoVersionInForce, OccurredInFuture
from rules.pricing.attributes import InvalidAttributes
from rules.pricing.quoting import Known, Quoted, TierChange, quote
from rules.pricing.simulation import Simulated
from rules.pricing.spendable import Spendable
from rules.pricing.trace import RuleTrace
from rules.requests import QuoteRequest

router = APIRouter(prefix="/v1/programs/{program_id}/quotes", tags=["checkouts"])


class EarningView(Struct, frozen=True):
    """What posting the purchase would book."""

    points: dict[str, int] = {}
    """Per point currency, in its smallest unit."""
    accruals: list[AccrualView] = []
    balances: dict[str, int] = {}
    """Points of every point currency after it, if no points pay for it."""
    program_version: int | None = None
    text: str = ""
    """To read out: what is given and why, or why nothing is."""
    rules: tuple[RuleTrace, ...] = ()
    """Every earn rule of the version, with what it gives or why it does not."""
    problem: dict[str, Any] | None = None
    """Why the purchase would be refused on this account; null if it would be booked."""


class QuotedBalance(Struct, frozen=True):
    """What the member has of a point currency on that day."""

    point_currency: str
    balance_points: int
    available_points: int
    held_points: int


class SpendableView(Struct, frozen=True):
    """What points of one currency could pay."""

    point_currency: str
    available_points: int
    maximum_points: int
    """The most that a hold or a redemption may ask for; 0 if none can."""
    value_minor: int
    """What those are worth."""
    value: str
    """The same in major units."""
    currency: str
    reasons: list[dict[str, Any]]
    """Why not more, or why none: each the problem that asking for ``points`` would get."""


class AskedView(Struct, frozen=True):
    """Whether the points that were asked about would be accepted."""

    points: int
    is_accepted: bool
    point_currency: str | None = None
    value_minor: int | None = None
    value: str | None = None
    currency: str | None = None
    problem: dict[str, Any] | None = None


class QuoteView(Struct, frozen=True):
    """A quote. It reserves nothing: until points are held, somebody else may spend them."""

    program_id: str
    member_id: str | None
    effective_on: date
    earning: EarningView
    balances: list[QuotedBalance]
    tiers: tuple[TierChange, ...]
    spending: list[SpendableView]
    """One per point currency that has a burn rule."""
    asked: AskedView | None


_quote = msgspec.json.Decoder(QuoteRequest).decode


@router.post(
    "",
    summary="Quote a basket: what it earns, and what points can pay",
    **operation(
        Action.REDEEM,
        sees_members=True,
        body=QuoteRequest,
        answer=QuoteView,
        parameters=[PROGRAM],
        refusals=[
            UnknownProgram,
            UnknownMember,
            AccountNotOpen,
            OccurredInFuture,
            UnknownCurrency,
            InvalidAmount,
            CurrencyMismatch,
            NoVersionInForce,
            InvalidAttributes,
            LedgerUnavailable,
        ],
        example={
            "source": "till-7",
            "member": "card:6000123456789",
            "occurred_at": "2026-11-24T10:00:00+01:00",
            "amount": "249.90",
            "currency": "EUR",
            "points": 400,
        },
    ),
)
async def quote_basket(request: Request) -> Response:
    """
    Price a basket without writing: what it would earn and why, how many points could pay for it and why not more.

    The functions that book are asked what they would do, on the newest state of the account, so what follows at once
    on the same account does exactly what was quoted. Without a member it says what somebody who joins now would get.
    """
    asked = await body_of(request, _quote)
    found, program_id = resources(request), request.path_params["program_id"]
    program, quoted = await run_in_threadpool(_quoted, found, program_id, asked, datetime.now(UTC))
    return Response(msgspec.json.encode(_view(program, asked, quoted)), media_type="application/json")


def _quoted(found: Resources, program_id: str, asked: QuoteRequest, now: datetime) -> tuple[Program, Quoted]:
    program, transaction_id = found.fresh_program(program_id), uuid4().hex
    budget_id = budget_stream_id(program_id)
    with found.connection() as connection:
        account_id = found.account_of(connection, program_id, asked.member) if asked.member else None
        cache = StateCache(found.partition_count)
        cache.load(connection, {budget_id: BUDGET} | ({account_id: ACCOUNT} if account_id else {}))
        account = cache.entries[account_id].state if account_id else None
        if account_id and account is None:
            raise AccountNotOpen("The member has no account in this program; enrol the member first.")
        known = Known(program, account, cache.entries[budget_id].state)
        try:
            return program, quote(known, asked, transaction_id, now)
        except HistoryNeeded:
            assert account_id
            history = read_histories(connection, [account_id], found.partition_count)[account_id]
    # The account as of that very history, should something have come in between.
    account = None
    for event in history:
        account = evolve(account, event)
    known = msgspec.structs.replace(known, account=account, history=history)
    return program, quote(known, asked, transaction_id, now)


def _view(program: Program, asked: QuoteRequest, quoted: Quoted) -> QuoteView:
    on = local_date(as_utc(asked.occurred_at), time_zone(program.timezone))
    return QuoteView(
        program.program_id,
        quoted.account.member_id or None,
        on,
        _earning(quoted.earning),
        _balances(quoted.account, on),
        quoted.tiers,
        [_spendable(one, program.currency) for one in quoted.spending],
        _asked(asked.points, quoted) if asked.points is not None else None,
    )


def _earning(earning: Simulated | LedgerError) -> EarningView:
    if isinstance(earning, LedgerError):
        return EarningView(problem=problem(earning))
    event, points = earning.event, Counter[str]()
    for accrual in event.accruals:
        points[accrual.point_currency] += accrual.points
    return EarningView(
        dict(points),
        [accrual_view(accrual) for accrual in event.accruals],
        event.balances,
        event.program_version,
        earning.trace.text,
        earning.trace.rules,
    )


def _balances(account: Account, on: date) -> list[QuotedBalance]:
    return [
        QuotedBalance(code, book.balance_points, available_points(account, code, on), book.held_points)
        for code, book in account.books.items()
    ]


def _spendable(one: Spendable, currency: str) -> SpendableView:
    return SpendableView(
        one.point_currency,
        one.available_points,
        one.maximum_points,
        one.value_minor,
        str(to_major(one.value_minor, currency)),
        currency,
        [{"points": why.points} | _reason(why.refusal) for why in one.reasons],
    )


def _asked(points: int, quoted: Quoted) -> AskedView:
    outcome = quoted.asked
    if isinstance(outcome, LedgerError):
        return AskedView(points, is_accepted=False, problem=_reason(outcome))
    assert outcome is not None
    value = str(to_major(outcome.value_minor, outcome.currency))
    return AskedView(points, True, outcome.point_currency, outcome.value_minor, value, outcome.currency)


def _reason(refusal: LedgerError) -> dict[str, Any]:
    """Return the problem, and how many points are missing where that is it."""
    told = problem(refusal)
    if isinstance(refusal, InsufficientPoints):
        told["missing_points"] = told["requested_points"] - told["available_points"]
    return told
