"""What-ifs, and what they found about each account."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID, uuid5

import msgspec
from msgspec import Struct
from psycopg import Connection
from psycopg.rows import class_row

from ledger.posting.instruction import KeyReused
from ledger.program.terms import Terms
from ledger.sql import load_queries
from ledger.streams import NAMESPACE
from projections.whatifs.totals import Totals
from rules.pricing.whatif import Outcome, repairable

_SQL = load_queries("projections.whatifs")

Status = Literal["queued", "running", "done", "cancelled", "failed"]


class WhatIf(Struct, frozen=True):
    """A question about the past of a program, and how far its answer is."""

    what_if_id: UUID
    program_id: str
    principal: str
    """Who asked."""
    request_sha256: bytes
    version: str
    """``draft``, ``inline`` or the number of a version."""
    terms: bytes
    """Of that version when it was asked, as JSON."""
    window_start: datetime
    window_end: datetime | None
    as_of: datetime
    sample: int | None
    """Accounts that are looked at; ``None`` for all."""
    last_account: UUID | None
    """The last one of the sample."""
    point_values: bytes
    """Minor units of money per point, by point currency, as JSON."""
    repaired: list[str]
    """Earlier what-ifs whose repairs count as points that were given."""
    positions: list[int]
    """Of each partition, how far it is looked at."""
    status: Status
    account_count: int
    """That are to be looked at, as far as it was known in the beginning."""
    done_count: int
    after_member: UUID
    totals: bytes
    result_sha256: bytes
    """Over what was found, account by account in the order of their members."""
    failure: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    cancel_requested_at: datetime | None


class NewWhatIf(Struct, frozen=True):
    """A question as it is asked."""

    what_if_id: UUID
    program_id: str
    principal: str
    request_sha256: bytes
    version: str
    terms: Terms
    window_start: datetime
    window_end: datetime | None
    as_of: datetime
    sample: int | None = None
    point_values: dict[str, Decimal] = {}


class Found(Struct, frozen=True):
    """An account for which something would be different."""

    account_id: UUID
    member_id: UUID
    version: int
    """Of its stream, as far as it was looked at."""
    absolute_points: int
    """By how much its points would differ in all point currencies together."""
    change_points: int
    """By how much its balances would be more."""
    outcome: bytes

    def read(self) -> Outcome:
        """Return what was found."""
        return decode_outcome(self.outcome)

    def repair(self) -> dict[str, int]:
        """Return per point currency what a repair would give, or take if below zero."""
        return repairable(self.read())


WhatIfCursor = tuple[datetime, UUID]
MemberCursor = tuple[int, UUID]
"""The difference of the last account seen, and its id."""

encode = msgspec.json.Encoder().encode
decode_outcome = msgspec.json.Decoder(Outcome).decode
decode_terms = msgspec.json.Decoder(Terms).decode
decode_totals = msgspec.json.Decoder(Totals).decode
decode_points = msgspec.json.Decoder(dict[str, int]).decode
decode_values = msgspec.json.Decoder(dict[str, Decimal]).decode


def id_of_key(kind: str, program_id: str, family: str, key: str) -> UUID:
    """Return the id of what is asked for under a caller's key, so that asking twice asks once."""
    return uuid5(NAMESPACE, f"{kind}:{program_id}:{family}:{key}")


