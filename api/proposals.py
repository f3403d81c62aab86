"""Proposed estimates of breakage: made, read, and applied with a second person."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta, Raw, Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.access.caller import caller_of
from api.approvals import ApprovalView, ask_to_apply
from api.bodies import body_of
from api.openapi import CURSOR, LIMIT, PROGRAM, operation, path_parameter
from api.paging import as_json, cursor_of, limit_of, token
from api.resources import resources
from ledger.access.roles import Action
from ledger.bookkeeping.decide import BooksNotSetUp, StaleProposal
from ledger.errors import InvalidInput
from ledger.posting.instruction import LedgerBusy, LedgerUnavailable
from ledger.program.decide import UnknownProgram
from models.errors import TooLittleHistory
from projections.books.history import read_history
from projections.books.proposals import (
    ListedProposal,
    ProposalCursor,
    StoredProposal,
    UnknownProposal,
    read_proposal,
    read_proposals,
    store_proposal,
)

router = APIRouter(prefix="/v1/programs/{program_id}/books/proposals", tags=["books"])

_PROPOSAL = path_parameter("proposal_id", "As it was answered.", "3f0c6a4e-6b1f-5d5e-9d7e-2f0c8a4b6e11")


class ProposalRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """How many points will ever be redeemed?"""

    point_currency: Annotated[str, Meta(min_length=1, max_length=100)]
    through: Annotated[str, Meta(min_length=7, max_length=7)] | None = None
    """The last month to take in. Absent: the last that is over, as far as the ledger tells."""
    tail: Literal["exponential", "none"] = "exponential"
    """What happens after the oldest age that was seen."""
    held_out_months: Annotated[int, Meta(ge=1, le=1200)] = 3
    """That the back-test predicts."""


class Application(Struct, frozen=True):
    """A proposal was applied."""

    by: str
    approved_by: str
    applied_at: datetime
    cohort_count: int


class ProposalView(Struct, frozen=True):
    """A proposal; nothing changes in the books until it is applied."""

    proposal_id: UUID
    point_currency: str
    through: str
    """The last month that was taken in."""
    sha256: str
    """Of the document, to the byte."""
    made_by: str
    made_at: datetime


class ProposalDetails(Struct, frozen=True):
    """A proposal with its document."""

    proposal_id: UUID
    point_currency: str
    through: str
    sha256: str
    made_by: str
    made_at: datetime
    application: Application | None
    """Null where it was not applied."""
    document: Raw


class ProposalPage(Struct, frozen=True):
    """Proposals, newest first."""

    proposals: list[ProposalView]
    next_cursor: str | None


_request = msgspec.json.Decoder(ProposalRequest).decode


@router.post(
    "",
    summary="Propose estimates of breakage",
    **operation(
        Action.CLOSE_PERIODS,
        body=ProposalRequest,
        answer=ProposalDetails,
        status=201,
        parameters=[PROGRAM],
        refusals=[UnknownProgram, TooLittleHistory, LedgerUnavailable],
        example={"point_currency": "points", "through": "2026-10"},
    ),
)
async def make_proposal(request: Request) -> Response:
    """
    Estimate how many points of each cohort will ever be redeemed, from what the views show. It books nothing.

    The same ledger and the same options are the same proposal. One at a time is made; more are refused with
    `ledger-busy`.
    """
    asked = await body_of(request, _request)
    return await run_in_threadpool(_make, request, asked)


def _make(request: Request, asked: ProposalRequest) -> Response:
    # It brings pandas along, which few processes ever need.
    from models.breakage import Options, document_of, make  # noqa: PLC0415

    found, program_id = resources(request), request.path_params["program_id"]
    found.program(program_id)
    if not found.reporting.acquire(blocking=False):
        raise LedgerBusy("Another report is being made; ask again in a moment.")
    try:
        with found.connection() as connection:
            options = Options(asked.through, asked.tail, asked.held_out_months)
            generator = f"khaywe {request.app.version}"
            made = make(connection, program_id, asked.point_currency, options, generator)
            by = caller_of(request).principal
            stored = store_proposal(connection, program_id, asked.point_currency, made.through, document_of(made), by)
            view = _details(connection, found.partition_count, stored)
    finally:
        found.reporting.release()
    headers = {"Location": f"{request.url.path}/{stored.proposal_id}"}
    return Response(msgspec.json.encode(view), 201, headers, "application/json")


@router.get(
    "",
    summary="List proposed estimates",
    **operation(
        Action.READ_BOOKS,
        answer=ProposalPage,
        parameters=[PROGRAM, LIMIT, CURSOR],
        refusals=[UnknownProgram, InvalidInput, LedgerUnavailable],
    ),
)
def list_proposals(request: Request) -> Response:
    """Return proposals without their documents, newest first."""
    found, program_id = resources(request), request.path_params["program_id"]
    limit, before = limit_of(request), cursor_of(request, ProposalCursor)
    found.program(program_id)
    with found.connection() as connection:
        rows = read_proposals(connection, program_id, before, limit)
    last = rows[-1] if len(rows) == limit else None
    following = token([last.made_at, last.proposal_id]) if last else None
    return as_json(ProposalPage([_view(one) for one in rows], following))


@router.get(
    "/{proposal_id}",
    summary="Read a proposal",
    **operation(
        Action.READ_BOOKS,
        answer=ProposalDetails,
        parameters=[PROGRAM, _PROPOSAL],
        refusals=[UnknownProgram, UnknownProposal, LedgerUnavailable],
    ),
)
def read_one(request: Request) -> Response:
    """Return a proposal with its document, and whether it was applied."""
    found = resources(request)
    stored = _stored(request)
    with found.connection() as connection:
        return as_json(_details(connection, found.partition_count, stored))


@router.get(
    "/{proposal_id}/document",
    summary="Read the document of a proposal",
    **operation(
        Action.READ_BOOKS,
        answer={"application/json": {"schema": {"type": "object"}}},
        parameters=[PROGRAM, _PROPOSAL],
        refusals=[UnknownProgram, UnknownProposal, LedgerUnavailable],
    ),
)
def read_document(request: Request) -> Response:
    """Return the document to the byte: its SHA-256 is the one that is applied."""
    return Response(_stored(request).document, media_type="application/json")


@router.post(
    "/{proposal_id}/apply",
    summary="Ask to apply a proposal",
    **operation(
        Action.CLOSE_PERIODS,
        answer=ApprovalView,
        status=202,
        parameters=[PROGRAM, _PROPOSAL],
        refusals=[UnknownProgram, UnknownProposal, BooksNotSetUp, StaleProposal, LedgerBusy, LedgerUnavailable],
    ),
)
async def apply(request: Request) -> Response:
    """
    Ask for a second person, always. When somebody agrees, the estimates of all of its cohorts are applied at once.

    Asked again, it is the same request, also after it was applied; after a refusal or a lapse it is another.
    """
    stored = await run_in_threadpool(_stored, request)
    return await ask_to_apply(request, stored)


def _stored(request: Request) -> StoredProposal:
    found, path = resources(request), request.path_params
    found.program(path["program_id"])
    try:
        proposal_id = UUID(path["proposal_id"])
    except ValueError:
        raise UnknownProposal(f"{path['proposal_id']!r} is no id of a proposal.", pointer="/proposal_id") from None
    with found.connection() as connection:
        return read_proposal(connection, path["program_id"], proposal_id)


def _view(one: ListedProposal) -> ProposalView:
    digest = one.sha256.hex()
    return ProposalView(one.proposal_id, one.point_currency, one.through, digest, one.made_by, one.made_at)


def _details(connection: Any, partition_count: int, stored: StoredProposal) -> ProposalDetails:
    digest = stored.sha256.hex()
    applied = read_history(connection, stored.program_id, partition_count).applied(digest)
    application = None
    if applied:
        first = applied[0]
        application = Application(first.by, first.approved_by, first.occurred_at, len(applied))
    return ProposalDetails(
        stored.proposal_id,
        stored.point_currency,
        stored.through,
        digest,
        stored.made_by,
        stored.made_at,
        application,
        Raw(stored.document),
    )
