"""Verifying an archive: every link, the trees, and the signed checkpoints that it must agree with."""

from collections.abc import Iterator, Sequence
from hashlib import file_digest, sha256
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from ledger import merkle
from ledger.archive.segments import ArchiveUnreadable, records, take_apart
from ledger.audit.checkpoint import Checkpoint, Tree, read
from ledger.audit.manifest import Manifest, Span, files_of, read_manifest
from ledger.merkle import Frontier, leaf
from ledger.signing import NotSigned
from ledger.store.verify import ChainBroken


class Archived(Struct, frozen=True):
    """An event out of an archive, verified as far as the chain goes."""

    partition: int
    position: int
    stream_id: bytes
    version: int
    topic: str
    state: bytes
    row: bytes
    link: bytes


def verify_archive(
    folder: Path, keys: Sequence[Ed25519PublicKey], anchors: Sequence[Checkpoint] = ()
) -> Iterator[Archived]:
    """
    Give every event of an archive, in order, and make sure that they are what was signed.

    Versions are not looked at: whoever folds the events does that.

    Args:
        folder: The archive.
        keys: Trusted, from elsewhere.
        anchors: Checkpoints that were kept elsewhere; the archive must agree with each as far as it goes.

    Raises:
        ChainBroken: At the first position that is not as it was recorded.
        ArchiveUnreadable: A file is missing or no archive.
        NotSigned: None of the keys signed its checkpoint.
    """
    manifest = read_manifest(folder)
    if manifest.checkpoint is None:
        raise ArchiveUnreadable("The export did not come to its end; run it again.")
    signed = read(msgspec.json.encode(manifest.checkpoint), keys)
    if len(signed.trees) != manifest.partition_count:
        raise NotSigned("The checkpoint is that of a ledger with another number of partitions.")
    for span in manifest.spans:
        yield from _Walk(folder, manifest, span, anchors).events()
        _require_signed(span, signed.tree(span.partition), signed.number)


class _Walk:
    """Through one partition of an archive."""

    def __init__(self, folder: Path, manifest: Manifest, span: Span, anchors: Sequence[Checkpoint]) -> None:
        self._folder = folder
        self._span = span
        self._segments = [one for one in manifest.segments if one.partition == span.partition]
        self._frontier = Frontier(span.first - 1, [bytes.fromhex(peak) for peak in span.start_peaks])
        self._anchors = sorted((one for one in anchors), key=lambda one: one.tree(span.partition).size)
        self._agreed = 0

    def events(self) -> Iterator[Archived]:
        """
        Give each event once it is verified.

        Raises:
            ChainBroken: See `verify_archive`.
            ArchiveUnreadable: See `verify_archive`.
        """
        span = self._span
        if len(self._frontier.peaks) != self._frontier.size.bit_count():
            raise ArchiveUnreadable(f"The manifest contradicts itself about partition {span.partition}.")
        waiting = self._due(span.first - 1)
        for event in self._chained():
            self._frontier.add(leaf(event.link))
            if waiting and waiting[0].tree(span.partition).size == event.position:
                waiting = self._due(event.position)
            yield event
        for anchor in waiting:
            size = anchor.tree(span.partition).size
            reason = f"the archive ends here, and checkpoint {anchor.number} goes on to position {size}"
            raise ChainBroken(span.partition, span.last + 1, reason)
        if [peak.hex() for peak in self._frontier.peaks] != list(span.end_peaks):
            raise ArchiveUnreadable(f"The manifest contradicts its events in partition {span.partition}.")

    def _chained(self) -> Iterator[Archived]:
        span = self._span
        position, link, stamp = span.first - 1, bytes.fromhex(span.previous), bytes(8)
        for segment in self._segments:
            for row, found in records(self._folder / segment.file):
                position += 1
                event = _read(span.partition, position, row, found)
                link = sha256(link + row).digest()
                if link != found:
                    raise ChainBroken(span.partition, position, "the event or its link was changed: they do not match")
                if row[-8:] < stamp:
                    raise ChainBroken(span.partition, position, "the event was recorded before the one ahead of it")
                stamp = row[-8:]
                yield event
            if position != segment.last:
                raise ChainBroken(span.partition, position + 1, "the event is missing")
        if position != span.last:
            raise ChainBroken(span.partition, position + 1, "the event is missing")

    def _due(self, position: int) -> list[Checkpoint]:
        """Compare with the anchors that end here; return those that go on."""
        partition = self._span.partition
        for anchor in self._anchors:
            tree = anchor.tree(partition)
            if tree.size == position:
                require_agreement(self._frontier, tree, anchor.number, self._agreed)
                self._agreed = position
        return [one for one in self._anchors if one.tree(partition).size > position]


def require_agreement(frontier: Frontier, tree: Tree, number: int, agreed: int) -> None:
    """
    Make sure that a partition is what a checkpoint signed.

    Args:
        frontier: Of the partition, up to the size of the tree.
        tree: Signed.
        number: Of the checkpoint, to name it.
        agreed: Size up to which an earlier checkpoint agreed.

    Raises:
        ChainBroken: It is not; the position is the first that can be, and the reason says up to where it is one.
    """
    if frontier.root().hex() == tree.root:
        return
    for (start, end), ours, theirs in zip(frontier.spans(), frontier.peaks, tree.peaks, strict=True):
        if ours.hex() != theirs:
            first = max(start, agreed) + 1
            raise ChainBroken(
                tree.partition,
                first,
                f"an event between here and position {end} is not the one that checkpoint {number} signed: the "
                "ledger was rewritten",
            )


def _require_signed(span: Span, tree: Tree, number: int) -> None:
    frontier = Frontier(span.last, [bytes.fromhex(peak) for peak in span.end_peaks])
    proof = [bytes.fromhex(node) for node in span.consistency]
    if span.last > tree.size:
        raise ChainBroken(span.partition, tree.size + 1, "the event is not in the signed checkpoint")
    if span.last == tree.size:
        require_agreement(frontier, tree, number, 0)
    elif not merkle.is_consistent(span.last, frontier.root(), tree.size, bytes.fromhex(tree.root), proof):
        raise ChainBroken(span.partition, span.first, "these events are not the ones that the checkpoint signed")


def _read(partition: int, position: int, row: bytes, link: bytes) -> Archived:
    """Take a row apart."""
    try:
        event = take_apart(row)
        topic = event.topic.decode()
    except ValueError:
        raise ChainBroken(partition, position, "the event cannot be read") from None
    if event.partition != partition or event.position != position:
        raise ChainBroken(partition, position, f"the event says that it is {event.partition}:{event.position}")
    return Archived(partition, position, event.stream_id, event.version, topic, event.state, row, link)


def require_files(folder: Path, manifest: Manifest) -> None:
    """
    Make sure that the files of an archive are those that its manifest names.

    Raises:
        ArchiveUnreadable: One is missing, or was changed.
    """
    for one in files_of(manifest):
        try:
            with (folder / one.file).open("rb") as source:
                digest = file_digest(source, "sha256").hexdigest()
        except OSError as error:
            raise ArchiveUnreadable(f"{one.file} cannot be read: {error.strerror}.") from None
        if digest != one.sha256:
            raise ArchiveUnreadable(f"{one.file} is not the file that was exported.")
