"""Reading what is not everybody's leaves a record before there is an answer."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from fastapi import Request

from api.access.caller import caller_of
from api.access.issuing import access_instruction
from api.resources import resources
from ledger.access.decide import Note
from ledger.access.events import SensitiveRead
from rules.instructions.asking import hashed

_NAMED = 100
"""Members that a record names; of more it says how many."""


def record_sensitive_read(request: Request, what: str, members: Sequence[UUID], count: int | None = None) -> None:
    """
    Record that the caller reads something that is not everybody's. Waits until it is durable: not for the event loop.

    Args:
        request: The reading.
        what: Such as ``profile`` or ``search``.
        members: Ids of those whom the answer is about.
        count: How much the answer holds; absent: as many as there are members.

    Raises:
        LedgerUnavailable: It cannot be recorded, so nothing may be read.
        LedgerBusy: Too much is waiting.
    """
    event = SensitiveRead(
        caller_of(request).principal,
        what,
        datetime.now(UTC),
        request.scope["khaywe.request_id"],
        request.path_params.get("program_id", ""),
        tuple(str(member_id) for member_id in members[:_NAMED]),
        len(members) if count is None else count,
    )
    instruction = access_instruction(event.principal, Note(event), hashed("read", event.request_id))
    resources(request).poster.post_and_wait(instruction)
