"""The draft of a program: read, replace, discard, check, compare, and take again from an earlier version."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.bodies import body_of, decoded
from api.changing import change, principal, references_of
from api.differences import Difference, differences
from api.etags import IF_MATCH, IF_NONE_MATCH, etag, expected_of, tagged
from api.openapi import PROGRAM, operation, query_parameter
from api.program_views import ProgramView, program_response, terms_in_force, terms_json
from api.resources import resources
from api.terms import TermsBody, decode_terms, read_terms, taken_terms, written_terms
from ledger.access.roles import Action
from ledger.dates import local_date, time_zone
from ledger.errors import InvalidInput
from ledger.posting.instruction import KeyReused, LedgerBusy, LedgerUnavailable
from ledger.program import decide as program
from ledger.program.state import Program
from ledger.program.terms import Terms
from rules.pricing.plans import numbered
from rules.pricing.verdict import Finding, judge
from rules.problems import InvalidRule

router = APIRouter(prefix="/v1/programs", tags=["programs"])


class Restoration(Struct, frozen=True, forbid_unknown_fields=True):
    """Which version's terms to take again."""

    version: Annotated[int, Meta(ge=1, le=10**9)]


class DraftVerdict(Struct, frozen=True):
    """Whether terms could be published, and everything there is to say about them."""

    valid: bool
    problems: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    """Never in the way of publishing."""
    links: dict[str, str]
    """Where to see whom it would concern."""


class DifferencesView(Struct, frozen=True):
    """What is different in the second of two terms, and how to see whom it concerns."""

    before: str
    after: str
    differences: list[Difference]
    links: dict[str, str]


_restoration = msgspec.json.Decoder(Restoration).decode
_TERMS_EXAMPLE = {
    "point_currencies": [{"code": "points", "name": "Points", "expiry_months": 24}],
    "earn": {"rule": {"*": [{"var": "transaction_amount"}, 2]}, "point_currency": "points"},
}
_AGAINST = query_parameter(
    "against", "Number of a version, or current: what is in force.", {"type": "string", "default": "current"}
)


@router.get(
    "/{program_id}/draft",
    summary="Read the draft",
    **operation(
        Action.READ_PROGRAMS,
        answer=TermsBody,
        parameters=[PROGRAM, IF_NONE_MATCH],
        refusals=[program.UnknownProgram, program.NothingToPublish, LedgerUnavailable],
    ),
)
def read_draft(request: Request) -> Response:
    """Return the draft as it was written: what can be sent back, changed, with the ETag of this answer."""
    found = resources(request).fresh_program(request.path_params["program_id"])
    return tagged(request, written_terms(_draft(found)), etag(found))


@router.put(
    "/{program_id}/draft",
    summary="Replace the draft",
    **operation(
        Action.WRITE_PROGRAMS,
        body=TermsBody,
        answer=ProgramView,
        parameters=[PROGRAM, IF_MATCH],
        refusals=[program.UnknownProgram, InvalidRule, KeyReused, program.StaleVersion, LedgerBusy, LedgerUnavailable],
        example=_TERMS_EXAMPLE,
    ),
)
async def replace_draft(request: Request) -> Response:
    """Write new terms down. They are not in force until published. The same terms again change nothing."""
    found, program_id = resources(request), request.path_params["program_id"]
    body = await body_of(request, decode_terms)
    program_currency = (await run_in_threadpool(found.program, program_id)).currency
    terms = read_terms(body, program_currency, "")
    command = program.DraftProgram(terms, datetime.now(UTC), principal(request), expected_of(request))
    await change(found, program_id, command, ("draft", program_id, terms), references_of(request))
    return await run_in_threadpool(program_response, request, found, program_id)


@router.delete(
    "/{program_id}/draft",
    summary="Discard the draft",
    **operation(
        Action.WRITE_PROGRAMS,
        status=204,
        parameters=[PROGRAM, IF_MATCH],
        refusals=[
            InvalidInput,
            KeyReused,
            program.UnknownProgram,
            program.StaleVersion,
            LedgerBusy,
            LedgerUnavailable,
        ],
    ),
)
async def discard_draft(request: Request) -> Response:
    """Give the draft up; where there is none, nothing changes. What it was stays in the history."""
    found, program_id = resources(request), request.path_params["program_id"]
    command = program.DiscardDraft(datetime.now(UTC), principal(request), expected_of(request))
    posted = await change(found, program_id, command, ("discard", program_id), references_of(request))
    return Response(status_code=204, headers={"ETag": f'"{posted.version}"'})


