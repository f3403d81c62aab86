"""Folding streams anew from their events, and what must hold of every account."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

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


class Folded(Struct):
    """A stream after its last event."""

    stream_id: StreamId
    position: int = 0
    version: int = 0
    state: Any = None
    reason: str = ""
    """What went wrong, at ``position``."""
    event_count: int = 0

    def follow(self, position: int, version: int, topic: bytes, state: bytes) -> None:
        """Fold the next event, unless one before it went wrong."""
        self.event_count += 1
        if self.reason:
            return
        if version != self.version + 1 or position <= self.position:
            self.reason = f"the event is version {version} of its stream, and the one before it is {self.version}"
        else:
            try:
                decode, evolve = _HOW[topic]
                self.state = evolve(self.state, decode(state))
            except Exception as error:  # noqa: BLE001  # whatever somebody wrote there, it is to be named and not to stop us
                self.reason = f"the event cannot be folded: {type(error).__name__}: {error}"
        self.position = position
        self.version = version


Row = tuple[StreamId, int, int, bytes, bytes]
"""Stream, position, version, topic as it is stored, state."""


def fold(rows: Iterable[Row]) -> Iterator[Folded]:
    """Fold streams one after the other; rows come in the order of streams, and of versions within each."""
    folded: Folded | None = None
    for stream_id, position, version, topic, state in rows:
        if folded is None or folded.stream_id != stream_id:
            if folded is not None:
                yield folded
            folded = Folded(stream_id)
        folded.follow(position, version, topic, state)
    if folded is not None:
        yield folded


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