def store_what_if(connection: Connection[Any], new: NewWhatIf) -> tuple[WhatIf, bool]:
    """
    Keep a question, with how far the ledger is by now.

    Returns:
        The question, and whether it was there before.

    Raises:
        KeyReused: Something else was asked under its key.
    """
    asked: dict[str, Any] = {name: getattr(new, name) for name in new.__struct_fields__}
    row = connection.execute(_SQL["count_accounts"], asked).fetchone()
    assert row is not None
    (account_count,) = row
    last = None
    if new.sample is not None and new.sample < account_count:
        found = connection.execute(_SQL["last_of_sample"], asked).fetchone()
        last, account_count = (found[0] if found else None), new.sample
    positions = connection.execute(_SQL["positions"]).fetchone()
    assert positions is not None
    repaired = [one for (one,) in connection.execute(_SQL["repaired_before"], asked)]
    inserted = connection.execute(
        _SQL["insert_what_if"],
        asked
        | {
            "terms": encode(new.terms),
            "point_values": encode(new.point_values),
            "last_account": last,
            "positions": positions[0],
            "repaired": repaired,
            "account_count": account_count,
            "totals": encode(Totals()),
            "result_sha256": bytes(32),
        },
    )
    what_if = read_what_if(connection, new.what_if_id)
    assert what_if is not None
    if what_if.request_sha256 != new.request_sha256:
        message = f"This key was used for the what-if {what_if.what_if_id}, which asks something else."
        raise KeyReused(message, pointer="/Idempotency-Key", what_if_id=str(what_if.what_if_id))
    return what_if, not inserted.rowcount


def read_what_if(connection: Connection[Any], what_if_id: UUID, program_id: str | None = None) -> WhatIf | None:
    """Return a what-if, if there is one; of any program unless told otherwise."""
    with connection.cursor(row_factory=class_row(WhatIf)) as cursor:
        return cursor.execute(_SQL["what_if"], {"what_if_id": what_if_id, "program_id": program_id}).fetchone()


def read_what_ifs(
    connection: Connection[Any], program_id: str | None = None, after: WhatIfCursor | None = None, limit: int = 100
) -> list[WhatIf]:
    """Return what-ifs, newest first, after one of them; of all programs unless told otherwise."""
    created_at, what_if_id = after or (None, None)
    asked = {"program_id": program_id, "created_at": created_at, "what_if_id": what_if_id, "limit": limit}
    with connection.cursor(row_factory=class_row(WhatIf)) as cursor:
        return cursor.execute(_SQL["what_ifs"], asked).fetchall()


def cancel_what_if(connection: Connection[Any], what_if_id: UUID) -> None:
    """Ask for a what-if to be stopped; one that has ended stays as it is."""
    connection.execute(_SQL["cancel_what_if"], {"what_if_id": what_if_id})


def read_found(
    connection: Connection[Any], what_if_id: UUID, after: MemberCursor | None = None, limit: int = 100
) -> list[Found]:
    """Return accounts for which something would be different, the largest difference first, after one of them."""
    absolute_points, account_id = after or (None, None)
    asked = {
        "what_if_id": what_if_id,
        "absolute_points": absolute_points,
        "account_id": account_id,
        "limit": limit,
    }
    with connection.cursor(row_factory=class_row(Found)) as cursor:
        return cursor.execute(_SQL["members"], asked).fetchall()


def read_top(connection: Connection[Any], what_if_id: UUID, limit: int = 10) -> tuple[Sequence[Found], Sequence[Found]]:
    """Return those who would have gained most, and those who would have lost most."""
    asked = {"what_if_id": what_if_id, "limit": limit}
    with connection.cursor(row_factory=class_row(Found)) as cursor:
        winners = cursor.execute(_SQL["top_winners"], asked).fetchall()
        return winners, cursor.execute(_SQL["top_losers"], asked).fetchall()


def read_to_repair(connection: Connection[Any], what_if_id: UUID, after: UUID, limit: int) -> list[Found]:
    """Return accounts for which something would be different, in the order of their ids, after one of them."""
    asked = {"what_if_id": what_if_id, "after_account": after, "limit": limit}
    with connection.cursor(row_factory=class_row(Found)) as cursor:
        return cursor.execute(_SQL["members_to_repair"], asked).fetchall()


def all_to_repair(connection: Connection[Any], what_if_id: UUID, size: int = 1000) -> Iterator[Found]:
    """Give every account for which something would be different, a page at a time."""
    after = UUID(int=0)
    while page := read_to_repair(connection, what_if_id, after, size):
        yield from page
        after = page[-1].account_id
