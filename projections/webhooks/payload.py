"""What a receiver is sent: an event of an account, its place in the account's order, and the balances after it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from ledger.account.events import AccountOpened, PurchaseLine
from ledger.account.movements import movement_of
from projections.page import Recorded
from projections.webhooks.kinds import KIND_OF, TEST

_ELSEWHERE = frozenset({"balances", "occurred_at", "effective_on"})
"""Beside the event, because every event has them."""

_KEPT_IN = frozenset({"note", "attributes", "counts", "principal", "program_id", "member_id"})
"""Written by hand, or the program's own facts, or said already: what nobody outside has been promised."""

_encode = msgspec.json.Encoder().encode


class Holder(Struct, frozen=True):
    """Whose account it is."""

    program_id: str
    member_id: str


def holder_of(opened: AccountOpened) -> Holder:
    """Return whose account was opened."""
    return Holder(opened.program_id, opened.member_id)


def body_of(holder: Holder, recorded: Recorded, place: str) -> str:
    """
    Return the body, in the shape of Standard Webhooks.

    Args:
        holder: Whose account it is.
        recorded: The event.
        place: Partition and position, as reads take it in ``min_position``.
    """
    event = recorded.event
    front = {
        "program_id": holder.program_id,
        "account_id": str(UUID(bytes=recorded.account_id)),
        "member_id": holder.member_id,
        "sequence": recorded.version,
        "position": place,
        "occurred_at": event.occurred_at,
        "effective_on": event.effective_on,
        "recorded_at": recorded.recorded_at,
        "balances": getattr(event, "balances", {}),
        "moved_points": {code: one.balance_points for code, one in movement_of(event).totals.items()},
        "event": _public(event),
    }
    return _message(KIND_OF[recorded.topic], recorded.recorded_at, front)


def test_body(program_id: str, now: datetime) -> str:
    """Return the body of a trial: it has no account and changes nothing."""
    return _message(TEST, now, {"program_id": program_id})


def _message(kind: str, at: datetime, content: dict[str, Any]) -> str:
    return _encode({"type": kind, "timestamp": at, "data": content}).decode()


def _public(event: Struct) -> dict[str, Any]:
    names = [name for name in event.__struct_fields__ if name not in _ELSEWHERE | _KEPT_IN]
    found = {name: getattr(event, name) for name in names}
    if lines := found.get("lines"):
        found["lines"] = [_line(line) for line in lines]
    return found


def _line(line: Any) -> Any:
    return msgspec.structs.replace(line, attributes={}) if isinstance(line, PurchaseLine) else line
