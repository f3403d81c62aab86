"""
The hash chain, and the bytes it is taken over.

An event's link is ``sha256(previous link || row)``, where the row is the event's columns in table order, each as a
big-endian 32-bit length followed by its bytes: partition (int32), position (int64), stream id (16 bytes), version
(int64), topic (UTF-8), state (as stored), recorded at (int64, microseconds since 2000-01-01T00:00:00Z). No field can
change unseen, and no two different rows have the same bytes. This is also exactly how PostgreSQL's binary COPY spells
a row, so the bytes that are hashed are the bytes that are sent.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from struct import Struct as Layout

from ledger.streams import StreamId

GENESIS = bytes(32)
"""The link before the first event of every partition."""

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_COLUMNS = Layout(">h").pack(8)
_HASH_LENGTH = Layout(">i").pack(32)

NewEvent = tuple[StreamId, int, bytes, bytes]
"""Stream id, version, topic in UTF-8, state: an event that has its place in its stream, but not in its partition."""


def microseconds(instant: datetime) -> int:
    """Return the instant as the chain spells it: microseconds since 2000-01-01T00:00:00Z."""
    return (instant - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=4096)
def _layout(topic_length: int, state_length: int) -> Layout:
    """Return the spelling of a row; one call that packs it all is faster than joining pieces."""
    return Layout(f">iiiqi16siqi{topic_length}si{state_length}siq")


def row(partition: int, position: int, event: NewEvent, recorded_at_us: int) -> bytes:
    """Return the bytes an event's link is taken over, without the previous link."""
    stream_id, version, topic, state = event
    topic_length, state_length = len(topic), len(state)
    return _layout(topic_length, state_length).pack(
        4,
        partition,
        8,
        position,
        16,
        stream_id,
        8,
        version,
        topic_length,
        topic,
        state_length,
        state,
        8,
        recorded_at_us,
    )


def link(previous: bytes, row_bytes: bytes) -> bytes:
    """Return the link of the event whose row is ``row_bytes``."""
    return sha256(previous + row_bytes).digest()


def copy_rows(
    partition: int,
    position: int,
    previous: bytes,
    events: Iterable[NewEvent],
    recorded_at_us: int,
) -> tuple[bytes, bytes]:
    """
    Number and chain events, and spell them for COPY.

    Args:
        partition: Where they are appended.
        position: Of the partition's last event; the first new one gets the next.
        previous: Link of the partition's last event.
        events: In the order in which they are to stand.
        recorded_at_us: When they were written, as `microseconds` gives it.

    Returns:
        The rows as binary COPY takes them (without header and trailer), and the last link.
    """
    parts: list[bytes] = []
    for event in events:
        position += 1
        row_bytes = row(partition, position, event, recorded_at_us)
        previous = sha256(previous + row_bytes).digest()
        parts += (_COLUMNS, row_bytes, _HASH_LENGTH, previous)
    return b"".join(parts), previous
