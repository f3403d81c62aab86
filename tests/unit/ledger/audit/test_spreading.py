"""Events in the order of positions come back in the order of streams."""

import random
from pathlib import Path

import pytest

from ledger.audit.spreading import Place, Spread, Spreader, bucket_of, read_spread


@pytest.mark.parametrize("bucket_count", [1, 3, 256])
def test_every_event_comes_back_in_its_bucket_and_in_order(tmp_path: Path, bucket_count: int) -> None:
    """Over several files and flushes, whatever the number of buckets."""
    draw = random.Random(1)
    ids = [draw.randbytes(16) for _ in range(40)] + [bytes(16), b"\xff" * 16]
    place = Place(str(tmp_path), bucket_count)
    spreaders = [Spreader(place), Spreader(place)]
    sent = []
    for number in range(600):
        stream_id = draw.choice(ids)
        event = stream_id + number.to_bytes(4)
        spreader = spreaders[number // 300]
        spreader.by_prefix[stream_id[:2]].append(event)
        sent.append(event)
        if number % 70 == 0 or number in {299, 599}:
            spreader.flush()
    files = [one.file for one in spreaders]
    for first, last in ((0, bucket_count - 1), (0, 0), (bucket_count - 1, bucket_count - 1)):
        found = [event for block in read_spread(Spread(bucket_count, files, (first, last))) for event in block]
        wanted = [event for event in sent if first <= bucket_of(event[:16], bucket_count) <= last]
        assert sorted(found) == sorted(wanted)
        for stream_id in ids:
            assert [one for one in found if one[:16] == stream_id] == [one for one in wanted if one[:16] == stream_id]


def test_no_room_is_told(tmp_path: Path) -> None:
    """With what to do about it."""
    spreader = Spreader(Place(str(tmp_path), 1))
    spreader.file = "/dev/full"
    spreader.by_prefix[b"\x00\x00"].append(b"x" * 100_000)
    with pytest.raises(ValueError, match=r"No space left on device\. Set TMPDIR"):
        spreader.flush()
