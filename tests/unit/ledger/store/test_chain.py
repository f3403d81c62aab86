from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import pytest

from ledger.store.chain import GENESIS, NewEvent, copy_rows, link, microseconds, row

STREAM_ID = bytes.fromhex("5f8c153ca50e5df780c1a4d3113fedd4")
OTHER_ID = bytes.fromhex("02ada6377159575b9fbaf346db734c51")
RECORDED_AT_US = 827_841_600_000_001

EVENTS: list[NewEvent] = [
    (STREAM_ID, 1, b"account.opened.v1", b'{"program_id":"club"}'),
    (STREAM_ID, 2, b"account.purchase_posted.v1", '{"source":"Zürich"}'.encode()),
    (OTHER_ID, 1, b"program.created.v1", b"{}"),
]

ROW = bytes.fromhex(
    "00000004 00000003"  # partition 3
    "00000008 0000000000000102"  # position 258
    "00000010 5f8c153ca50e5df780c1a4d3113fedd4"  # stream id
    "00000008 0000000000000007"  # version 7
    "00000011" + b"account.opened.v1".hex() +  # topic
    "00000015" + b'{"program_id":"club"}'.hex() +  # state
    "00000008 0002f0eae47f9001",  # recorded at
)  # fmt: skip

# Three rows behind the beginning of partition 0, computed once and written down: whoever changes the encoding breaks
# the chain of every ledger there is.
LINKS = [
    "f8a83d99e385226160d23711db1195a4d6286b11e0ba0cd14947a25e205cf13d",
    "3ef98cc9387495179c7b31c342f990e4cdd94e3eb1fee5b4becbe96679f83127",
    "1923a01399f41ef18982be01abe93c59cdf0085f3e9506df41d6c80b4ddad5be",
]


def field(number: int, length: int) -> bytes:
    """Spell a number as a column: its length, then the number, both big-endian."""
    return length.to_bytes(4) + number.to_bytes(length, signed=True)


def text(column: bytes) -> bytes:
    """Spell bytes as a column: their length, then they themselves."""
    return len(column).to_bytes(4) + column


def by_hand(partition: int, position: int, event: NewEvent, recorded_at_us: int) -> bytes:
    """Spell a row without the module under test."""
    stream_id, version, topic, state = event
    return b"".join(
        [
            field(partition, 4),
            field(position, 8),
            text(stream_id),
            field(version, 8),
            text(topic),
            text(state),
            field(recorded_at_us, 8),
        ],
    )


def test_a_row_is_spelled_column_by_column() -> None:
    """Each with its length in front, in table order."""
    event = (STREAM_ID, 7, b"account.opened.v1", b'{"program_id":"club"}')
    assert row(3, 258, event, RECORDED_AT_US) == ROW
    assert by_hand(3, 258, event, RECORDED_AT_US) == ROW


def test_a_row_holds_the_largest_numbers() -> None:
    """Positions and versions have 64 bits, partitions 32, and a topic is measured in bytes."""
    event = (OTHER_ID, 2**63 - 1, "ü".encode() * 100, b"x" * 70_000)
    expected = by_hand(2**31 - 1, 2**63 - 1, event, -1)
    assert expected == row(2**31 - 1, 2**63 - 1, event, -1)


def test_a_link_is_the_hash_of_the_previous_link_and_the_row() -> None:
    """Nothing but SHA-256."""
    assert sha256(GENESIS + ROW).digest() == link(GENESIS, ROW)
    assert sha256(b"\x07" * 32 + ROW).digest() == link(b"\x07" * 32, ROW)
    assert bytes(32) == GENESIS


