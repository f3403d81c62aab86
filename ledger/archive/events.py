"""What happened to the bulk of old events: the stored contract, version 1."""

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class BulkRemoved(Struct, frozen=True):
    """States of account events were taken out of the database, after the archive that has them was verified."""

    TOPIC: ClassVar = "archive.bulk_removed.v1"

    archive: int
    """Its number in `ledger.archives`."""
    until: dict[str, int]
    """By partition: the last position that may be concerned."""
    last_links: dict[str, str]
    """By partition: the link there, in hex, of the database and of the archive alike."""
    event_count: int
    """That the person confirmed."""
    root: str
    """Of the checkpoint that the archive was verified against, in hex."""
    by: str
    occurred_at: datetime


class BulkReturned(Struct, frozen=True):
    """States were brought back out of the archives."""

    TOPIC: ClassVar = "archive.bulk_returned.v1"

    by: str
    occurred_at: datetime


ArchiveEvent = BulkRemoved | BulkReturned
