"""
What a checkpoint says, to the byte.

Pure. Each partition is a Merkle tree (`ledger.merkle`) whose entries are the links of its events, in the order of their
positions: entry ``i`` is the 32-byte link of position ``i + 1``. The combined root is the root of a tree with one entry
for each partition, in order: its number (big-endian int32), its size (big-endian int64) and its root.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from struct import Struct as Layout
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from ledger import merkle
from ledger.merkle import Frontier
from ledger.signing import NotSigned, opened

PAYLOAD_TYPE: Final = "application/vnd.khaywe.checkpoint.v1+json"
"""Of the signed envelope."""

_TREE = Layout(">iq32s")


class Tree(Struct, frozen=True):
    """One partition, up to its size."""

    partition: int
    size: int
    """Events in it, which is also the position of the last one."""
    root: str
    """In hex."""
    last_link: str
    """Of the last event, in hex; zeros if there is none."""
    peaks: tuple[str, ...]
    """The full subtrees that the root is made of, largest first, in hex: they tell which part of a ledger differs."""

    def frontier(self) -> Frontier:
        """
        Return what a tree of more events is built on.

        Raises:
            ValueError: The peaks are not those of the root.
        """
        found = Frontier(self.size, [bytes.fromhex(peak) for peak in self.peaks])
        if len(found.peaks) != self.size.bit_count() or found.root().hex() != self.root:
            raise ValueError(f"The peaks of partition {self.partition} do not make its root.")
        return found


class Checkpoint(Struct, frozen=True):
    """What the ledger held at a moment."""

    number: int
    """Counts from 1."""
    taken_at: datetime
    previous: str
    """SHA-256 of the document of the checkpoint before, in hex; empty for the first."""
    root: str
    """The combined root, in hex."""
    trees: tuple[Tree, ...]
    """One for each partition, in order."""

    def tree(self, partition: int) -> Tree:
        """Return the tree of a partition."""
        return self.trees[partition]


class Sealed(Struct, frozen=True):
    """A checkpoint with its signature."""

    checkpoint: Checkpoint
    envelope: bytes
    """DSSE; its payload is the document of the checkpoint, byte for byte."""


def tree_of(partition: int, frontier: Frontier, last_link: bytes) -> Tree:
    """Return what a checkpoint says of a partition."""
    peaks = tuple(peak.hex() for peak in frontier.peaks)
    return Tree(partition, frontier.size, frontier.root().hex(), last_link.hex(), peaks)


def combined_root(trees: Iterable[Tree]) -> bytes:
    """Return the root over all partitions."""
    return merkle.root(_TREE.pack(one.partition, one.size, bytes.fromhex(one.root)) for one in trees)


def document_of(checkpoint: Checkpoint) -> bytes:
    """Spell a checkpoint: JSON, the same bytes always."""
    return msgspec.json.encode(checkpoint)


def digest_of(document: bytes) -> str:
    """Return how the next checkpoint names this one."""
    return sha256(document).hexdigest()


def read(envelope: bytes, keys: Sequence[Ed25519PublicKey]) -> Checkpoint:
    """
    Return a checkpoint after verifying who signed it and that it agrees with itself.

    Raises:
        NotSigned: None of the keys signed it, or it is no checkpoint.
    """
    document = opened(envelope, PAYLOAD_TYPE, keys)
    try:
        found = msgspec.json.decode(document, type=Checkpoint)
        whole = [one.frontier().size for one in found.trees]
        agrees = combined_root(found.trees).hex() == found.root
    except ValueError as error:
        raise NotSigned(f"The checkpoint contradicts itself: {error}") from None
    if not agrees or [one.partition for one in found.trees] != list(range(len(whole))):
        raise NotSigned("The checkpoint contradicts itself: its trees do not make its root.")
    return found
