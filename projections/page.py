"""A page of recorded events on its way into the views."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, LiteralString, NamedTuple, Protocol

from msgspec import Struct
from psycopg import Connection

from ledger.account.events import AccountEvent, PurchasePosted
from ledger.store.codec import decode
from ledger.streams import ACCOUNT, StreamId

_ACCOUNT_TOPICS = frozenset(event_type.TOPIC for event_type in ACCOUNT.event_types)  # type: ignore[attr-defined]


class Recorded(NamedTuple):
    """One account event with its place."""

    account_id: StreamId
    version: int
    topic: str
    recorded_at: datetime
    event: AccountEvent


class Page(Struct, frozen=True):
    """Consecutive events of one partition; those that no view is about are left out."""

    partition: int
    first_position: int
    """The first event's position, less one: where a view must be to take this page."""
    last_position: int
    recorded_at: datetime
    """When the last event was recorded."""
    events: list[Recorded]
    others: list[Recorded]
    """Those of the events that are no purchases: few of many, and all that some views are about."""


class View(Protocol):
    """A table, or a few, kept in step with the events."""

    name: LiteralString
    tables: tuple[LiteralString, ...]

    def project(self, page: Page) -> Any:
        """Turn events into row changes. Total: never raises on a recorded fact."""

    def write(self, connection: Connection[Any], changes: Any) -> None:
        """Apply row changes, set-based, inside the caller's transaction; tables are found by the search path."""


def page_of(partition: int, after: int, rows: Iterable[tuple[Any, ...]]) -> Page | None:
    """Decode the rows of the ``page`` query; ``None`` if there are none."""
    events, others = [], []
    position, recorded_at = after, None
    for position, stream_id, version, topic, state, recorded_at in rows:  # noqa: B007  # the last ones are used below
        if topic in _ACCOUNT_TOPICS:
            recorded = Recorded(stream_id, version, topic, recorded_at, decode(topic, state))
            events.append(recorded)
            if topic != PurchasePosted.TOPIC:
                others.append(recorded)
    if recorded_at is None:
        return None
    return Page(partition, after, position, recorded_at, events, others)
