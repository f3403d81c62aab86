"""What is read of persons is recorded: who saw whom, never what."""

from collections.abc import Iterable
from uuid import UUID

import structlog
from fastapi import Request

from api.caller import caller_of

_log = structlog.get_logger("api")


def record_sensitive_read(request: Request, what: str, member_ids: Iterable[UUID]) -> None:
    """
    Record that personal data was read.

    Args:
        request: Says who reads, and in which program.
        what: Of the members: ``profile``, ``search``, ``data-export``.
        member_ids: Whose; nobody where a search found nobody.
    """
    _log.info(
        "sensitive_read",
        caller=caller_of(request).principal,
        action=what,
        program_id=request.path_params.get("program_id"),
        member_ids=[str(member_id) for member_id in member_ids],
    )
