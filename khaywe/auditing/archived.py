"""Verifying an archive with every account in it folded anew, in flat memory."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from khaywe.auditing.report import AccountsPart, ChainPart, Report
from ledger.archive.segments import ArchiveUnreadable
from ledger.audit.checkpoint import read
from ledger.audit.manifest import Manifest, read_manifest
from ledger.audit.spreading import Spreader
from ledger.audit.verifying import Archived, is_comparable, verify_archive
from ledger.signing import NotSigned
from ledger.store.verify import ChainBroken
from projections.refolding.comparing import Slice, places_of, slices_of, streams_of
from projections.refolding.folding import Fault, broken_law, fold

_FLUSH_EVERY = 50_000
_SHOW_EVERY = 10_000
_ALL = 2**63


def verify_archived(
    folder: Path,
    keys: Sequence[Ed25519PublicKey],
    anchors: Sequence[bytes] = (),
    *,
    on_progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Report:
    """
    Verify an archive, and fold every account that it has from the beginning.

    Events are spread over temporary files by their streams, so that one slice after the other can be folded.

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
        _verify(report, manifest, verify_archive(folder, keys, checkpoints), on_progress)
        report.checkpoints = [one.number for one in checkpoints if is_comparable(one, manifest)]
    except ChainBroken as broken:
        report.add(Fault(broken.partition, broken.position, broken.reason))
    except (ArchiveUnreadable, NotSigned) as error:
        report.add(Fault(0, 0, str(error)))
    return report


def _verify(
    report: Report, manifest: Manifest, events: Iterator[Archived], on_progress: Callable[[str, int, int], None]
) -> None:
    total = sum(span.last - span.first + 1 for span in manifest.spans)
    with TemporaryDirectory(prefix="khaywe-verify-") as folder:
        places = places_of(folder, {span.partition: span.last for span in manifest.spans})
        spreaders = {partition: Spreader(place) for partition, place in places.items()}
        for number, event in enumerate(events, 1):
            spreaders[event.partition].by_prefix[event.stream_id[:2]].append(event.row)
            if number % _FLUSH_EVERY == 0:
                spreaders[event.partition].flush()
            if number % _SHOW_EVERY == 0:
                on_progress("events", number, total)
        for spreader in spreaders.values():
            spreader.flush()
        for span in manifest.spans:
            report.partitions.append(ChainPart(span.partition, span.last - span.first + 1, span.last_link))
        if any(span.first != 1 for span in manifest.spans):
            return  # Accounts that began earlier cannot be folded.
        slices = [
            one
            for span in manifest.spans
            for one in slices_of(span.partition, span.last, places[span.partition], [spreaders[span.partition].file])
        ]
        report.accounts = AccountsPart(0, 0)
        for number, one in enumerate(slices, 1):
            _fold(report, one)
            on_progress("accounts", number, len(slices))


def _fold(report: Report, asked: Slice) -> None:
    assert report.accounts is not None
    for folded in fold(streams_of(asked), _ALL):
        if reason := folded.reason or broken_law(folded.state):
            report.add(Fault(asked.partition, folded.position, reason, str(UUID(bytes=folded.stream_id))))
        counted = report.accounts
        report.accounts = AccountsPart(counted.stream_count + 1, counted.event_count + folded.event_count)
