"""ETags of programs: which state an answer shows, and from which state a change starts."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec
from fastapi import Request
from msgspec import Struct
from starlette.responses import Response

from ledger.errors import InvalidInput
from ledger.program.commands import Expected
from ledger.program.state import Program

IF_MATCH: dict[str, Any] = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "examples": ['"7"']},
    "description": "The ETag that was read: refuse with stale-version if somebody changed the program since. Without "
    "it the last write wins.",
}
IF_NONE_MATCH: dict[str, Any] = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "examples": ['"7"']},
    "description": "The ETag that is known already: answer 304 without a body if nothing changed.",
}

_TAGS = re.compile(r'\s*(?:W/)?"[^"]*"\s*(?:,\s*(?:W/)?"[^"]*"\s*)*')
_STRONG = re.compile(r'(?<!/)"(\d{1,18})(?:\.\d+)?"')
_encode = msgspec.json.Encoder(decimal_format="number").encode


def etag(program: Program, *, dated: bool = False) -> str:
    """
    Return the ETag of a program: the version of its stream.

    Args:
        program: As it is shown.
        dated: What is shown also depends on which version is in force, which time alone changes.
    """
    if not dated:
        return f'"{program.revision}"'
    version = program.version_at(datetime.now(UTC))
    return f'"{program.revision}.{version.version if version else 0}"'


def expected_of(request: Request) -> Expected:
    """
    Return which versions a change may start from.

    Raises:
        InvalidInput: ``If-Match`` holds no ETags.
    """
    text = request.headers.get("if-match")
    if text is None or text.strip() == "*":
        return None
    if not _TAGS.fullmatch(text):
        raise InvalidInput('If-Match takes an ETag as it was answered, such as "7".', pointer="/If-Match")
    # A weak tag never matches here (RFC 9110, 13.1.1), nor does one that is none of ours.
    return tuple(int(number) for number in _STRONG.findall(text))


def tagged(
    request: Request, view: Struct, tag: str, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Answer with a view and its ETag, or with 304 if the caller has it."""
    known = request.headers.get("if-none-match") if request.method == "GET" else None
    if known is not None and (known.strip() == "*" or tag in re.findall(r'"[^"]*"', known)):
        return Response(status_code=304, headers={"ETag": tag})
    return Response(_encode(view), status, {"ETag": tag} | (headers or {}), "application/json")
