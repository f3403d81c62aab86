"""Whether the process lives, and whether it can do its work."""

from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.resources import resources
from ledger.posting.instruction import LedgerUnavailable
from projections.tracking import view_status

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", summary="Is the process alive")
async def live() -> dict[str, str]:
    """Answer as long as the process can."""
    return {"status": "alive"}


@router.get("/ready", summary="Can it do its work", response_model=None)
def ready(request: Request) -> Response:
    """Tell whether the database answers, and how far the views are behind."""
    answer: dict[str, Any] = {"status": "ready"}
    try:
        with resources(request).connection() as connection:
            answer["views"] = view_status(connection)
    except LedgerUnavailable as refusal:
        answer = {"status": "unavailable", "detail": refusal.detail}
    status = 200 if answer["status"] == "ready" else 503
    return Response(msgspec.json.encode(answer), status, media_type="application/json")
