"""What happened to a request for approval: the stored contract, version 1."""

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class ApprovalRequested(Struct, frozen=True, omit_defaults=True):
    """Somebody asked for something that takes a second person."""

    TOPIC: ClassVar = "approval.requested.v1"

    approval_id: str
    program_id: str
    kind: str
    """What is asked for, such as ``adjustment`` or ``publication``."""
    request: str
    """The body that was sent, as JSON; a member stands in it by id."""
    request_hash: str
    """Hexadecimal; of what was sent, so that it is recognised when it is sent again after it was booked."""
    requested_by: str
    occurred_at: datetime
    expires_at: datetime
    """First moment at which it can no longer be approved."""


class ApprovalGranted(Struct, frozen=True, omit_defaults=True):
    """A second person agreed; what was asked for is booked in the same transaction."""

    TOPIC: ClassVar = "approval.granted.v1"

    by: str
    occurred_at: datetime


class ApprovalRejected(Struct, frozen=True, omit_defaults=True):
    """A second person said no, or whoever asked took it back."""

    TOPIC: ClassVar = "approval.rejected.v1"

    by: str
    occurred_at: datetime
    reason: str = ""


ApprovalEvent = ApprovalRequested | ApprovalGranted | ApprovalRejected
