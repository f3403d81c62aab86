"""
The two calls that tills make all day, led past the framework's routing.

Posting a purchase and reading an account take less time in our own code than in the layers the framework puts around
an endpoint. The same handlers are registered with FastAPI, which documents them and serves everything else.
"""

import re
from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api import accounts, purchases
from api.access.caller import authorize
from api.problems import problem_response
from api.reuse import with_differences
from ledger.access.roles import Action
from ledger.errors import LedgerError

Handler = Callable[[Request], Awaitable[Response]]

_SEGMENT = r"/v1/programs/(?P<program_id>[^/]+)"
_ROUTES: tuple[tuple[str, re.Pattern[str], str, Action, Handler], ...] = (
    (
        "POST",
        re.compile(f"{_SEGMENT}/purchases"),
        "/v1/programs/{program_id}/purchases",
        Action.POST_PURCHASES,
        purchases.post_one,
    ),
    (
        "GET",
        re.compile(f"{_SEGMENT}/members/(?P<member>[^/]+)/account"),
        "/v1/programs/{program_id}/members/{member}/account",
        Action.READ_ACCOUNTS,
        accounts.account,
    ),
)


class FastLane:
    """ASGI application: serves its few routes itself, and hands the rest on."""

    def __init__(self, app: FastAPI) -> None:
        """
        Args:
            app: Serves everything else, and holds the state the handlers use.
        """
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "http":
            for method, pattern, route, action, handler in _ROUTES:
                if scope["method"] == method and (match := pattern.fullmatch(scope["path"])):
                    scope["app"] = self.app
                    scope["path_params"] = match.groupdict()
                    scope["khaywe.route"] = route
                    request = Request(scope, receive)
                    try:
                        authorize(request, action)
                        response = await handler(request)
                    except LedgerError as refusal:
                        response = problem_response(with_differences(refusal, request), scope["path"])
                    await response(scope, receive, send)
                    return
        await self.app(scope, receive, send)
