"""Versions of a program: which there are, what they say, how they differ; and taking one back before its day."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.changing import change, principal, references_of
from api.drafts import DifferencesView, compared
from api.etags import IF_MATCH, IF_NONE_MATCH, etag, expected_of, tagged
from api.openapi import PROGRAM, operation, path_parameter
from api.program_views import ProgramView, VersionLine, VersionView, program_response, version_lines, version_view
from api.resources import resources
from ledger.access.roles import Action
from ledger.errors import InvalidInput
from ledger.posting.instruction import KeyReused, LedgerBusy, LedgerUnavailable
from ledger.program import decide as program
from ledger.program.state import ProgramVersion
from rules.activity import FUTURE_TOLERANCE
from rules.pricing.plans import numbered

router = APIRouter(prefix="/v1/programs", tags=["programs"])

_VERSION = path_parameter("version", "Number of a version.", "2")
_BEFORE = path_parameter("before", "Number of the version to compare with.", "1")
_AFTER = path_parameter("after", "Number of the version that is compared.", "2")


class VersionList(Struct, frozen=True):
    """Every version of a program, oldest first."""

    versions: list[VersionLine]


@router.get(
    "/{program_id}/versions",
    summary="List versions: past, in force, scheduled, withdrawn",
    **operation(
        Action.READ_PROGRAMS,
        answer=VersionList,
        parameters=[PROGRAM, IF_NONE_MATCH],
        refusals=[program.UnknownProgram, LedgerUnavailable],
    ),
)
def list_versions(request: Request) -> Response:
    """Return where each version stands now, and who published or withdrew it when."""
    state = resources(request).fresh_program(request.path_params["program_id"])
    return tagged(request, VersionList(version_lines(state, datetime.now(UTC))), etag(state, dated=True))


@router.get(
    "/{program_id}/versions/{version}",
    summary="Read a version",
    **operation(
        Action.READ_PROGRAMS,
        answer=VersionView,
        parameters=[PROGRAM, _VERSION, IF_NONE_MATCH],
        refusals=[program.UnknownProgram, program.UnknownVersion, LedgerUnavailable],
    ),
)
def read_version(request: Request) -> Response:
    """Return what a version lays down, also one that was withdrawn."""
    state = resources(request).fresh_program(request.path_params["program_id"])
    version = numbered(state, _number(request, "version"))
    return tagged(request, version_view(version), etag(state))


@router.get(
    "/{program_id}/versions/{before}/diff/{after}",
    summary="Compare two versions",
    **operation(
        Action.READ_PROGRAMS,
        answer=DifferencesView,
        parameters=[PROGRAM, _BEFORE, _AFTER, IF_NONE_MATCH],
        refusals=[program.UnknownProgram, program.UnknownVersion, LedgerUnavailable],
    ),
)
def compare_versions(request: Request) -> Response:
    """Return what is different in the second version, thing by thing."""
    state = resources(request).fresh_program(request.path_params["program_id"])
    before, after = (numbered(state, _number(request, name)) for name in ("before", "after"))
    return tagged(request, compared(state, before.terms, _told(before), after.terms, _told(after)), etag(state))


@router.post(
    "/{program_id}/versions/{version}/withdraw",
    summary="Take a scheduled version back",
    **operation(
        Action.PUBLISH,
        answer=ProgramView,
        parameters=[PROGRAM, _VERSION, IF_MATCH],
        refusals=[
            InvalidInput,
            KeyReused,
            program.UnknownProgram,
            program.UnknownVersion,
            program.StaleVersion,
            program.VersionInForce,
            LedgerBusy,
            LedgerUnavailable,
        ],
    ),
)
async def withdraw_version(request: Request) -> Response:
    """
    Withdraw a version that is published and not in force yet: nothing will ever be priced by it.

    Its number is not used again; its terms can still be read, and restored as a draft. Withdrawn again, nothing is
    changed. Tills may be ahead of our clock by five minutes; a version that takes effect by then counts as in force.
    """
    found, program_id = resources(request), request.path_params["program_id"]
    number, now = _number(request, "version"), datetime.now(UTC)
    in_force_at = now + FUTURE_TOLERANCE
    command = program.WithdrawVersion(number, in_force_at, now, principal(request), expected_of(request))
    posted = await change(found, program_id, command, ("withdraw", program_id, number), references_of(request))
    return await run_in_threadpool(program_response, request, found, program_id, replayed=posted.replayed)


def _number(request: Request, name: str) -> int:
    text = request.path_params[name]
    if not (text.isdecimal() and len(text) < 10):  # noqa: PLR2004  # digits enough for any number of ours
        raise program.UnknownVersion(f"A version is a number, not {text!r}.", pointer=f"/{name}")
    return int(text)


def _told(version: ProgramVersion) -> str:
    return str(version.version)
