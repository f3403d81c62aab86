"""Applying a proposal of estimates: asking for it, and what is booked when a second person agrees."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec
from msgspec import Struct
from psycopg import Connection

from ledger.approval.events import ApprovalRequested
from ledger.approval.state import Approval
from ledger.bookkeeping.decide import ApplyProposal, StaleProposal, decide
from ledger.bookkeeping.events import EstimateApplied
from ledger.posting.cache import StateCache
from ledger.posting.instruction import Instruction, Reference
from ledger.streams import APPROVAL, NAMESPACE, approval_stream_id
from projections.books.history import read_history
from projections.books.proposals import StoredProposal, read_proposal
from rules.instructions.asking import hashed
from rules.instructions.bookkeeping import keep_books

ESTIMATES: Final = "estimates"
"""Kind of what is asked for."""

_NEVER = datetime.max.replace(tzinfo=UTC)


class AskedEstimates(Struct, frozen=True):
    """What is asked for when a proposal is to be applied."""

    proposal_id: UUID
    sha256: str
    """Of its document, in hex."""
    point_currency: str
    through: str
    cohort_count: int


class _Cohort(Struct, frozen=True):
    cohort: str
    ultimate_points: int


class _Document(Struct, frozen=True):
    """What is applied of a proposal."""

    cohorts: tuple[_Cohort, ...]


_document = msgspec.json.Decoder(_Document).decode
asked_estimates = msgspec.json.Decoder(AskedEstimates).decode


def asked_for(
    connection: Connection[Any], partition_count: int, stored: StoredProposal, by: str, at: datetime
) -> ApprovalRequested:
    """
    Return the request to apply a proposal: the one that is open or was agreed to, or else another.

    Raises:
        BooksNotSetUp: Nobody has said what such a point is worth.
        StaleProposal: The books, or the ledger, have moved on.
    """
    approval_id = ""
    for attempt in count(1):
        approval_id = str(uuid5(NAMESPACE, f"{ESTIMATES}:{stored.program_id}:{stored.proposal_id}:{attempt}"))
        approval = _approval(connection, partition_count, stored.program_id, approval_id)
        if approval is None:
            check_fresh(connection, partition_count, stored)
        if approval is None or approval.status(at) in {"pending", "approved"}:
            break
    cohorts = _document(stored.document).cohorts
    asked = AskedEstimates(stored.proposal_id, stored.sha256.hex(), stored.point_currency, stored.through, len(cohorts))
    return ApprovalRequested(
        approval_id,
        stored.program_id,
        ESTIMATES,
        msgspec.json.encode(asked).decode(),
        hashed(ESTIMATES, stored.program_id, asked).hex(),
        by,
        at,
        _NEVER,  # the program's policy decides
    )


def agreed(  # noqa: PLR0917  # what was asked for, and who agrees to it
    connection: Connection[Any],
    partition_count: int,
    approval: Approval,
    by: str,
    at: datetime,
    keys: tuple[Reference, ...],
) -> Instruction:
    """
    Return the instruction that applies a proposal, now that somebody agrees.

    Raises:
        UnknownProposal: It is not there any more.
        StaleProposal: The books, or the ledger, have moved on; never of one that was applied already.
    """
    requested = approval.requested
    asked = asked_estimates(requested.request)
    stored = read_proposal(connection, requested.program_id, asked.proposal_id)
    if approval.status(at) == "pending":
        check_fresh(connection, partition_count, stored)
    own = (
        (f"approved:{requested.program_id}", requested.approval_id),
        (f"estimates:{requested.program_id}", str(stored.proposal_id)),
    )
    return keep_books(requested.program_id, _command(stored, requested.requested_by, by, at), (*own, *keys))


def check_fresh(connection: Connection[Any], partition_count: int, stored: StoredProposal) -> None:
    """
    Tell whether a proposal can still be applied.

    Raises:
        BooksNotSetUp: Nobody has said what such a point is worth.
        StaleProposal: A later month is closed, or more points were redeemed than it expects to be at all.
    """
    # It brings pandas along, which few processes ever need.
    from models.breakage.triangle import read_history as read_moves  # noqa: PLC0415

    books = read_history(connection, stored.program_id, partition_count).books
    command = _command(stored, "", "", datetime.now(UTC))
    decide(books, command)
    used = read_moves(connection, stored.program_id, stored.point_currency).used()
    passed = _passed(command.estimates, used)
    if passed:
        raise StaleProposal(
            f"More points of {passed[0]['cohort']} were redeemed by now than it expects to be at all; make another.",
            cohorts=passed,
        )


def _passed(estimates: Sequence[EstimateApplied], used: dict[str, int]) -> list[dict[str, str | int]]:
    """Return the cohorts of which more was redeemed than is estimated."""
    return [
        {
            "cohort": one.cohort,
            "estimated_points": one.redeemed_points,
            "redeemed_points": used[one.cohort],
        }
        for one in estimates
        if used.get(one.cohort, 0) > one.redeemed_points
    ]


def _command(stored: StoredProposal, by: str, approved_by: str, at: datetime) -> ApplyProposal:
    digest = stored.sha256.hex()
    return ApplyProposal(
        digest,
        stored.point_currency,
        stored.through,
        tuple(
            EstimateApplied(one.cohort, one.ultimate_points, by, at, f"proposal {digest}", approved_by)
            for one in _document(stored.document).cohorts
        ),
    )


def _approval(connection: Connection[Any], partition_count: int, program_id: str, approval_id: str) -> Approval | None:
    stream_id = approval_stream_id(program_id, approval_id)
    cache = StateCache(partition_count)
    cache.load(connection, {stream_id: APPROVAL})
    state: Approval | None = cache.entries[stream_id].state
    return state
