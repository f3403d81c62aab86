"""Changing a program: the instruction, what is told about each change, and what a stale caller has missed."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

import msgspec
from fastapi import Request
from msgspec import Struct
from starlette.concurrency import run_in_threadpool

from api.access.caller import caller_of
from api.resources import Resources, idempotency_references
from ledger.posting.instruction import Instruction, Posted, Reference
from ledger.program import decide as program
from ledger.program.events import (
    ProgramCreated,
    ProgramDraftDiscarded,
    ProgramDrafted,
    ProgramEvent,
    ProgramPublished,
    ProgramVersionWithdrawn,
)
from ledger.program.state import Program
from ledger.store.newest import Told, newest_first
from ledger.streams import PROGRAM as PROGRAM_STREAM
from ledger.streams import program_stream_id

_MISSED = 20
"""Changes that a stale caller is told of at most."""


class ChangeView(Struct, frozen=True):
    """One change of a program's configuration."""

    version: int
    """Of the program's stream; what its ETag shows."""
    kind: str
    recorded_at: datetime
    by: str | None
    """The key or user; null where it was not recorded."""
    program_version: int | None
    """The version that it published, withdrew or restored."""
    text: str
    details: str
    """Where to read what was different after it."""


async def change(
    found: Resources,
    program_id: str,
    command: program.ProgramCommand,
    asked: Any,
    references: Sequence[Reference] = (),
) -> Posted:
    """
    Carry out a change of a program.

    Args:
        found: To work with.
        program_id: Which.
        command: What is to be done.
        asked: What makes the request the same if it is sent again.
        references: Under which it is done once; without any, a request is only the same as itself.

    Raises:
        StaleVersion: Somebody changed it; tells who and what.
        LedgerError: It was refused otherwise.
    """
    try:
        return await found.poster.post(instruction(program_id, command, asked, references))
    except program.StaleVersion as refusal:
        raise await run_in_threadpool(_with_changes, found, program_id, command, refusal) from None


def instruction(
    program_id: str, command: program.ProgramCommand, asked: Any, references: Sequence[Reference] = ()
) -> Instruction:
    """Return the instruction that changes a program; see `change`."""

    def decide(state: Program | None) -> Any:
        return program.decide(state, command)

    return Instruction(
        PROGRAM_STREAM,
        program_stream_id(program_id),
        tuple(references) or ((f"program:{program_id}", uuid4().hex),),
        sha256(msgspec.json.encode(asked)).digest(),
        decide,
    )


def principal(request: Request) -> str:
    """Return who is asking, as events name them."""
    return caller_of(request).principal


def references_of(request: Request) -> tuple[Reference, ...]:
    """Return the caller's idempotency key, if there is one."""
    return idempotency_references(request)


def change_view(program_id: str, told: Told) -> ChangeView:
    """Say what an event changed."""
    event: ProgramEvent = told.event
    number, text = _text(event)
    details = f"/v1/programs/{program_id}/history/{told.version}"
    return ChangeView(told.version, type(event).TOPIC, told.recorded_at, event.by or None, number, text, details)


def _text(event: ProgramEvent) -> tuple[int | None, str]:
    match event:
        case ProgramCreated():
            return None, "The program was created."
        case ProgramDrafted(restores=int(number)):
            return number, f"The terms of version {number} were restored as the draft."
        case ProgramDrafted():
            return None, f"A draft was imported from {event.imported}." if event.imported else "A draft was written."
        case ProgramDraftDiscarded():
            return None, "The draft was discarded."
        case ProgramPublished():
            return (
                event.version,
                f"Version {event.version} was published, to hold from {event.effective_from.isoformat()}.",
            )
        case ProgramVersionWithdrawn():
            return event.version, f"Version {event.version} was withdrawn before it took effect."


def _with_changes(
    found: Resources, program_id: str, command: program.ProgramCommand, refusal: program.StaleVersion
) -> program.StaleVersion:
    current = refusal.members.get("current")
    if current is None:
        return program.StaleVersion(refusal.detail, pointer=refusal.pointer, etag=None, changes=[])
    with found.connection() as connection:
        stream_id = program_stream_id(program_id)
        told = newest_first(connection, stream_id, found.partition_count, before=None, limit=_MISSED)
    seen = 0 if isinstance(command, program.CreateProgram) else max(command.expected or (), default=0)
    missed = [change_view(program_id, one) for one in told if one.version > seen]
    changes = msgspec.to_builtins(missed)
    return program.StaleVersion(refusal.detail, pointer=refusal.pointer, etag=f'"{current}"', changes=changes)
