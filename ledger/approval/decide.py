"""What a second person may decide. Pure: ids, dates and names arrive from outside."""

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from msgspec import Struct

from ledger.approval.events import ApprovalEvent, ApprovalGranted, ApprovalRejected, ApprovalRequested
from ledger.approval.state import Approval
from ledger.errors import LedgerError


class ApprovalNeeded(LedgerError):
    """The program asks for a second person."""

    slug = "approval-needed"


class UnknownApproval(LedgerError):
    """There is no such request for approval."""

    slug = "unknown-approval"


class ApprovalDecided(LedgerError):
    """The request was approved, rejected, or ran out before."""

    slug = "approval-decided"


class SecondPersonNeeded(LedgerError):
    """Nobody approves what they asked for themselves."""

    slug = "second-person-needed"


class Ask(Struct, frozen=True):
    """Ask for approval."""

    requested: ApprovalRequested


class Grant(Struct, frozen=True):
    """Agree."""

    by: str
    occurred_at: datetime


class Reject(Struct, frozen=True):
    """Say no, or take one's own request back."""

    by: str
    occurred_at: datetime
    reason: str


def decide(approval: Approval | None, command: Ask | Grant | Reject) -> Sequence[ApprovalEvent]:
    """
    Turn a command into facts, or refuse it.

    Raises:
        UnknownApproval: Nobody asked.
        ApprovalDecided: It was decided, or has run out.
        SecondPersonNeeded: Whoever asked wants to agree.
    """
    if isinstance(command, Ask):
        return [command.requested]
    if approval is None:
        raise UnknownApproval("Nobody asked for this approval.", pointer="/approval_id")
    status = approval.status(command.occurred_at)
    if status != "pending":
        raise ApprovalDecided(f"This request is {status}; ask again for what is still wanted.", approval_status=status)
    match command:
        case Grant():
            if command.by == approval.requested.requested_by:
                raise SecondPersonNeeded("You asked for this yourself; somebody else has to agree.")
            return [ApprovalGranted(command.by, command.occurred_at)]
        case Reject():
            return [ApprovalRejected(command.by, command.occurred_at, command.reason)]
        case _:
            assert_never(command)
