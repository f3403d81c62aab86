"""Whether the process lives, and whether it can do its work."""

from typing import Literal

import msgspec
from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.responses import Response

from api.metrics import CHECK
from api.openapi import described
from api.resources import resources
from ledger.posting.instruction import LedgerUnavailable
from migrations import is_up_to_date
from projections.jobs import read_last_finished
from projections.tracking import ViewStatus, view_status

router = APIRouter(prefix="/health", tags=["health"])

_LATE_S = 30.0
"""Age of what a view lacks from which readers are served old figures; writing is not concerned."""

Verdict = Literal["ready", "degraded", "unavailable"]


class Alive(Struct, frozen=True):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Readiness(Struct, frozen=True, omit_defaults=True):
    """Whether requests can be served, and what is wrong."""

    status: Verdict
    """``degraded``: requests are served, but somebody should look."""
    is_database_reachable: bool
    is_schema_up_to_date: bool | None = None
    """The database has seen every migration of this version."""
    is_poster_running: bool | None = None
    invariants_hold: bool | None = None
    """What the last check of balances against lots found; absent if it never ran."""
    problems: tuple[str, ...] = ()
    """What is wrong, in words."""
    views: tuple[ViewStatus, ...] = ()


@router.get(
    "/live",
    summary="Is the process alive",
    **described(answer=Alive),
)
async def live() -> Response:
    """Answer as long as the process can. It asks nobody else: for a liveness probe, which restarts what fails."""
    return Response(msgspec.json.encode(Alive("alive")), media_type="application/json")


@router.get(
    "/ready",
    summary="Can it do its work",
    **described(answer=Readiness),
)
def ready(request: Request) -> Response:
    """
    Tell whether requests can be served: 200, or 503 if not; for readiness and startup probes.

    503 is for what makes this process useless: no database, another schema than it was made for, no poster. Views that
    lag and books that do not add up make the answer ``degraded`` with 200: taking every process out of service would
    help nobody.
    """
    found = _readiness(request)
    return Response(
        msgspec.json.encode(found), 503 if found.status == "unavailable" else 200, media_type="application/json"
    )


def _readiness(request: Request) -> Readiness:
    found = resources(request)
    is_posting = found.poster.poster.is_running()
    try:
        with found.connection() as connection:
            is_current = is_up_to_date(connection)
            views = view_status(connection) if is_current else []
            check = read_last_finished(connection).get(CHECK) if is_current else None
    except LedgerUnavailable as refusal:
        return Readiness("unavailable", False, None, is_posting, problems=(refusal.detail,))
    fatal = [
        *([] if is_current else ["The schema is not the one this version was made for; run: khaywe migrate."]),
        *([] if is_posting else ["The poster has stopped; nothing can be written."]),
    ]
    late = sorted({one.view for one in views if one.behind_s > _LATE_S})
    holds = None if check is None else check.refused_count == 0
    lesser = [
        *([f"Behind by more than {_LATE_S:.0f} s: {', '.join(late)}."] if late else []),
        *([f"{check.detail}."] if check and not holds else []),
    ]
    verdict: Verdict = "unavailable" if fatal else "degraded" if lesser else "ready"
    return Readiness(verdict, True, is_current, is_posting, holds, (*fatal, *lesser), tuple(views))
