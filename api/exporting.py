"""Taking a whole program from one ledger to another: sandbox to production."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.access.caller import caller_of
from api.changing import change, principal, references_of
from api.differences import Difference, differences
from api.documents import ProgramDocument, checked_id, chosen, content_hash, document_of, read_document
from api.etags import IF_MATCH, IF_NONE_MATCH, etag, expected_of, tagged
from api.openapi import PROGRAM, operation, query_parameter
from api.program_views import terms_in_force, terms_json
from api.resources import Resources, resources
from api.terms import read_terms, taken_terms
from ledger.access.roles import Action
from ledger.dates import local_date, time_zone
from ledger.errors import InvalidInput
from ledger.money import UnknownCurrency
from ledger.posting.instruction import KeyReused, LedgerBusy, LedgerUnavailable
from ledger.program import decide as program
from ledger.program.commands import ImportProgram
from ledger.program.state import Program
from rules.pricing.verdict import Finding, judge
from rules.problems import InvalidRule

router = APIRouter(prefix="/v1/programs", tags=["programs"])

_VERSIONS = query_parameter("versions", "all: with every version there ever was, for information.", {"enum": ["all"]})
_PARAMETERS = [
    query_parameter("program_id", "Import it under another id.", {"type": "string"}),
    query_parameter("dry_run", "Say what would change, and change nothing.", {"type": "boolean", "default": False}),
    query_parameter(
        "take",
        "Which terms become the draft. Absent: those in force, and the draft where none are.",
        {"enum": ["in_force", "draft"]},
    ),
    IF_MATCH,
]


class ImportResult(Struct, frozen=True):
    """What an import changed, or would change."""

    program_id: str
    content_hash: str
    taken: str
    """Which terms of the document are the draft now: in_force or draft."""
    created: bool
    """The program was not there before."""
    changed: bool
    """The draft was another before."""
    differences: list[Difference]
    """Between what is in force here and the terms taken."""
    problems: tuple[Finding, ...]
    """Only of a dry run: why the import would be refused."""
    warnings: tuple[Finding, ...]


_Place = tuple[str, str]
"""Which terms of the document, and where in it."""


@router.get(
    "/{program_id}/export",
    summary="Export a whole program",
    **operation(
        Action.READ_PROGRAMS,
        answer=ProgramDocument,
        parameters=[PROGRAM, _VERSIONS, IF_NONE_MATCH],
        refusals=[InvalidInput, program.UnknownProgram, LedgerUnavailable],
    ),
)
def export_program(request: Request) -> Response:
    """Return everything that makes a program, as one document for the import. No members, points or keys."""
    versions = request.query_params.get("versions")
    if versions not in (None, "all"):
        raise InvalidInput("versions is all, or left out.", pointer="/versions")
    state = resources(request).fresh_program(request.path_params["program_id"])
    document = document_of(state, datetime.now(UTC), with_versions=versions == "all")
    return tagged(request, document, etag(state, dated=True))


_TERMS = {
    "point_currencies": [{"code": "points", "name": "Points", "expiry_months": 24}],
    "earn": {"rule": {"var": "transaction_amount"}, "point_currency": "points"},
}


@router.post(
    "/import",
    summary="Import a program: create it, or replace its draft",
    **operation(
        Action.WRITE_PROGRAMS,
        body=ProgramDocument,
        example={
            "format": "khaywe.program.v1",
            "program": {"program_id": "coffee", "name": "Coffee Club", "currency": "EUR", "timezone": "Europe/Berlin"},
            "in_force": {"version": 3, "effective_from": "2026-01-01T00:00:00Z", "terms": _TERMS},
            "draft": _TERMS,
        },
        answer=ImportResult,
        parameters=_PARAMETERS,
        refusals=[
            UnknownCurrency,
            program.UnknownProgram,
            InvalidRule,
            KeyReused,
            program.StaleVersion,
            program.ProgramDiffers,
            LedgerBusy,
            LedgerUnavailable,
        ],
    ),
)
async def import_program(request: Request) -> Response:
    """
    Take the configuration of a document over as a draft, which is in force once it is published.

    A program that is not there is created. The same document again changes nothing. Always 200: the answer says what
    was created and changed, compared with what is in force.
    """
    document = await run_in_threadpool(read_document, await request.body())
    program_id = checked_id(request.query_params.get("program_id", document.program.program_id))
    found = resources(request)
    caller_of(request).require_program(program_id)
    is_dry = _is_dry(request)
    taken, body, at = chosen(document, request.query_params.get("take"))
    before = await run_in_threadpool(_existing, found, program_id)
    if is_dry:
        asked = import_command(document, program_id, taken_terms(body, at), principal(request), expected_of(request))
        result = await run_in_threadpool(_tried, asked, document, before, (taken, at))
        return tagged(request, result, etag(before) if before else '"0"')
    terms = read_terms(body, document.program.currency, at)
    command = import_command(document, program_id, terms, principal(request), expected_of(request))
    same = ("import", program_id, document.program, terms)
    posted = await change(found, program_id, command, same, references_of(request))
    is_changed = posted.event is not None and not posted.replayed
    result = _result(document, command, before, (taken, at), is_changed=is_changed)
    headers = {"Idempotency-Replayed": "true"} if posted.replayed else {}
    return tagged(request, result, f'"{posted.version}"', headers=headers)


def import_command(
    document: ProgramDocument, program_id: str, terms: Any, by: str, expected: Any = None
) -> ImportProgram:
    """Return the command that takes terms of a document over."""
    named = document.program
    now = datetime.now(UTC)
    return ImportProgram(
        program_id, named.name, named.currency, named.timezone, terms, content_hash(document), now, by, expected
    )


def _tried(command: ImportProgram, document: ProgramDocument, before: Program | None, place: _Place) -> ImportResult:
    """Say what an import would do; refuse what it would refuse whatever the terms say."""
    result = _result(document, command, before, place, is_changed=before is None or before.draft != command.terms)
    if not result.problems:
        program.decide(before, command)
    return result


def _result(
    document: ProgramDocument, command: ImportProgram, before: Program | None, place: _Place, *, is_changed: bool
) -> ImportResult:
    named = document.program
    state = before or Program(named.program_id, named.name, named.currency, named.timezone)
    in_force, terms = terms_in_force(state), command.terms
    taken, at = place
    verdict = judge(terms, state, in_force, local_date(command.occurred_at, time_zone(state.timezone)), at)
    return ImportResult(
        command.program_id,
        command.document,
        taken,
        created=before is None,
        changed=is_changed,
        differences=differences(terms_json(in_force), terms_json(terms)),
        problems=verdict.problems,
        warnings=(*verdict.warnings, *_renamed(document, before)),
    )


def _renamed(document: ProgramDocument, before: Program | None) -> tuple[Finding, ...]:
    if before is None or before.name == document.program.name:
        return ()
    message = f"the program stays {before.name!r} here; an import changes no names"
    return (Finding("name_kept", "/program/name", message),)


def _existing(found: Resources, program_id: str) -> Program | None:
    try:
        return found.fresh_program(program_id)
    except program.UnknownProgram:
        return None


def _is_dry(request: Request) -> bool:
    text = request.query_params.get("dry_run", "false")
    if text not in ("true", "false"):
        raise InvalidInput(f"dry_run is true or false, not {text!r}.", pointer="/dry_run")
    return text == "true"
