"""What callers hand to the poster, and what they get back."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Struct

from ledger.errors import LedgerError
from ledger.members.directory import Identifier
from ledger.streams import Stream, StreamId


class KeyReused(LedgerError):
    """The key was used before for a different request."""

    slug = "key-reused"
    first: "Posted | None" = None
    """What was recorded under the key."""
    reference: "Reference"
    asked: "type[Struct] | tuple[type[Struct], ...]" = Struct
    """What kinds of event the refused request would have recorded."""
    stream_id: StreamId | None = None
    """Where; ``None`` if nobody is known by the name that it gives."""
    also: "tuple[KeyReused, ...]" = ()
    """Of further keys of the same request."""


class NotCarriedOut(LedgerError):
    """Nothing was wrong with this one, but another of the same all-or-nothing batch was refused."""

    slug = "not-carried-out"


class LedgerBusy(LedgerError):
    """More is waiting than can be taken on."""

    slug = "ledger-busy"


class LedgerUnavailable(LedgerError):
    """The database cannot be reached or cannot write."""

    slug = "ledger-unavailable"


Reference = tuple[str, str]
"""Names one intended effect, so that asking twice has it once: a source (who asks, for which kind of effect), and a
key of theirs that is unique within it. Neither holds control characters."""


class StreamKey(NamedTuple):
    """One stream of the ledger."""

    stream: Stream
    stream_id: StreamId


class On(NamedTuple):
    """An event for another stream than the instruction's own; recorded with the rest or not at all."""

    key: StreamKey
    """One of the streams that the instruction reads."""
    event: Struct


class Further(NamedTuple):
    """One more stream that events may be for, where who is meant has to be found out."""

    stream: Stream
    address: StreamId | Identifier
    pointer: str
    """JSON pointer of the field that names it."""


class HistoryNeeded(Exception):  # between a decision and the batch
    """A decision cannot be made on the state alone: it needs the stream's events, and is asked again with them."""


class Instruction(Struct, gc=False):
    """One command on its way to a stream."""

    stream: Stream
    address: StreamId | Identifier
    """The stream's id, or what the outside calls the member whose account it is."""
    references: tuple[Reference, ...]
    """Under any of these the effect is had once: the business reference, and the caller's key if there is one."""
    request_hash: bytes
    """SHA-256 over what was asked, so that a key reused for something else is noticed."""
    decide: Callable[..., Sequence[Struct | On]]
    """``decide(state, *read_states) -> events``; pure, and refuses by raising `LedgerError`. At least one event, if
    there are any, is for the instruction's own stream."""
    reads: tuple[StreamKey, ...] = ()
    """Further streams whose states the decision needs."""
    also: tuple[Further, ...] = ()
    """Further streams that events may be for; their states come after those of ``reads``."""
    looks_back: bool = False
    """Whether ``decide`` takes the keyword ``history``: the stream's events, or ``None`` as long as nobody has raised
    `HistoryNeeded`."""
    answer: type[Struct] | tuple[type[Struct], ...] = Struct
    """The kinds of event that may answer, where several are recorded for the stream: the last of these kinds."""


class Posted(Struct, gc=False):
    """The instruction is carried out, and durable."""

    partition: int
    position: int
    """Of the event; a view at this position shows it."""
    stream_id: StreamId
    version: int
    recorded_at: datetime | None
    """``None`` where there was nothing to do."""
    event: Any
    """The last event recorded for it; ``None`` where there was nothing to do."""
    replayed: bool
    """It had been carried out before, and this is the first result again."""


Outcome = Posted | LedgerError
