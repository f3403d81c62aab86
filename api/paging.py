"""Lists about an account, a page at a time: what they are asked with, and how they are answered."""

import base64
from typing import Any

import msgspec
from fastapi import Request
from msgspec import Struct
from starlette.responses import Response

from api.problems import ViewBehind
from api.resources import resources
from ledger.errors import InvalidInput, LedgerError
from ledger.members.directory import UnknownMember
from ledger.posting.instruction import LedgerUnavailable
from ledger.program.decide import UnknownProgram
from ledger.store.partitions import partition_of
from projections.tracking import shown_position

MAX_LIMIT = 1000

REFUSALS: list[type[LedgerError]] = [UnknownProgram, UnknownMember, InvalidInput, ViewBehind, LedgerUnavailable]
"""Of everything that reads an account."""


class VersionCursor(Struct, array_like=True):
    """The last row of the page before, in lists by the version of the event that made each row."""

    version: int
    line: int


def read_shown(request: Request, read: Any) -> tuple[Any, str]:
    """Find the account, wait for the views if asked to, and return rows with the position they show."""
    found, program_id = resources(request), request.path_params["program_id"]
    found.program(program_id)
    with found.connection() as connection:
        found.wait_for(connection, request.query_params.get("min_position"))
        account_id = found.account_of(connection, program_id, request.path_params["member"])
        partition = partition_of(account_id, found.partition_count)
        # The position is read first: the rows may show more than it says, never less.
        position = shown_position(connection, partition)
        return read(connection, account_id, found.partition_count), f"{partition}:{position}"


def limit_of(request: Request) -> int:
    """
    Return how many items are asked for.

    Raises:
        InvalidInput: It is no number in range.
    """
    text = request.query_params.get("limit", "100")
    if not (text.isdecimal() and len(text) <= len(str(MAX_LIMIT)) and 1 <= int(text) <= MAX_LIMIT):
        raise InvalidInput(f"limit is a number from 1 to {MAX_LIMIT}, not {text!r}.", pointer="/limit")
    return int(text)


def flag_of(request: Request, name: str) -> bool:
    """
    Return whether something is asked for.

    Raises:
        InvalidInput: It is neither true nor false.
    """
    text = request.query_params.get(name)
    if text in {None, "", "false", "0"}:
        return False
    if text in {"true", "1"}:
        return True
    raise InvalidInput(f"{name} is true or false, not {text!r}.", pointer=f"/{name}")


def token(values: list[Any]) -> str:
    """Spell a cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")


def cursor_of(request: Request, kind: Any) -> Any:
    """
    Return the cursor that was sent, as ``kind``, or ``None``.

    Raises:
        InvalidInput: It is none of ours.
    """
    text = request.query_params.get("cursor")
    if text is None:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=kind)
    except (ValueError, msgspec.MsgspecError):
        raise InvalidInput("The cursor is not one of ours; take it from next_cursor.", pointer="/cursor") from None


def as_json(view: Struct) -> Response:
    """Answer with a view."""
    return Response(msgspec.json.encode(view), media_type="application/json")
