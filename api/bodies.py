"""Bodies to typed values, and what is wrong with them to problems that name the field."""

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec
from starlette.requests import Request

from api.access.caller import caller_of
from api.problems import MalformedBody
from ledger.errors import InvalidInput

T = TypeVar("T")

_AT = re.compile(r" - at `(?:key in )?\$(?P<path>[^`]*)`$")
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+|\.\.\.)\]")
_MISSING = re.compile(r"missing required field `(?P<name>[^`]+)`")
_UNKNOWN = re.compile(r"unknown field `(?P<name>[^`]+)`")


def decoded(decode: Callable[[bytes], T], body: bytes) -> T:
    """
    Decode a JSON body.

    Raises:
        MalformedBody: It is not JSON.
        InvalidInput: It is JSON of another shape; the pointer says where.
    """
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedBody(f"{error}; send one JSON value in UTF-8.") from None


async def body_of(request: Request, decode: Callable[[bytes], T]) -> T:
    """
    Read and decode the body of a request; see `decoded`.

    Raises:
        Forbidden: It writes under a source that the caller is kept from.
    """
    body = await request.body()
    # Whoever has to say what is different from an earlier request finds it there.
    request.scope["khaywe.body"] = body
    asked = decoded(decode, body)
    source = getattr(asked, "source", None)
    if source is not None:
        caller_of(request).require_source(source)
    return asked


def _invalid(message: str) -> InvalidInput:
    """Turn the decoder's message into ours, with a JSON pointer for its path."""
    at = _AT.search(message)
    pointer = ""
    if at:
        message = message[: at.start()]
        pointer = "".join(f"/{step['name'] or step['index']}" for step in _STEP.finditer(at["path"]))
    if field := _MISSING.search(message) or _UNKNOWN.search(message):
        pointer += f"/{field['name']}"
    return InvalidInput(f"{message}.".replace("`", "'"), pointer=pointer or None)
