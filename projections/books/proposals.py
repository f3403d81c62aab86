"""Proposals of estimates, as they are kept: the document to the byte, and who had it made."""

from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

from msgspec import Struct
from psycopg import Connection
from psycopg.rows import class_row

from ledger.errors import LedgerError
from ledger.sql import load_queries
from ledger.streams import NAMESPACE

_SQL = load_queries("projections.books")


class UnknownProposal(LedgerError):
    """There is no such proposal."""

    slug = "unknown-proposal"


class StoredProposal(Struct, frozen=True):
    """A proposal."""

    proposal_id: UUID
    program_id: str
    point_currency: str
    through: str
    """The last month that was taken in."""
    document: bytes
    """JSON in UTF-8."""
    sha256: bytes
    """Of the document."""
    made_by: str
    made_at: datetime


class ListedProposal(Struct, frozen=True):
    """A proposal without its document."""

    proposal_id: UUID
    point_currency: str
    through: str
    sha256: bytes
    made_by: str
    made_at: datetime


class ProposalCursor(Struct, array_like=True):
    """The last of the page before."""

    made_at: datetime
    proposal_id: UUID


def store_proposal(  # noqa: PLR0917  # of a row, what the document does not say itself
    connection: Connection[Any], program_id: str, point_currency: str, through: str, document: bytes, by: str
) -> StoredProposal:
    """Keep a proposal. The same document again is the proposal that is there already."""
    digest = sha256(document).digest()
    proposal_id = uuid5(NAMESPACE, f"proposal:{program_id}:{digest.hex()}")
    connection.execute(
        _SQL["store_proposal"],
        {
            "proposal_id": proposal_id,
            "program_id": program_id,
            "point_currency": point_currency,
            "through": through,
            "document": document,
            "sha256": digest,
            "made_by": by,
        },
    )
    return read_proposal(connection, program_id, proposal_id)


def read_proposal(connection: Connection[Any], program_id: str, proposal_id: UUID) -> StoredProposal:
    """
    Return a proposal.

    Raises:
        UnknownProposal: The program has none of this id.
    """
    return _one(connection, program_id, {"proposal_id": proposal_id, "sha256": None}, str(proposal_id))


def find_proposal(connection: Connection[Any], program_id: str, document: bytes) -> StoredProposal:
    """
    Return the proposal that a document is.

    Raises:
        UnknownProposal: It was never kept, or was changed since.
    """
    digest = sha256(document).digest()
    return _one(connection, program_id, {"proposal_id": None, "sha256": digest}, f"with SHA-256 {digest.hex()}")


def read_proposals(
    connection: Connection[Any], program_id: str, before: ProposalCursor | None, limit: int
) -> list[ListedProposal]:
    """Return proposals, newest first."""
    asked = {
        "program_id": program_id,
        "made_at": before and before.made_at,
        "proposal_id": before and before.proposal_id,
        "limit": limit,
    }
    with connection.cursor(row_factory=class_row(ListedProposal)) as cursor:
        return cursor.execute(_SQL["proposals"], asked).fetchall()


def _one(connection: Connection[Any], program_id: str, asked: dict[str, Any], name: str) -> StoredProposal:
    with connection.cursor(row_factory=class_row(StoredProposal)) as cursor:
        found = cursor.execute(_SQL["proposal"], {"program_id": program_id} | asked).fetchone()
    if found is None:
        raise UnknownProposal(f"{program_id!r} has no proposal {name}.", pointer="/proposal_id")
    return found
