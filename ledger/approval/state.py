"""Where a request for approval stands, folded from its events."""

from datetime import datetime
from typing import assert_never

from msgspec import Struct

from ledger.approval.events import ApprovalEvent, ApprovalGranted, ApprovalRejected, ApprovalRequested


class Approval(Struct):
    """A request that a second person decides, once."""

    requested: ApprovalRequested
    decided_by: str = ""
    decided_at: datetime | None = None
    is_granted: bool = False
    reason: str = ""

    def status(self, now: datetime) -> str:
        """Return where it stands: ``pending``, ``approved``, ``rejected`` or ``expired``."""
        if self.decided_at is not None:
            return "approved" if self.is_granted else "rejected"
        return "expired" if now >= self.requested.expires_at else "pending"


def evolve(approval: Approval | None, event: ApprovalEvent) -> Approval:
    """Fold one recorded fact into the approval."""
    if approval is None:
        # Every such stream begins with the request; the decider lets nothing else through.
        assert isinstance(event, ApprovalRequested)
        return Approval(event)
    match event:
        case ApprovalGranted():
            approval.decided_by, approval.decided_at, approval.is_granted = event.by, event.occurred_at, True
        case ApprovalRejected():
            approval.decided_by, approval.decided_at, approval.reason = event.by, event.occurred_at, event.reason
        case ApprovalRequested():
            pass
        case _:
            assert_never(event)
    return approval
