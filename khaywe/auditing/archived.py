"""Verifying an archive with every account in it folded anew, in flat memory."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from khaywe.auditing.report import AccountsPart, ChainPart, Report
from ledger.archive.segments import ArchiveUnreadable
from ledger.audit.checkpoint import read
from ledger.audit.manifest import Manifest, read_manifest
from ledger.audit.verifying import Archived, verify_archive
from ledger.signing import NotSigned
from ledger.store.verify import ChainBroken
from projections.refolding.folding import Fault, Folded, broken_law

_EVENTS_AT_ONCE = 100_000
"""Events whose accounts are in memory together, about."""
_MAX_BUCKETS = 256
_SHOW_EVERY = 10_000

_encode = msgspec.msgpack.Encoder().encode


def verify_archived(
    folder: Path,
    keys: Sequence[Ed25519PublicKey],
    anchors: Sequence[bytes] = (),
    *,
    on_progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Report:
    """
    Verify an archive, and fold every account that it has from the beginning.

    Events are spread over temporary files by their streams, so that one file after the other can be folded.

    Args:
        folder: The archive.
        keys: Trusted.
        anchors: Envelopes of checkpoints that were kept elsewhere.
        on_progress: Told what is being done, and how far it is.
    """
    report = Report()
    try:
        manifest = read_manifest(folder)
        checkpoints = [read(one, keys) for one in anchors]
        report.checkpoints = [one.number for one in checkpoints]
        _verify(report, manifest, verify_archive(folder, keys, checkpoints), on_progress)
    except ChainBroken as broken:
        report.add(Fault(broken.partition, broken.position, broken.reason))
    except (ArchiveUnreadable, NotSigned) as error:
        report.add(Fault(0, 0, str(error)))
    return report


def _verify(
    report: Report, manifest: Manifest, events: Iterator[Archived], on_progress: Callable[[str, int, int], None]
) -> None:
    total = sum(span.last - span.first + 1 for span in manifest.spans)
    bucket_count = min(_MAX_BUCKETS, 1 + total // _EVENTS_AT_ONCE)
    with ExitStack() as stack:
        buckets = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(bucket_count)]
        for number, event in enumerate(events, 1):
            _put(buckets[event.stream_id[0] % bucket_count], event)
            if number % _SHOW_EVERY == 0:
                on_progress("events", number, total)
        for span in manifest.spans:
            report.partitions.append(ChainPart(span.partition, span.last - span.first + 1, span.last_link))
        if any(span.first != 1 for span in manifest.spans):
            return  # Accounts that began earlier cannot be folded.
        report.accounts = AccountsPart(0, 0)
        for number, bucket in enumerate(buckets, 1):
            for stream in _folded(bucket):
                _judge(report, *stream)
            on_progress("accounts", number, bucket_count)


def _put(bucket: IO[bytes], event: Archived) -> None:
    packed = _encode((event.partition, event.position, event.stream_id, event.version, event.topic, event.state))
    bucket.write(len(packed).to_bytes(4) + packed)


def _folded(bucket: IO[bytes]) -> Iterator[tuple[int, Folded]]:
    """Fold the streams of a bucket, whose events are in order; give each with its partition."""
    streams: dict[bytes, tuple[int, Folded]] = {}
    decode = msgspec.msgpack.Decoder(tuple[int, int, bytes, int, str, bytes]).decode
    bucket.seek(0)
    while size := bucket.read(4):
        partition, position, stream_id, version, topic, state = decode(bucket.read(int.from_bytes(size)))
        if stream_id not in streams:
            streams[stream_id] = partition, Folded(stream_id)
        streams[stream_id][1].follow(position, version, topic.encode(), state)
    yield from streams.values()


def _judge(report: Report, partition: int, folded: Folded) -> None:
    assert report.accounts is not None
    accounts = report.accounts
    report.accounts = AccountsPart(accounts.stream_count + 1, accounts.event_count + folded.event_count)
    if reason := folded.reason or broken_law(folded.state):
        report.add(Fault(partition, folded.position, reason, str(UUID(bytes=folded.stream_id))))
