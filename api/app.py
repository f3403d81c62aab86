"""The HTTP application."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.routing import APIRoute
from psycopg import Connection
from psycopg_pool import ConnectionPool
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from api import (
    accounts,
    approvals,
    batches,
    book_checks,
    books,
    bundles,
    checkouts,
    checkpoints,
    data_export,
    deliveries,
    drafts,
    erasure,
    exporting,
    health,
    history,
    holdings,
    holds,
    identifiers,
    jobs,
    journals,
    looking_back,
    members,
    points,
    pools,
    profiles,
    programs,
    proposals,
    purchase_batch,
    purchase_stream,
    purchases,
    quotes,
    redemptions,
    reference,
    repairs,
    returns,
    rule_sql,
    rules,
    search,
    simulation,
    standing,
    statements,
    tiers,
    variances,
    versions,
    view_exports,
    watching,
    webhook_trials,
    webhooks,
    what_ifs,
)
from api.access import keys, log, sessions, users
from api.access.keyring import KeyRing
from api.access.limits import STRANGER_PER_S
from api.bridge import Bridge
from api.edge import Edge
from api.fast_lane import FastLane
from api.metrics import RequestMetrics, new_registry
from api.openapi import document
from api.posting import AsyncPoster
from api.problems import InternalError, MethodNotAllowed, NoSuchResource, problem_response
from api.reading import AccountReader
from api.resources import Resources
from api.reuse import with_differences
from ledger.errors import LedgerError
from ledger.posting.poster import Poster
from ledger.signing import Keyring

_DESCRIPTION = """
An event-sourced loyalty ledger. Amounts of money are exact decimals, points are integers in the smallest unit of their
point currency, every write can be sent again without harm, and every read says which position of the ledger it shows.
"""


_ROUTERS: tuple[APIRouter, ...] = (
    purchases.router,
    accounts.router,
    purchase_batch.router,
    purchase_stream.router,
    redemptions.router,
    holdings.router,
    looking_back.router,
    holds.router,
    checkouts.router,
    quotes.router,
    returns.router,
    points.router,
    pools.router,
    members.router,
    profiles.router,
    identifiers.router,
    search.router,
    erasure.router,
    data_export.router,
    standing.router,
    tiers.router,
    jobs.router,
    batches.router,
    programs.router,
    drafts.router,
    versions.router,
    history.router,
    exporting.router,
    rules.router,
    rule_sql.router,
    simulation.router,
    what_ifs.router,
    repairs.router,
    approvals.router,
    books.router,
    journals.router,
    proposals.router,
    book_checks.router,
    sessions.router,
    keys.router,
    users.router,
    log.router,
    webhooks.router,
    deliveries.router,
    webhook_trials.router,
    bundles.router,
    variances.router,
    view_exports.router,
    checkpoints.router,
    statements.router,
    health.router,
    watching.router,
    reference.router,
)
"""The router asks one after the other; what tills call all day comes first."""


def create_app(
    poster: Poster,
    connect: Callable[[], Connection[Any]],
    pool: ConnectionPool[Connection[Any]],
    partition_count: int,
    *,
    version: str,
    signing_keys: Keyring,
    may_call_private: bool = False,
    guesses_per_s: int = STRANGER_PER_S,
) -> ASGIApp:
    """
    Return the application.

    Args:
        poster: Running.
        connect: Opens a connection as the application role.
        pool: Open, connecting as the application role.
        partition_count: Of the ledger.
        version: Of Khaywe.
        may_call_private: Whether webhooks may go to addresses that are not public.
        guesses_per_s: Wrong keys and passwords that an address may show.
        signing_keys: Sign what leaves for offline tills.
    """
    keyring = KeyRing(pool)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        bridge = Bridge()
        with AccountReader(connect, partition_count, bridge) as reader:
            app.state.resources = Resources(
                AsyncPoster(poster, bridge),
                reader,
                pool,
                partition_count,
                keyring,
                signing_keys,
                may_call_private=may_call_private,
            )
            yield

    app = _new_app(version)
    app.router.lifespan_context = lifespan
    app.state.metrics = new_registry(poster, pool)
    return Edge(FastLane(app), keyring, RequestMetrics(app.state.metrics), guesses_per_s=guesses_per_s)


def described_app(version: str) -> dict[str, Any]:
    """Return the OpenAPI document of a version of Khaywe; nothing is started for it."""
    return document(_new_app(version))


def _new_app(version: str) -> FastAPI:
    app = FastAPI(title="Khaywe", version=version, description=_DESCRIPTION, docs_url=None, redoc_url=None)
    for router in _ROUTERS:
        app.include_router(router)
    _refuse_open_doors()
    app.add_exception_handler(LedgerError, _refused)
    app.add_exception_handler(HTTPException, _not_routed)
    app.add_exception_handler(Exception, _failed)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]  # FastAPI's own way to replace it
    return app


def _refuse_open_doors() -> None:
    """See to it that no operation below ``/v1`` was written without saying what a caller must be allowed to do."""
    for route in _routes():
        if route.path.startswith("/v1"):
            assert "x-action" in (route.openapi_extra or {}), f"{route.path} does not say what it needs"


async def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, LedgerError)
    return problem_response(with_differences(refusal, request), request.url.path)


async def _failed(request: Request, _: Exception) -> Response:
    """Answer for a bug; the edge logs it with its traceback, and names the request in a header."""
    message = "Please report this request, by the X-Request-Id of this answer."
    return problem_response(InternalError(message), request.url.path)


async def _not_routed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code == 405:  # noqa: PLR2004  # the two that the router raises
        allowed = ", ".join(sorted(_methods_at(path)))
        response = problem_response(MethodNotAllowed(f"{path} takes {allowed}, not {request.method}."), path)
        response.headers["Allow"] = allowed
        return response
    return problem_response(NoSuchResource(f"There is nothing at {path}; see /docs."), path)


def _methods_at(path: str) -> set[str]:
    """Return what the address takes, whichever routes of it there are; the router tells of the first alone."""
    found: set[str] = set()
    for route in _routes():
        if route.path_regex.match(path):
            found |= route.methods or set()
    return found


def _routes() -> Iterator[APIRoute]:
    """Give every operation, as its module declares it; FastAPI keeps those of included routers to itself."""
    for router in _ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute):
                yield route
