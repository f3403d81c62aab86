"""What a second person may decide."""

from datetime import UTC, datetime, timedelta

import pytest

from ledger.approval.decide import ApprovalDecided, Ask, Grant, Reject, SecondPersonNeeded, UnknownApproval, decide
from ledger.approval.events import ApprovalGranted, ApprovalRejected, ApprovalRequested
from ledger.approval.state import Approval, evolve

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
ENDS = NOON + timedelta(hours=72)
ASKED = ApprovalRequested("a1", "club", "adjustment", "{}", "00", "user:ada", NOON, ENDS)


def pending() -> Approval:
    """Return a request that nobody has decided."""
    return evolve(None, ASKED)


def test_asking_records_what_is_asked() -> None:
    """As it is."""
    assert decide(None, Ask(ASKED)) == [ASKED]


def test_another_agrees_once() -> None:
    """Afterwards it is decided, whoever comes."""
    (granted,) = decide(pending(), Grant("user:bob", NOON))
    assert granted == ApprovalGranted("user:bob", NOON)
    approved = evolve(pending(), granted)
    assert approved.status(NOON) == "approved"
    for command in (Grant("user:eve", NOON), Reject("user:eve", NOON, "")):
        with pytest.raises(ApprovalDecided) as refused:
            decide(approved, command)
        assert refused.value.members == {"approval_status": "approved"}


def test_nobody_agrees_to_what_they_asked_for() -> None:
    """But they can take it back."""
    with pytest.raises(SecondPersonNeeded):
        decide(pending(), Grant("user:ada", NOON))
    assert decide(pending(), Reject("user:ada", NOON, "mistake")) == [ApprovalRejected("user:ada", NOON, "mistake")]


def test_a_request_runs_out() -> None:
    """At its last moment it can be decided, and a moment later no more; a late answer does not undo a decision."""
    last = ENDS - timedelta(microseconds=1)
    assert decide(pending(), Grant("user:bob", last)) == [ApprovalGranted("user:bob", last)]
    for command in (Grant("user:bob", ENDS), Reject("user:bob", ENDS, "")):
        with pytest.raises(ApprovalDecided) as refused:
            decide(pending(), command)
        assert refused.value.members == {"approval_status": "expired"}
    approved = evolve(pending(), ApprovalGranted("user:bob", last))
    assert approved.status(ENDS) == "approved"


def test_what_nobody_asked_for_is_unknown() -> None:
    """It cannot be agreed to."""
    with pytest.raises(UnknownApproval):
        decide(None, Grant("user:bob", NOON))
