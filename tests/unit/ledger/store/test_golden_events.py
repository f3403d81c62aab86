"""
The samples in ``tests/golden`` stand for every ledger there is.

``events.v1.ndjson`` holds what was ever recorded, one sample or more of every event version, as one short history per
stream; lines are added, never changed. ``states.v1.ndjson`` holds what each history folds into, as a snapshot of that
layout stores it.
"""

from collections import defaultdict
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Raw, Struct

from ledger.store.codec import EVENT_TYPES, decode, encode, topic_bytes
from ledger.streams import STREAMS, Stream

GOLDEN = Path(__file__).parents[3] / "golden"

SHIPPED_LINES = 118
SHIPPED_HASH = "416c28ef14ef7a271f127b0f016ee6589f0da24a28564757f315c1840171d36d"
"""SHA-256 over the lines that were shipped; both figures move forward when lines are added."""


class Sample(Struct):
    """A stored state and the topic that says how to read it."""

    topic: str
    state: Raw


def samples(name: str) -> list[Sample]:
    """Read a golden file."""
    return msgspec.json.Decoder(Sample).decode_lines((GOLDEN / name).read_bytes())


EVENTS = samples("events.v1.ndjson")
STATES = {sample.topic: bytes(sample.state) for sample in samples("states.v1.ndjson")}


def test_shipped_samples_are_never_changed() -> None:
    """An event that was recorded once can be met for ever."""
    lines = (GOLDEN / "events.v1.ndjson").read_bytes().splitlines(keepends=True)
    assert sha256(b"".join(lines[:SHIPPED_LINES])).hexdigest() == SHIPPED_HASH


def test_every_event_version_has_a_sample() -> None:
    """Also the ones that are only read any more."""
    assert set(EVENT_TYPES) == {sample.topic for sample in EVENTS}


@pytest.mark.parametrize("sample", EVENTS, ids=lambda sample: sample.topic)
def test_a_sample_is_encoded_as_it_was_stored(sample: Sample) -> None:
    """Byte for byte, under the same topic."""
    state = bytes(sample.state)
    event = decode(sample.topic, state)
    assert state == encode(event)
    assert sample.topic == topic_bytes(event).decode()


def test_every_field_has_a_sample() -> None:
    """Those with a default too, down to the parts of parts."""
    stored: dict[type[Struct], set[str]] = defaultdict(set)
    for sample in EVENTS:
        event = decode(sample.topic, bytes(sample.state))
        for part, fields in parts(event, msgspec.to_builtins(event)):
            stored[type(part)] |= fields
    assert {part_type: set(part_type.__struct_fields__) for part_type in stored} == stored


def parts(value: Any, spelled: Any) -> Iterator[tuple[Struct, set[str]]]:
    """Return every struct within ``value`` with the fields that its spelling holds."""
    if isinstance(value, Struct):
        fields = {name: inner for name, inner in spelled.items() if name != value.__struct_config__.tag_field}
        yield value, set(fields)
        for name, inner in fields.items():
            yield from parts(getattr(value, name), inner)
    elif isinstance(value, tuple):
        for inner_value, inner in zip(value, spelled, strict=True):
            yield from parts(inner_value, inner)


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_the_samples_fold_into_what_they_always_did(stream: Stream) -> None:
    """A snapshot written then equals the fold of today; a new layout needs a new snapshot topic."""
    state = None
    for sample in EVENTS:
        if EVENT_TYPES[sample.topic] in stream.event_types:
            state = stream.evolve(state, decode(sample.topic, bytes(sample.state)))
    golden = STATES[stream.snapshot_topic]
    assert golden == msgspec.json.encode(state)
    assert msgspec.json.decode(golden, type=stream.state_type) == state
