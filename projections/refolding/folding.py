"""Folding streams anew from their events, and what must hold of every account."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from struct import Struct as Layout
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from ledger.account.books import Book
from ledger.account.state import Account
from ledger.store.codec import DECODERS
from ledger.streams import STREAMS, StreamId

_HOW: dict[bytes, tuple[Callable[[bytes], Any], Callable[[Any, Any], Any]]] = {
    topic.encode(): (DECODERS[topic], stream.evolve)
    for stream in STREAMS
    for topic in (event_type.TOPIC for event_type in stream.event_types)  # type: ignore[attr-defined]
}
"""How events of a topic, as it is stored, are read and folded."""

_FRONT = Layout(">12xq4x16x4xqi")
"""Position, version and the length of the topic, in the bytes of the chain (`ledger.store.chain`)."""
_STREAM_ID = slice(24, 40)


_STATES = {stream.snapshot_topic: stream.state_type for stream in STREAMS}
SNAPSHOT_TOPICS = list(_STATES)
"""Of snapshots that are read; those of other layouts never are."""


class Fault(Struct, frozen=True):
    """Something that is not as it must be."""

    partition: int
    position: int
    """The first position that is at fault; of a view that differs, the last event of the account."""
    reason: str
    account_id: str = ""
    """Of a stream that does not fold, its id."""

    def __str__(self) -> str:
        """Tell it in a line."""
        about = f", account {self.account_id}" if self.account_id else ""
        return f"Partition {self.partition}, position {self.position}{about}: {self.reason}"


class Snapshot(NamedTuple):
    """The state that posting begins with, as it is stored."""

    version: int
    topic: str
    state: bytes


class Folded(NamedTuple):
    """A stream after its last event."""

    stream_id: StreamId
    position: int
    state: Any
    reason: str
    """What went wrong, at ``position``; empty if nothing did."""
    event_count: int


Streams = dict[StreamId, list[bytes]]
"""Events in the bytes of the chain, by stream and in order."""


def sort(streams: Streams, rows: Iterable[bytes], first: StreamId, last: StreamId) -> None:
    """
    Put events to their streams.

    Args:
        streams: What there is so far; changed in place.
        rows: Events in the bytes of the chain, those of each stream in order.
        first: Lowest id of the streams wanted; others are passed over.
        last: Highest.
    """
    for row in rows:
        stream_id = row[_STREAM_ID]
        found = streams.get(stream_id)
        if found is not None:
            found.append(row)
        elif first <= stream_id <= last:
            streams[stream_id] = [row]


def fold(
    streams: Streams, until: int, snapshots: Mapping[StreamId, Snapshot] = MappingProxyType({})
) -> Iterator[Folded]:
    """
    Fold streams one after the other: an account whose events lie apart would be fetched from memory for each of them.

    Args:
        streams: Their events.
        until: Last position that is looked at.
        snapshots: Of the streams: each is compared with the state of its version.
    """
    unpack, start, how = _FRONT.unpack_from, _FRONT.size, _HOW
    for stream_id, rows in streams.items():
        state, reason, place, before, count = None, "", 0, 0, 0
        snapshot = snapshots.get(stream_id)
        snapshot_version = snapshot.version if snapshot else 0
        for row in rows:
            position, version, topic_length = unpack(row)
            if position > until:
                break
            count += 1
            if reason:
                continue
            end = start + topic_length
            if version != before + 1 or position <= place:
                reason = f"the event is version {version} of its stream, and the one before it is {before}"
            else:
                try:
                    decode, evolve = how[row[start:end]]
                    state = evolve(state, decode(row[end + 4 : -12]))
                except Exception as error:  # noqa: BLE001  # whatever somebody wrote there, it is to be named and not to stop us
                    reason = f"the event cannot be folded: {type(error).__name__}: {error}"
                if version == snapshot_version and snapshot and not reason:
                    reason = _difference(snapshot, state)
            place, before = position, version
        if count:
            yield Folded(stream_id, place, state, reason, count)


def _difference(snapshot: Snapshot, state: Any) -> str:
    """Return that a snapshot is another state, if it is."""
    try:
        found = msgspec.json.decode(snapshot.state, type=_STATES[snapshot.topic])
    except msgspec.MsgspecError:
        found = None
    return "" if found == state else f"the snapshot of version {snapshot.version} is not what the events give"


def broken_law(state: Any) -> str:
    """Return which law of the books an account breaks; empty if none, or if it is no account."""
    if isinstance(state, Account):
        for code, book in state.books.items():
            if found := _broken(book):
                return f"{code}: {found}"
    return ""


def _broken(book: Book) -> str:
    if book.open_points + book.held_points - book.owed_points != book.balance_points:
        return (
            f"open lots {book.open_points} + held {book.held_points} - owed {book.owed_points} "
            f"are not the balance {book.balance_points}"
        )
    if book.held_points < 0:
        return f"{book.held_points} points are held"
    for lot in book.lots.values():
        if lot.points <= 0:
            return f"lot {lot.lot} is open with {lot.points} points"
    return ""
