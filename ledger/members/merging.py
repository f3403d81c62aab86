"""After two accounts were merged: the merged member's identifiers name the other, who keeps one profile."""

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection

from ledger.members.people import read_profile, write_profile
from ledger.members.profile import filled
from ledger.sql import load_queries
from ledger.streams import account_stream_id

_SQL = load_queries("ledger.members", "leaving.sql")


def finish_merger(
    connection: Connection[Any], program_id: str, member_id: UUID, merged_into: UUID, now: datetime
) -> bool:
    """
    Move what is known about a merged member to who goes on.

    The accounts were merged before, for good; this follows, and may be run again any time. A member who was merged on,
    or erased, in between is not brought back.

    Args:
        connection: In autocommit mode.
        program_id: Of both.
        member_id: Whose account was closed.
        merged_into: Whose account took over.
        now: When profiles change.

    Returns:
        Whether there was anything to do.
    """
    with connection.transaction():
        asked = {"program_id": program_id, "member_id": merged_into}
        row = connection.execute(_SQL["successor"], asked).fetchone()
        successor: UUID = row[0] if row else merged_into
        locked = connection.execute(
            _SQL["lock_members"], {"program_id": program_id, "member_ids": sorted({member_id, successor})}
        ).fetchall()
        standing = {found: (into, erased_at) for found, into, erased_at in locked}
        if member_id not in standing or standing[member_id][0] is not None:
            return False
        into, erased_at = standing[successor]
        if into is not None:
            # Merged on while we waited for the lock: the next run goes further.
            return False
        key = {"program_id": program_id, "member_id": member_id}
        connection.execute(_SQL["mark_merged"], key | {"successor": merged_into})
        if erased_at is not None:
            connection.execute(_SQL["erase_identifiers"], {"program_id": program_id, "member_ids": [member_id]})
            connection.execute(
                _SQL["mark_erased"], {"program_id": program_id, "member_ids": [member_id], "erased_at": erased_at}
            )
        else:
            account_id = UUID(bytes=account_stream_id(program_id, successor))
            connection.execute(_SQL["move_identifiers"], key | {"successor": successor, "account_id": account_id})
            _join_profiles(connection, program_id, member_id, successor, now)
        connection.execute(_SQL["drop_profile"], key)
    return True


def unfinished_mergers(connection: Connection[Any], program_id: str) -> list[tuple[UUID, UUID]]:
    """Return mergers, as the views show them, after which nothing was moved yet: who, and into whom."""
    return list(connection.execute(_SQL["unfinished_mergers"], {"program_id": program_id}).fetchall())


def _join_profiles(
    connection: Connection[Any], program_id: str, member_id: UUID, successor: UUID, now: datetime
) -> None:
    theirs = read_profile(connection, program_id, member_id)
    if theirs.version:
        ours = read_profile(connection, program_id, successor)
        write_profile(connection, program_id, successor, filled(ours.profile, theirs.profile), now)
