"""What a request's line in the log says beside how it went: which account, where it landed, why it was refused."""

from contextvars import ContextVar
from typing import Any

from ledger.posting.instruction import Posted

_NOTED: ContextVar[dict[str, Any] | None] = ContextVar("noted", default=None)


def begin_notes(request_id: str) -> dict[str, Any]:
    """Begin the notes of a request; whatever answers it, in this task or a thread of its own, may add to them."""
    noted: dict[str, Any] = {"request_id": request_id}
    _NOTED.set(noted)
    return noted


def note(**facts: Any) -> None:
    """
    Add facts to the line of the request that is being answered.

    Args:
        facts: Ids of ours, numbers and slugs; never what names a person.
    """
    noted = _NOTED.get()
    if noted is not None:
        noted.update(facts)


def note_posted(posted: Posted) -> None:
    """Add where a write landed."""
    noted = _NOTED.get()
    if noted is not None:
        noted["stream_id"] = posted.stream_id.hex()
        noted["version"] = posted.version
        noted["position"] = f"{posted.partition}:{posted.position}"
        noted["replayed"] = posted.replayed


def request_id() -> str | None:
    """Return the id of the request that is being answered."""
    noted = _NOTED.get()
    return None if noted is None else noted["request_id"]
