from uuid import UUID

import pytest

from ledger.store.partitions import partition_of

STREAM_ID = UUID("f7f3a1c0-90a1-5d0c-8a7e-112200000105").bytes


@pytest.mark.parametrize(("partition_count", "expected"), [(1, 0), (2, 1), (4, 1), (256, 5), (261, 0), (1024, 261)])
def test_a_stream_s_partition_never_changes(partition_count: int, expected: int) -> None:
    """The last four bytes of its id, as a big-endian number, modulo the number of partitions."""
    assert expected == partition_of(STREAM_ID, partition_count)


def test_the_partition_is_read_without_a_sign() -> None:
    """A large last byte makes no negative partition."""
    assert partition_of(b"\xff" * 16, 1024) == 1023
    assert partition_of(b"\xff" * 16, 3) == 0xFFFFFFFF % 3
