"""Our events as the domain events of the `eventsourcing` library."""

from typing import Any, Protocol, Self
from uuid import UUID

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    Cipher,
    Compressor,
    InfrastructureFactoryError,
    Mapper,
    MapperDeserialisationError,
    StoredEvent,
    Transcoder,
)
from msgspec import Struct

from ledger.store.codec import UnknownTopic, decode, encode, topic_bytes
from ledger.streams import STREAMS

_STATE_TYPES = {stream.snapshot_topic: stream.state_type for stream in STREAMS}
_SNAPSHOT_TOPICS = {state_type: topic for topic, state_type in _STATE_TYPES.items()}


class Recorded(Struct, frozen=True):
    """An event with its place in its stream."""

    originator_id: UUID
    originator_version: int
    event: Struct


class Versioned(Protocol):
    """What a snapshot can be taken of."""

    @property
    def id(self) -> UUID:
        """The stream's id."""

    @property
    def version(self) -> int:
        """Version of the last event folded."""

    @property
    def state(self) -> Any:
        """What the events fold into."""


class Snapshot(Struct, frozen=True):
    """The state of a stream at a version."""

    originator_id: UUID
    originator_version: int
    state: Any

    @classmethod
    def take(cls, aggregate: Versioned) -> Self:
        """Return the state as it is now; it is written before anything else can change it."""
        return cls(aggregate.id, aggregate.version, aggregate.state)


class LedgerMapper(Mapper[UUID]):
    """
    Between the library's stored events and ours.

    The bytes are those of `ledger.store.codec`, which the chain is taken over and every other reader expects; so
    there is no choice of transcoder, and nothing is compressed or enciphered.
    """

    def __init__(
        self,
        transcoder: Transcoder | None = None,  # noqa: ARG002  # the library always offers one
        compressor: Compressor | None = None,
        cipher: Cipher | None = None,
    ) -> None:
        """
        Args:
            transcoder: Not used.
            compressor: Must be ``None``.
            cipher: Must be ``None``.

        Raises:
            InfrastructureFactoryError: The events were to be compressed or enciphered.
        """
        if compressor or cipher:
            message = "The ledger's events are neither compressed nor enciphered: other readers could not read them."
            raise InfrastructureFactoryError(message)

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """Spell an event or a snapshot as it is stored."""
        place = domain_event.originator_id, domain_event.originator_version
        match domain_event:
            case Recorded(event=event):
                return StoredEvent(*place, topic_bytes(event).decode(), encode(event))
            case Snapshot(state=state):
                return StoredEvent(*place, _SNAPSHOT_TOPICS[type(state)], msgspec.json.encode(state))
            case _:
                raise TypeError(f"{type(domain_event).__name__} is neither Recorded nor Snapshot.")

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        """
        Read a stored event or snapshot.

        Raises:
            MapperDeserialisationError: Its topic is unknown, or its bytes are not what the topic promises.
        """
        stream_id = stored_event.originator_id
        place = stream_id if isinstance(stream_id, UUID) else UUID(stream_id), stored_event.originator_version
        try:
            if state_type := _STATE_TYPES.get(stored_event.topic):
                return Snapshot(*place, msgspec.json.decode(stored_event.state, type=state_type))
            return Recorded(*place, decode(stored_event.topic, stored_event.state))
        except (UnknownTopic, msgspec.DecodeError) as error:
            message = f"Version {place[1]} of stream {place[0]} cannot be read: {error}"
            raise MapperDeserialisationError(message) from error
