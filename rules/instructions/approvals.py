"""What takes a second person: asking, agreeing, saying no."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid5

from msgspec.structs import replace

from ledger.approval import decide as approval
from ledger.approval.decide import ApprovalNeeded
from ledger.approval.events import ApprovalEvent, ApprovalRequested
from ledger.approval.state import Approval
from ledger.posting.instruction import Further, Instruction, On, Reference, StreamKey
from ledger.program.state import Program
from ledger.program.terms import ApprovalPolicy
from ledger.streams import APPROVAL, NAMESPACE, StreamId, approval_stream_id
from rules.instructions.asking import hashed, program_only
from rules.pricing.price import existing


def policy_at(program: Program | None, now: datetime) -> ApprovalPolicy:
    """
    Return what takes a second person now, whenever the thing itself is said to have happened.

    Raises:
        UnknownProgram: There is no such program.
    """
    version = existing(program).version_at(now)
    return version.terms.approvals if version else ApprovalPolicy()


def check_points(program: Program | None, now: datetime, points: int, *, is_approved: bool) -> None:
    """
    Let points be booked by hand, or not.

    Raises:
        ApprovalNeeded: They are more than one person may book.
    """
    limit = policy_at(program, now).adjustments_above
    if limit is not None and abs(points) > limit and not is_approved:
        message = f"One person books at most {limit} points in this program; a second one has to agree."
        raise ApprovalNeeded(message, pointer="/points", limit_points=limit)


def points_approval_id(program_id: str, kind: str, source: str, own_id: str) -> str:
    """
    Return the id under which approval is asked for when points are to be booked by hand.

    Args:
        program_id: Whose.
        kind: ``accrual``, ``adjustment`` or ``reinstatement``.
        source: Of the request.
        own_id: Unique within the source.
    """
    return str(uuid5(NAMESPACE, f"{kind}:{program_id}:{source}:{own_id}"))


def ask(asked: ApprovalRequested) -> Instruction:
    """
    Return the instruction that asks for approval. Asked again for the same, it answers the first time's.

    Args:
        asked: With ``expires_at`` not yet known; the program's policy says.
    """
    return Instruction(
        APPROVAL,
        approval_stream_id(asked.program_id, asked.approval_id),
        ((f"approval:{asked.program_id}", asked.approval_id),),
        hashed("approval", asked.program_id, asked.kind, asked.request_hash),
        partial(_decide_asking, asked),
        program_only(asked.program_id),
    )


def agree(instruction: Instruction, asked: ApprovalRequested, by: str, at: datetime) -> Instruction:
    """
    Return the instruction that does what was asked for, and records who agreed: both, or neither.

    Args:
        instruction: What was asked for.
        asked: The request for approval.
        by: Who agrees.
        at: When.
    """
    stream_id = approval_stream_id(asked.program_id, asked.approval_id)
    return replace(
        instruction,
        request_hash=bytes.fromhex(asked.request_hash),
        also=(*instruction.also, Further(APPROVAL, stream_id, "/approval_id")),
        decide=partial(_decide_agreeing, instruction.decide, stream_id, approval.Grant(by, at)),
    )


def grant(program_id: str, approval_id: str, by: str, at: datetime, *, keys: tuple[Reference, ...] = ()) -> Instruction:
    """Return the instruction that agrees to something that the workers carry out afterwards."""
    return Instruction(
        APPROVAL,
        approval_stream_id(program_id, approval_id),
        ((f"grant:{program_id}", approval_id), *keys),
        hashed("grant", program_id, approval_id),
        partial(_decide_on, approval.Grant(by, at)),
    )


def reject(program_id: str, approval_id: str, by: str, at: datetime, reason: str) -> Instruction:
    """Return the instruction that says no, or takes one's own request back."""
    return Instruction(
        APPROVAL,
        approval_stream_id(program_id, approval_id),
        ((f"rejection:{program_id}", f"{approval_id}:{by}"),),
        hashed("rejection", program_id, approval_id, by, reason),
        partial(_decide_on, approval.Reject(by, at, reason)),
    )


def _decide_asking(
    asked: ApprovalRequested, state: Approval | None, program: Program | None
) -> Sequence[ApprovalEvent]:
    lasts = timedelta(hours=policy_at(program, asked.occurred_at).expires_hours)
    return approval.decide(state, approval.Ask(replace(asked, expires_at=asked.occurred_at + lasts)))


def _decide_agreeing(
    decide: Any, stream_id: StreamId, command: approval.Grant, state: Any, *others: Any, **more: Any
) -> Sequence[Any]:
    *others_before, asked = others
    granted = approval.decide(asked, command)
    booked = decide(state, *others_before, **more)
    return [*booked, *[On(StreamKey(APPROVAL, stream_id), event) for event in granted]]


def _decide_on(command: approval.Grant | approval.Reject, state: Approval | None) -> Sequence[ApprovalEvent]:
    return approval.decide(state, command)
