"""What purchases would earn, and why those that are booked earned what they did."""

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.bodies import body_of
from api.openapi import PROGRAM, operation, path_parameter
from api.problems import problem
from api.purchases import AccrualView, accrual_view
from api.resources import resources
from ledger.account.events import PurchasePosted
from ledger.errors import InvalidInput, LedgerError
from ledger.money import to_major
from ledger.posting.instruction import LedgerUnavailable
from ledger.program.decide import NothingToPublish, UnknownProgram
from ledger.program.state import Program
from ledger.store.receipts import event_of
from rules.activity import Instant, OpaqueId, Purchase, Source
from rules.errors import UnknownPurchase, UnknownVersion
from rules.explain import Note, Step
from rules.instructions import purchase_reference
from rules.simulation import Priced, explained, simulate, under_draft, under_version

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


class Simulation(Struct, frozen=True, forbid_unknown_fields=True):
    """Purchases to price, in this order, for a member who begins with nothing."""

    purchases: Annotated[list[SimulatedPurchase], Meta(min_length=1, max_length=SIMULATION_LIMIT)]
    version: Literal["draft"] | int | None = None
    """Number of a published version, or draft. Absent: for each purchase the version in force when it occurred."""


class PricedView(Struct, frozen=True):
    """What a purchase earns, and how that came about."""

    points: int
    """In the smallest unit of the point currency."""
    program_version: int
    accruals: list[AccrualView]
    balances: dict[str, int]
    text: str
    """One sentence to read out."""
    result: Any
    """Of the rule, before rounding."""
    facts: dict[str, Any]
    steps: tuple[Step, ...]
    skipped: tuple[str, ...]
    notes: tuple[Note, ...]


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
        body=Simulation,
        answer=SimulationResult,
        parameters=[PROGRAM],
        refusals=[UnknownProgram, UnknownVersion, NothingToPublish, LedgerUnavailable],
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
    program = _under(await run_in_threadpool(found.fresh_program, program_id), asked.version)
    priced = await run_in_threadpool(simulate, program, purchases)
    return _json(SimulationResult([_result(index, one) for index, one in enumerate(priced)]))


@router.get(
    "/{program_id}/purchases/{transaction_id}/explanation",
    summary="Explain a booked purchase",
    **operation(
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
    with found.connection() as connection:
        event = event_of(connection, purchase_reference(program_id, source, transaction_id))
    if not isinstance(event, PurchasePosted):
        raise UnknownPurchase(f"{source!r} has no purchase {transaction_id!r} in {program_id!r}.")
    return _json(_view(explained(program, event, to_major(event.amount_minor, event.currency))))


def _purchase(asked: SimulatedPurchase) -> Purchase:
    """Return a purchase that the pricing takes; whom it is of does not matter."""
    return Purchase(asked.source, asked.transaction_id, "", asked.occurred_at, asked.amount, asked.currency)


def _under(program: Program, version: Literal["draft"] | int | None) -> Program:
    if version is None:
        return program
    return under_draft(program) if version == "draft" else under_version(program, int(version))


def _result(index: int, outcome: Priced | LedgerError) -> SimulatedResult:
    if isinstance(outcome, LedgerError):
        return SimulatedResult(index, problem=problem(outcome))
    return SimulatedResult(index, priced=_view(outcome))


def _view(priced: Priced) -> PricedView:
    event, trace = priced.event, priced.trace
    return PricedView(
        sum(accrual.points for accrual in event.accruals),
        event.program_version,
        [accrual_view(accrual) for accrual in event.accruals],
        event.balances,
        priced.text,
        trace.result,
        trace.facts,
        trace.steps,
        trace.skipped,
        trace.notes,
    )


def _json(answer: Struct) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")