def changes() -> dict[str, tuple[int, int, NewEvent, int]]:
    """Return rows that differ from the first in one field each."""
    event = EVENTS[1]
    stream_id, version, topic, state = event
    return {
        "nothing": (0, 2, event, RECORDED_AT_US),
        "partition": (1, 2, event, RECORDED_AT_US),
        "position": (0, 3, event, RECORDED_AT_US),
        "stream id": (0, 2, (OTHER_ID, version, topic, state), RECORDED_AT_US),
        "version": (0, 2, (stream_id, 3, topic, state), RECORDED_AT_US),
        "topic": (0, 2, (stream_id, version, b"account.purchase_posted.v2", state), RECORDED_AT_US),
        "state": (0, 2, (stream_id, version, topic, state.replace(b"h", b"k")), RECORDED_AT_US),
        "spacing of the state": (0, 2, (stream_id, version, topic, state.replace(b":", b": ")), RECORDED_AT_US),
        "end of the topic": (0, 2, (stream_id, version, topic[:-1], topic[-1:] + state), RECORDED_AT_US),
        "recorded at": (0, 2, event, RECORDED_AT_US + 1),
    }


def test_no_field_can_change_unseen() -> None:
    """Each change, even of where one field ends and the next begins, gives another link."""
    links = {name: link(GENESIS, row(*fields)) for name, fields in changes().items()}
    assert len(links) == len(set(links.values()))


def test_a_change_changes_every_later_link() -> None:
    """What comes after an event vouches for it."""
    first = bytes.fromhex(LINKS[0])
    tampered = link(first, row(*changes()["state"]))
    third = row(0, 3, EVENTS[2], RECORDED_AT_US)
    assert LINKS[1] != tampered.hex()
    assert LINKS[2] == link(bytes.fromhex(LINKS[1]), third).hex()
    assert LINKS[2] != link(tampered, third).hex()


def test_the_chain_of_three_events_never_changes() -> None:
    """The golden vector, by our code and by hand."""
    ours, hand = [], []
    previous = by_hand_previous = GENESIS
    for position, event in enumerate(EVENTS, start=1):
        previous = link(previous, row(0, position, event, RECORDED_AT_US))
        ours.append(previous.hex())
        by_hand_previous = sha256(by_hand_previous + by_hand(0, position, event, RECORDED_AT_US)).digest()
        hand.append(by_hand_previous.hex())
    assert ours == LINKS
    assert hand == LINKS


def test_copied_rows_are_the_hashed_rows_with_their_links() -> None:
    """Eight columns each: what was hashed, then the link."""
    rows, last = copy_rows(0, 0, GENESIS, EVENTS, RECORDED_AT_US)
    expected = b"".join(
        (8).to_bytes(2) + by_hand(0, position, event, RECORDED_AT_US) + text(bytes.fromhex(expected_link))
        for position, (event, expected_link) in enumerate(zip(EVENTS, LINKS, strict=True), start=1)
    )
    assert expected == rows
    assert LINKS[-1] == last.hex()


@pytest.mark.parametrize("cut", range(len(EVENTS) + 1))
def test_a_chain_does_not_depend_on_batches(cut: int) -> None:
    """Two batches give the bytes that one gives; an empty one adds nothing."""
    together = copy_rows(0, 0, GENESIS, EVENTS, RECORDED_AT_US)
    head, between = copy_rows(0, 0, GENESIS, EVENTS[:cut], RECORDED_AT_US)
    tail, last = copy_rows(0, cut, between, EVENTS[cut:], RECORDED_AT_US)
    assert together == (head + tail, last)


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        (datetime(2000, 1, 1, tzinfo=UTC), 0),
        (datetime(2000, 1, 1, 0, 0, 1, 2, tzinfo=UTC), 1_000_002),
        (datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), -1),
        (datetime(2026, 3, 26, 12, 0, 0, 1, tzinfo=UTC), RECORDED_AT_US),
        (datetime(2026, 3, 26, 17, 45, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=45))), RECORDED_AT_US),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), 252_455_615_999_999_999),
    ],
)
def test_time_is_counted_in_microseconds_since_2000(instant: datetime, expected: int) -> None:
    """As PostgreSQL counts it, exactly, whatever the zone."""
    assert expected == microseconds(instant)
