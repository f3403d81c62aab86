"""The HTTP application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from psycopg import Connection
from psycopg_pool import ConnectionPool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api import accounts, health, members, programs, purchases, redemptions
from api.edge import Edge
from api.keys import KeyRing
from api.openapi import document
from api.posting import AsyncPoster
from api.problems import MethodNotAllowed, NoSuchResource, problem_response
from api.resources import Resources
from ledger.errors import LedgerError
from ledger.posting.poster import Poster

_DESCRIPTION = """
An event-sourced loyalty ledger. Amounts of money are exact decimals, points are integers in the smallest unit of their
point currency, every write can be sent again without harm, and every read says which position of the ledger it shows.
"""


def create_app(
    poster: Poster,
    pool: ConnectionPool[Connection[Any]],
    partition_count: int,
    *,
    version: str,
) -> FastAPI:
    """
    Return the application.

    Args:
        poster: Running.
        pool: Open, connecting as the application role.
        partition_count: Of the ledger.
        version: Of Khaywe.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.resources = Resources(AsyncPoster(poster), pool, partition_count)
        yield

    app = FastAPI(title="Khaywe", version=version, description=_DESCRIPTION, lifespan=lifespan, redoc_url=None)
    for module in (programs, members, purchases, redemptions, accounts, health):
        app.include_router(module.router)
    app.add_middleware(Edge, keys=KeyRing(pool))
    app.add_exception_handler(LedgerError, _refused)
    app.add_exception_handler(HTTPException, _not_routed)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]  # FastAPI's own way to replace it
    return app


async def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, LedgerError)
    return problem_response(refusal, request.url.path)


async def _not_routed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code == 405:  # noqa: PLR2004  # the two that the router raises
        allowed = (error.headers or {}).get("Allow", "")
        response = problem_response(MethodNotAllowed(f"{path} takes {allowed}, not {request.method}."), path)
        response.headers["Allow"] = allowed
        return response
    return problem_response(NoSuchResource(f"There is nothing at {path}; see /docs."), path)
