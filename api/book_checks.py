"""What an auditor asks of a month's books: that they hold, and what is to be disclosed."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.books import PERIOD, READING, report
from api.openapi import PROGRAM, operation, query_parameter
from api.paging import as_json
from ledger.access.roles import Action
from projections.books.checks import Checks, check_month
from projections.books.disclosures import Disclosures, disclosures

router = APIRouter(prefix="/v1/programs/{program_id}/books", tags=["books"])

_FROM = query_parameter(
    "from",
    "The first month of a run that ends with this one; by default this month alone.",
    {"type": "string", "examples": ["2026-08"]},
)


@router.get(
    "/{period}/checks",
    summary="Check the books of a month",
    **operation(Action.READ_BOOKS, answer=Checks, parameters=[PROGRAM, PERIOD], refusals=READING),
)
def read_checks(request: Request) -> Response:
    """
    Work the month out anew from its events, and hold the journal against the figures that it was closed with: entries
    balance, the trial balance is zero, control accounts equal the sub-ledger, nothing is missing, nothing changed.
    """
    return as_json(report(request, check_month))


@router.get(
    "/{period}/disclosures",
    summary="Read what is to be disclosed",
    **operation(Action.READ_BOOKS, answer=Disclosures, parameters=[PROGRAM, PERIOD, _FROM], refusals=READING),
)
def read_disclosures(request: Request) -> Response:
    """Opening and closing contract liabilities, what was recognised of the opening ones, and changes of estimate."""
    return as_json(report(request, disclosures, request.query_params.get("from")))
