"""What purchases would earn, and why those that are booked earned what they did."""

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.access.reach import check_account
from api.bodies import body_of
from api.openapi import PROGRAM, operation, path_parameter
from api.problems import problem
from api.purchase_views import AccrualView, accrual_view
from api.resources import Resources, resources
from ledger.access.roles import Action
from ledger.account.events import PurchasePosted
from ledger.errors import InvalidInput, LedgerError
from ledger.members.directory import UnknownMember
from ledger.posting.cache import StateCache
from ledger.posting.instruction import LedgerUnavailable
from ledger.program.decide import NothingToPublish, UnknownProgram, UnknownVersion
from ledger.program.state import Program
from ledger.store.receipts import recorded_for, state_before
from ledger.streams import ACCOUNT, BUDGET, budget_stream_id
from rules.activity import Attributes, Instant, Line, MemberName, OpaqueId, Purchase, Source
from rules.errors import UnknownPurchase
from rules.instructions import purchase_reference
from rules.pricing.simulation import Simulated, explained, simulate, under_draft, under_version
from rules.pricing.trace import RuleTrace

router = APIRouter(prefix="/v1/programs", tags=["programs"])

SIMULATION_LIMIT = 100
"""Purchases in one simulation."""


class SimulatedPurchase(Struct, frozen=True, forbid_unknown_fields=True):
    """A purchase that nobody made."""

    occurred_at: Instant
    amount: Annotated[Decimal, Meta(description="In major units; text or a plain JSON number, read digit by digit.")]
    currency: Annotated[str, Meta(min_length=3, max_length=3, description="ISO 4217.", examples=["EUR"])]
    source: Source = "simulation"
    transaction_id: OpaqueId = "simulated"
    lines: Annotated[tuple[Line, ...], Meta(max_length=500)] = ()
    attributes: Attributes = {}


class Simulation(Struct, frozen=True, forbid_unknown_fields=True):
    """Purchases to price, in this order, each on what the ones before it left behind."""

    purchases: Annotated[list[SimulatedPurchase], Meta(min_length=1, max_length=SIMULATION_LIMIT)]
    version: Literal["draft"] | int | None = None
    """Number of a published version, or draft. Absent: for each purchase the version in force when it occurred."""
    member: MemberName | None = None
    """Whose account it begins with. Absent: a member who joins with the first purchase."""


class PricedView(Struct, frozen=True):
    """What a purchase earns, and how that came about."""

    points: int
    """In the smallest unit of the point currency."""
    program_version: int
    accruals: list[AccrualView]
    balances: dict[str, int]
    text: str
    """To read out: what was given and why, or why nothing was."""
    rules: tuple[RuleTrace, ...]
    """Every earn rule of the version: base rules first, then bonus rules."""


class SimulatedResult(Struct, frozen=True, omit_defaults=True):
    """What would become of one purchase."""

    index: int
    priced: PricedView | None = None
    problem: dict[str, Any] | None = None


class SimulationResult(Struct, frozen=True):
    """One result per purchase, in order."""

    results: list[SimulatedResult]


_simulation = msgspec.json.Decoder(Simulation).decode
_TRANSACTION = path_parameter("transaction_id", "As the source named the purchase.", "T-1001")
_SOURCE = {
    "name": "source",
    "in": "query",
    "required": True,
    "schema": {"type": "string"},
    "description": "Who reported the purchase.",
    "example": "store-330",
}


@router.post(
    "/{program_id}/simulate",
    summary="Price purchases without booking them",
    **operation(
        Action.READ_PROGRAMS,
        body=Simulation,
        answer=SimulationResult,
        parameters=[PROGRAM],
        refusals=[UnknownProgram, UnknownVersion, NothingToPublish, UnknownMember, InvalidInput, LedgerUnavailable],
        example={
            "version": "draft",
            "purchases": [{"occurred_at": "2026-11-22T09:30:00+01:00", "amount": "249.90", "currency": "EUR"}],
        },
    ),
)
async def simulate_purchases(request: Request) -> Response:
    """Say what a sequence of purchases would earn under a published version or the draft, and why; write nothing."""
    asked = await body_of(request, _simulation)
    purchases = [_purchase(one) for one in asked.purchases]
    found, program_id = resources(request), request.path_params["program_id"]
    priced = await run_in_threadpool(_simulated, found, program_id, asked, purchases)
    return _json(SimulationResult([_result(index, one) for index, one in enumerate(priced)]))


@router.get(
    "/{program_id}/purchases/{transaction_id}/explanation",
    summary="Explain a booked purchase",
    **operation(
        Action.READ_ACCOUNTS,
        sees_members=True,
        answer=PricedView,
        parameters=[PROGRAM, _TRANSACTION, _SOURCE],
        refusals=[UnknownProgram, UnknownPurchase, InvalidInput, LedgerUnavailable],
    ),
)
def explain_purchase(request: Request) -> Response:
    """Derive again, from the rule of its day and the recorded facts, how a purchase came to its points."""
    found, program_id = resources(request), request.path_params["program_id"]
    transaction_id, source = request.path_params["transaction_id"], request.query_params.get("source", "")
    if not source or not source.isprintable():
        raise InvalidInput("A purchase is named by its source too: ?source=…", pointer="/source")
    program = found.fresh_program(program_id)
    missing = UnknownPurchase(f"{source!r} has no purchase {transaction_id!r} in {program_id!r}.")
    with found.connection() as connection:
        recorded = recorded_for(connection, purchase_reference(program_id, source, transaction_id))
        if recorded is None or not isinstance(recorded.event, PurchasePosted):
            raise missing
        check_account(request, connection, recorded.stream_id, missing)
        account = state_before(connection, ACCOUNT, recorded)
    return _json(_view(explained(program, recorded.event, account)))


def _simulated(
    found: Resources,
    program_id: str,
    asked: Simulation,
    purchases: list[Purchase],
) -> list[Simulated | LedgerError]:
    program = _under(found.fresh_program(program_id), asked.version)
    with found.connection() as connection:
        streams = {budget_stream_id(program_id): BUDGET}
        account_id = found.account_of(connection, program_id, asked.member) if asked.member else None
        if account_id:
            streams[account_id] = ACCOUNT
        cache = StateCache(found.partition_count)
        cache.load(connection, streams)
    account = cache.entries[account_id].state if account_id else None
    return simulate(program, purchases, account, cache.entries[budget_stream_id(program_id)].state)


def _purchase(asked: SimulatedPurchase) -> Purchase:
    """Return a purchase that the pricing takes; whom it is of does not matter."""
    return Purchase(
        asked.source,
        asked.transaction_id,
        "",
        asked.occurred_at,
        asked.amount,
        asked.currency,
        asked.lines,
        asked.attributes,
    )


def _under(program: Program, version: Literal["draft"] | int | None) -> Program:
    if version is None:
        return program
    return under_draft(program) if version == "draft" else under_version(program, int(version))


def _result(index: int, outcome: Simulated | LedgerError) -> SimulatedResult:
    if isinstance(outcome, LedgerError):
        return SimulatedResult(index, problem=problem(outcome))
    return SimulatedResult(index, priced=_view(outcome))


def _view(simulated: Simulated) -> PricedView:
    event = simulated.event
    return PricedView(
        sum(accrual.points for accrual in event.accruals),
        event.program_version,
        [accrual_view(accrual) for accrual in event.accruals],
        event.balances,
        simulated.trace.text,
        simulated.trace.rules,
    )


def _json(answer: Struct) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")
