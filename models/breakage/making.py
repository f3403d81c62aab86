"""Making a proposal from the ledger."""

from datetime import date
from typing import Any

import msgspec
from msgspec import Struct
from psycopg import Connection

from ledger.errors import InvalidInput
from models.breakage.proposal import Proposal, propose
from models.breakage.triangle import read_history


class Options(Struct, frozen=True):
    """How to estimate."""

    through: str | None = None
    """The last month to take in, as ``2026-11``; ``None``: the last that is over."""
    tail: str = "exponential"
    """What happens after the last age seen."""
    held_out_months: int = 3
    """For the back-test."""


def make(
    connection: Connection[Any], program_id: str, point_currency: str, options: Options, generator: str
) -> Proposal:
    """
    Estimate how many points of each cohort will ever be redeemed, from what the views show now.

    Raises:
        InvalidInput: There are no such points, or an option is none.
        TooLittleHistory: It does not suffice.
    """
    through = _month(options.through)
    return propose(
        read_history(connection, program_id, point_currency),
        generator=generator,
        through=through,
        tail=options.tail,
        held_out_months=options.held_out_months,
    )


def document_of(proposal: Proposal) -> bytes:
    """Return the document that is stored and hashed: the same proposal gives the same bytes."""
    return msgspec.json.format(msgspec.json.encode(proposal)) + b"\n"


def _month(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise InvalidInput(f"A month looks like 2026-11, not {text!r}.", pointer="/through") from None
