"""The HTTP application."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from psycopg import Connection
from psycopg_pool import ConnectionPool
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from api import (
    accounts,
    batches,
    health,
    holdings,
    holds,
    jobs,
    members,
    points,
    pools,
    programs,
    purchase_batch,
    purchase_stream,
    purchases,
    redemptions,
    returns,
    rule_sql,
    rules,
    simulation,
    standing,
    tiers,
)
from api.bridge import Bridge
from api.edge import Edge
from api.fast_lane import FastLane
from api.keys import KeyRing
from api.openapi import document
from api.posting import AsyncPoster
from api.problems import InternalError, MethodNotAllowed, NoSuchResource, problem_response
from api.reading import AccountReader
from api.resources import Resources
from ledger.errors import LedgerError
from ledger.posting.poster import Poster

_DESCRIPTION = """
An event-sourced loyalty ledger. Amounts of money are exact decimals, points are integers in the smallest unit of their
point currency, every write can be sent again without harm, and every read says which position of the ledger it shows.
"""


def create_app(
    poster: Poster,
    connect: Callable[[], Connection[Any]],
    pool: ConnectionPool[Connection[Any]],
    partition_count: int,
    *,
    version: str,
) -> ASGIApp:
    """
    Return the application.

    Args:
        poster: Running.
        connect: Opens a connection as the application role.
        pool: Open, connecting as the application role.
        partition_count: Of the ledger.
        version: Of Khaywe.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        bridge = Bridge()
        with AccountReader(connect, partition_count, bridge) as reader:
            app.state.resources = Resources(AsyncPoster(poster, bridge), reader, pool, partition_count)
            yield

    app = FastAPI(title="Khaywe", version=version, description=_DESCRIPTION, lifespan=lifespan, redoc_url=None)
    # The router asks one after the other; what tills call all day comes first.
    for module in (
        purchases,
        accounts,
        purchase_batch,
        purchase_stream,
        redemptions,
        holdings,
        holds,
        returns,
        points,
        pools,
        members,
        standing,
        tiers,
        jobs,
        batches,
        programs,
        rules,
        rule_sql,
        simulation,
        health,
    ):
        app.include_router(module.router)
    _refuse_open_doors(app)
    app.add_exception_handler(LedgerError, _refused)
    app.add_exception_handler(HTTPException, _not_routed)
    app.add_exception_handler(Exception, _failed)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]  # FastAPI's own way to replace it
    return Edge(FastLane(app), KeyRing(pool))


def _refuse_open_doors(app: FastAPI) -> None:
    """See to it that no operation below ``/v1`` was written without saying what a caller must be allowed to do."""
    for route in app.routes:
        if isinstance(route, APIRoute) and route.path.startswith("/v1"):
            assert "x-action" in (route.openapi_extra or {}), f"{route.path} does not say what it needs"


async def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, LedgerError)
    return problem_response(refusal, request.url.path)


async def _failed(request: Request, _: Exception) -> Response:
    """Answer for a bug; the edge logs it with its traceback, and names the request in a header."""
    message = "Please report this request, by the X-Request-Id of this answer."
    return problem_response(InternalError(message), request.url.path)


async def _not_routed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code == 405:  # noqa: PLR2004  # the two that the router raises
        allowed = (error.headers or {}).get("Allow", "")
        response = problem_response(MethodNotAllowed(f"{path} takes {allowed}, not {request.method}."), path)
        response.headers["Allow"] = allowed
        return response
    return problem_response(NoSuchResource(f"There is nothing at {path}; see /docs."), path)
