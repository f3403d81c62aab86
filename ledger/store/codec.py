"""Events to bytes and back. The bytes are what is stored and hashed; they are never made a second time."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from ledger.streams import STREAMS

_encoder = msgspec.json.Encoder()

encode: Callable[[Struct], bytes] = _encoder.encode
"""Return the stored form of an event: UTF-8 JSON, fields in declared order, defaults left out."""

EVENT_TYPES: dict[str, type[Struct]] = {
    event_type.TOPIC: event_type  # type: ignore[attr-defined]
    for stream in STREAMS
    for event_type in stream.event_types
}
"""Every topic ever stored, and the class that reads it."""

DECODERS = {topic: msgspec.json.Decoder(event_type).decode for topic, event_type in EVENT_TYPES.items()}


class UnknownTopic(Exception):  # not a refusal: the database was written by a newer Khaywe
    """The store holds an event that this version of Khaywe cannot read."""


_TOPIC_BYTES = {event_type: topic.encode() for topic, event_type in EVENT_TYPES.items()}


def topic_bytes(event: Struct) -> bytes:
    """Return the topic of an event, in UTF-8."""
    return _TOPIC_BYTES[type(event)]


def decode(topic: str, state: bytes) -> Any:
    """
    Read a stored event.

    Raises:
        UnknownTopic: No class is registered for ``topic``; a newer version wrote it.
    """
    try:
        decoder = DECODERS[topic]
    except KeyError:
        raise UnknownTopic(f"No event type is known for the topic {topic!r}; run the newer Khaywe.") from None
    return decoder(state)
