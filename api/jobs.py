"""What keeps time: the history of its runs, whom it warns, and changed policies for points that were earned already."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request
from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.bodies import body_of
from api.openapi import CURSOR, LIMIT, PROGRAM, operation, query_parameter
from api.paging import cursor_of, limit_of, token
from api.resources import Resources, resources
from ledger.access.roles import Action
from ledger.errors import InvalidInput
from ledger.posting.cache import StateCache
from ledger.posting.instruction import LedgerBusy, LedgerUnavailable, Posted
from ledger.program.decide import UnknownProgram, UnknownVersion
from ledger.program.state import Program, ProgramVersion
from ledger.streams import ACCOUNT, StreamId
from projections.due import Scope, accounts_of_program
from projections.jobs import JobRun, Warned, WarningCursor, read_runs, read_warnings
from rules.errors import NoVersionInForce
from rules.instructions.timing import change_expiry
from rules.pricing.migration import concerned, policies
from rules.pricing.plans import plan_of
from rules.pricing.price import version_in_force

router = APIRouter(prefix="/v1", tags=["time"])

_PAGE = 1000
_SAMPLE = 20


class RunsView(Struct, frozen=True):
    """Runs, newest first."""

    runs: list[JobRun]


class WarningPage(Struct, frozen=True):
    """Warnings, in the order in which they were written."""

    warnings: list[Warned]
    next_cursor: str | None


class MigrationRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Points that were earned already shall follow a version's policies of expiry."""

    is_preview: bool
    """Only tell whom it concerns; nothing changes."""
    version: Annotated[int, Meta(ge=1)] | None = None
    """Whose policies. For a preview, absent: the version in force. To do it, the version that was previewed."""


class Hit(Struct, frozen=True):
    """A member whose points would lapse earlier, or later."""

    member_id: str
    point_currency: str
    points: int
    before: date | None
    """First date on which they lapse as they are; null for never."""
    after: date | None


class MigrationView(Struct, frozen=True):
    """What a changed policy does to points that were earned already."""

    version: int
    is_preview: bool
    account_count: int
    """With lots that get other dates."""
    lot_count: int
    points: dict[str, int]
    """In these lots, per point currency."""
    points_sooner: dict[str, int]
    """Of them those that lapse earlier than before."""
    first_hit: list[Hit]
    """Those who lose points first, soonest first; at most 20."""


_migration = msgspec.json.Decoder(MigrationRequest).decode


@router.get(
    "/jobs/runs",
    summary="Read what the workers ran",
    **operation(
        Action.READ_JOBS,
        answer=RunsView,
        parameters=[query_parameter("job", "Only this job.", {"type": "string"}), LIMIT],
        refusals=[InvalidInput, LedgerUnavailable],
    ),
)
def runs(request: Request) -> Response:
    """Return the newest runs of the jobs that keep time: how far each is, or how it ended."""
    limit = limit_of(request)
    with resources(request).connection() as connection:
        found = read_runs(connection, request.query_params.get("job"), limit)
    return _json(RunsView(found))


@router.get(
    "/programs/{program_id}/warnings",
    summary="Read whose points lapse soon, and whose tier ends",
    **operation(
        Action.READ_JOBS,
        answer=WarningPage,
        parameters=[PROGRAM, LIMIT, CURSOR],
        refusals=[UnknownProgram, InvalidInput, LedgerUnavailable],
    ),
)
def warnings(request: Request) -> Response:
    """Return what members were, or are to be, warned about: each thing once for each date."""
    found, program_id = resources(request), request.path_params["program_id"]
    limit, after = limit_of(request), cursor_of(request, WarningCursor)
    found.program(program_id)
    with found.connection() as connection:
        rows = read_warnings(connection, program_id, after, limit)
    last = rows[-1] if len(rows) == limit else None
    seen = [last.warned_at, last.account_id, last.kind, last.subject, last.due_on] if last else []
    return _json(WarningPage(rows, token(seen) if seen else None))


@router.post(
    "/programs/{program_id}/expiry-migrations",
    summary="Let points that were earned already follow a changed expiry policy",
    **operation(
        Action.RUN_JOBS,
        body=MigrationRequest,
        answer=MigrationView,
        parameters=[PROGRAM],
        refusals=[UnknownProgram, UnknownVersion, NoVersionInForce, LedgerBusy, LedgerUnavailable],
        example={"is_preview": True},
    ),
)
async def migrate_expiry(request: Request) -> Response:
    """
    Preview, or carry out, what publishing a version never does by itself: changing lots that were earned under another.

    Look first: the preview says whom it concerns and who loses points first. Then ask again with ``is_preview`` false
    and the version that the preview named. An account is changed once for each version; asked again after an
    interruption, it goes on with the rest. Lots of all rules of a point currency follow the currency's policy.
    """
    asked = await body_of(request, _migration)
    if not asked.is_preview and asked.version is None:
        raise InvalidInput("Say which version was previewed.", pointer="/version")
    found, program_id = resources(request), request.path_params["program_id"]
    program = await run_in_threadpool(found.fresh_program, program_id)
    version = _version(program, asked.version)
    view, account_ids = await run_in_threadpool(_preview, found, program, version, is_preview=asked.is_preview)
    if not asked.is_preview:
        now = datetime.now(UTC)
        for first in range(0, len(account_ids), _PAGE):
            batch = [change_expiry(program_id, one, now, version.version) for one in account_ids[first : first + _PAGE]]
            for outcome in await found.poster.post_all(batch):
                if not isinstance(outcome, Posted):
                    raise outcome
    return _json(view)


def _version(program: Program, wanted: int | None) -> ProgramVersion:
    if wanted is None:
        return version_in_force(program, datetime.now(UTC))
    for version in program.versions:
        if version.version == wanted:
            return version
    raise UnknownVersion(f"{program.program_id!r} has no version {wanted}.", pointer="/version")


def _preview(
    found: Resources, program: Program, version: ProgramVersion, *, is_preview: bool
) -> tuple[MigrationView, list[StreamId]]:
    wanted = policies(plan_of(program, version))
    points: dict[str, int] = {}
    sooner: dict[str, int] = {}
    hits: list[Hit] = []
    account_ids: list[StreamId] = []
    lot_count = 0
    for account_id, state in _accounts(found, program.program_id):
        lots = list(concerned(state, wanted))
        if not lots:
            continue
        account_ids.append(account_id)
        lot_count += len(lots)
        for one in lots:
            code = one.dates.point_currency
            points[code] = points.get(code, 0) + one.points
            if (one.after or date.max) < (one.before or date.max):
                sooner[code] = sooner.get(code, 0) + one.points
                hits.append(Hit(state.member_id, code, one.points, one.before, one.after))
        hits = sorted(hits, key=lambda hit: (hit.after or date.max, hit.member_id))[:_SAMPLE]
    view = MigrationView(version.version, is_preview, len(account_ids), lot_count, points, sooner, hits)
    return view, account_ids


def _accounts(found: Resources, program_id: str) -> Iterator[tuple[StreamId, Any]]:
    """Give every account of a program with its state, a page at a time."""
    with found.connection() as connection:
        for partition in range(found.partition_count):
            for page in accounts_of_program(connection, Scope(program_id, partition)):
                cache = StateCache(found.partition_count)
                cache.load(connection, dict.fromkeys(page, ACCOUNT))
                for account_id in page:
                    if (state := cache.entries[account_id].state) is not None:
                        yield account_id, state


def _json(view: Struct) -> Response:
    return Response(msgspec.json.encode(view), media_type="application/json")
