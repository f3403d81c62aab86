"""``/metrics``: figures for Prometheus."""

from ipaddress import ip_address

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import Response
from starlette.types import Scope

from api.access.caller import Caller
from api.metrics import exposition
from api.openapi import described
from api.problems import Forbidden, Unauthorized
from ledger.access.roles import Action
from ledger.posting.instruction import LedgerUnavailable

router = APIRouter(tags=["operation"])

PATH = "/metrics"


@router.get(
    PATH,
    summary="Read figures for Prometheus",
    **described(
        answer={"text/plain": {"schema": {"type": "string"}, "example": "khaywe_poster_running 1.0\n"}},
        refusals=[Unauthorized, Forbidden, LedgerUnavailable],
    ),
)
def metrics(request: Request) -> Response:
    """
    Return counts and durations in Prometheus' text format.

    From the machine itself no key is needed; from elsewhere, and through a proxy, a key with the action
    ``metrics:read``. The figures name routes, views, jobs and refusals, and neither members nor programs.
    """
    caller: Caller | None = request.scope.get("khaywe.caller")
    if caller is not None:
        caller.require(Action.READ_METRICS)
    return Response(exposition(request.app.state.metrics), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


def needs_key(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    """Tell whether a request for figures comes from elsewhere; a proxy on this machine speaks for others."""
    if scope["path"] != PATH:
        return False
    client = scope.get("client")
    if client is None or b"x-forwarded-for" in headers or b"forwarded" in headers:
        return True
    try:
        return not ip_address(client[0]).is_loopback
    except ValueError:
        return True