@router.post(
    "/{program_id}/draft/validate",
    summary="Check the draft, or other terms, without writing them",
    **operation(
        Action.READ_PROGRAMS,
        body=TermsBody,
        answer=DraftVerdict,
        parameters=[PROGRAM],
        refusals=[program.UnknownProgram, program.NothingToPublish, LedgerUnavailable],
        example=_TERMS_EXAMPLE,
    ),
)
async def validate_draft(request: Request) -> Response:
    """
    Say everything that is wrong with terms at once, each with its place, and what may not have been meant.

    The body is terms; without one it is the draft that is checked. Faults are the answer, not a refusal: only what is
    no JSON at all is refused.
    """
    found, program_id = resources(request), request.path_params["program_id"]
    body = await request.body()
    state = await run_in_threadpool(found.fresh_program, program_id)
    links = _links(program_id)
    try:
        terms = taken_terms(decoded(decode_terms, body), "") if body.strip() else _draft(state)
    except InvalidInput as refusal:
        problem = Finding(refusal.slug, refusal.pointer or "", refusal.detail)
        return _json(DraftVerdict(valid=False, problems=(problem,), warnings=(), links=links))
    today = local_date(datetime.now(UTC), time_zone(state.timezone))
    verdict = judge(terms, state, terms_in_force(state), today)
    return _json(DraftVerdict(not verdict.problems, verdict.problems, verdict.warnings, links))


@router.get(
    "/{program_id}/draft/diff",
    summary="Compare the draft with a version",
    **operation(
        Action.READ_PROGRAMS,
        answer=DifferencesView,
        parameters=[PROGRAM, _AGAINST, IF_NONE_MATCH],
        refusals=[
            InvalidInput,
            program.UnknownProgram,
            program.UnknownVersion,
            program.NothingToPublish,
            LedgerUnavailable,
        ],
    ),
)
def compare_draft(request: Request) -> Response:
    """Return what publishing the draft would change, thing by thing; against nothing, everything is new."""
    against = request.query_params.get("against", "current")
    if against != "current" and not (against.isdecimal() and len(against) < 10):  # noqa: PLR2004  # digits enough
        message = f"against is current or the number of a version, not {against!r}."
        raise InvalidInput(message, pointer="/against")
    state = resources(request).fresh_program(request.path_params["program_id"])
    before = terms_in_force(state) if against == "current" else numbered(state, int(against)).terms
    return tagged(request, compared(state, before, against, _draft(state), "draft"), etag(state, dated=True))


@router.post(
    "/{program_id}/restore",
    summary="Make a draft of an earlier version",
    **operation(
        Action.WRITE_PROGRAMS,
        body=Restoration,
        answer=ProgramView,
        parameters=[PROGRAM, IF_MATCH],
        refusals=[
            KeyReused,
            program.UnknownProgram,
            program.UnknownVersion,
            program.StaleVersion,
            LedgerBusy,
            LedgerUnavailable,
        ],
        example={"version": 1},
    ),
)
async def restore_version(request: Request) -> Response:
    """Write the terms of a published or withdrawn version down as the draft. What was in force when stays as it was."""
    found, program_id = resources(request), request.path_params["program_id"]
    asked = await body_of(request, _restoration)
    command = program.RestoreVersion(asked.version, datetime.now(UTC), principal(request), expected_of(request))
    await change(found, program_id, command, ("restore", program_id, asked.version), references_of(request))
    return await run_in_threadpool(program_response, request, found, program_id)


def compared(state: Program, before: Terms | None, old: str, after: Terms, new: str) -> DifferencesView:
    """Compare two terms of a program, each with what it is called."""
    found = differences(terms_json(before), terms_json(after))
    return DifferencesView(old, new, found, _links(state.program_id))


def _links(program_id: str) -> dict[str, str]:
    base = f"/v1/programs/{program_id}"
    return {"simulate": f"{base}/simulate", "expiry_migrations": f"{base}/expiry-migrations"}


def _draft(state: Program) -> Terms:
    if state.draft is None:
        raise program.NothingToPublish(f"{state.program_id!r} has no draft; write one first.")
    return state.draft


def _json(view: Any) -> Response:
    return Response(msgspec.json.encode(view), media_type="application/json")
