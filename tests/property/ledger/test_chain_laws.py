from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.store.chain import NewEvent, copy_rows, link, row

partitions = st.integers(0, 2**31 - 1)
numbers = st.integers(-(2**63), 2**63 - 1)
events = st.tuples(st.binary(min_size=16, max_size=16), numbers, st.binary(max_size=40), st.binary(max_size=200))
quick = settings(max_examples=200, derandomize=True, database=None)


def columns(row_bytes: bytes) -> list[bytes]:
    """Read a row back without knowing what is in it: lengths say where each column ends."""
    found = []
    while row_bytes:
        length = int.from_bytes(row_bytes[:4])
        found.append(row_bytes[4 : 4 + length])
        assert length == len(found[-1])
        row_bytes = row_bytes[4 + length :]
    return found


@quick
@given(partition=partitions, position=numbers, event=events, recorded_at_us=numbers)
def test_a_row_can_be_read_back(partition: int, position: int, event: NewEvent, recorded_at_us: int) -> None:
    """So no two different events have the same bytes."""
    stream_id, version, topic, state = event
    found = columns(row(partition, position, event, recorded_at_us))
    signed = [int.from_bytes(found[index], signed=True) for index in (0, 1, 3, 6)]
    assert [partition, position, version, recorded_at_us] == signed
    assert [stream_id, topic, state] == [found[index] for index in (2, 4, 5)]
    assert [4, 8, 16, 8, len(topic), len(state), 8] == [len(column) for column in found]


@quick
@given(
    partition=partitions,
    position=st.integers(0, 2**62),
    previous=st.binary(min_size=32, max_size=32),
    batch=st.lists(events, max_size=6),
    recorded_at_us=numbers,
)
def test_a_batch_is_a_chain(
    partition: int, position: int, previous: bytes, batch: list[NewEvent], recorded_at_us: int
) -> None:
    """Positions follow one another, and each row carries the link over everything before it."""
    rows, last = copy_rows(partition, position, previous, batch, recorded_at_us)
    for event in batch:
        position += 1
        row_bytes = row(partition, position, event, recorded_at_us)
        previous = link(previous, row_bytes)
        expected = b"\x00\x08" + row_bytes + b"\x00\x00\x00\x20" + previous
        assert expected == rows[: len(expected)]
        rows = rows[len(expected) :]
    assert (b"", previous) == (rows, last)
