"""
Merkle trees over what is in a log, and the proofs they give.

Pure. The hash of an entry is ``sha256(0x00 || entry)``, that of two subtrees ``sha256(0x01 || left || right)``; a tree
of ``n`` entries splits at the largest power of two below ``n``. So the same entries always have the same root, and what
a log held at some size stays a part of every later tree of it.

Source: RFC 6962, section 2.1; RFC 9162, sections 2.1.3 and 2.1.4 (how proofs are verified).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256

from msgspec import Struct

EMPTY_ROOT = sha256(b"").digest()
"""Of a tree without entries."""

Subtree = Callable[[int, int], bytes]
"""Gives the root over the entries from one index up to and without another."""


def leaf(entry: bytes) -> bytes:
    """Return the hash of one entry."""
    return sha256(b"\x00" + entry).digest()


def parent(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees side by side."""
    return sha256(b"\x01" + left + right).digest()


def root(entries: Iterable[bytes]) -> bytes:
    """Return the root over all entries."""
    return joined([leaf(entry) for entry in entries])


def joined(nodes: Sequence[bytes]) -> bytes:
    """Return the root over subtrees of one size, of which only the last may be smaller."""
    if not nodes:
        return EMPTY_ROOT
    level = list(nodes)
    while len(level) > 1:
        pairs = [sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
        # An odd one moves up as it is: it is the right side of a tree that is not full.
        level = pairs + level[len(level) & ~1 :]
    return level[0]


class Frontier(Struct):
    """
    The full subtrees that a tree consists of, largest first: all that is needed to go on building it.

    A tree of ``n`` entries has as many as ``n`` has binary ones.
    """

    size: int = 0
    peaks: list[bytes] = []

    def add(self, node: bytes, level: int = 0) -> list[bytes]:
        """
        Append a full subtree of ``2 ** level`` entries; the size must be a multiple of that.

        Args:
            node: Its root; at level 0 the hash of an entry.
            level: Its height.

        Returns:
            The subtrees that this completed, beginning with itself, each twice as large as the one before.
        """
        assert self.size % (1 << level) == 0
        completed = [node]
        taller = self.size >> level
        while taller & 1:
            node = parent(self.peaks.pop(), node)
            completed.append(node)
            taller >>= 1
        self.peaks.append(node)
        self.size += 1 << level
        return completed

    def root(self) -> bytes:
        """Return the root over everything that was added."""
        if not self.peaks:
            return EMPTY_ROOT
        *others, found = self.peaks
        for peak in reversed(others):
            found = parent(peak, found)
        return found

    def spans(self) -> Iterator[tuple[int, int]]:
        """Give, for each peak, from which index to which (exclusive) it stands."""
        return spans(self.size)


def spans(size: int) -> Iterator[tuple[int, int]]:
    """Give, for each peak of a tree, from which index to which (exclusive) it stands."""
    return aligned(0, size)


def aligned(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Split a range of indexes into the fewest that are each a full subtree of the whole tree."""
    while start < end:
        fits = 1 << ((end - start).bit_length() - 1)
        width = min(start & -start, fits) if start else fits
        yield start, start + width
        start += width


def inclusion_proof(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """
    Return what proves that an entry is in a tree.

    Args:
        index: Of the entry, from 0; below ``size``.
        size: Of the tree.
        subtree: Knows the tree.
    """
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(subtree(middle, end))
            end = middle
        else:
            proof.append(subtree(start, middle))
            start = middle
    return proof[::-1]


def consistency_proof(first: int, second: int, subtree: Subtree) -> list[bytes]:
    """
    Return what proves that a tree of ``second`` entries begins with all of a tree of ``first``.

    Args:
        first: Size of the earlier tree, at most ``second``.
        second: Size of the later tree.
        subtree: Knows the later tree.
    """
    if not first:
        return []
    proof: list[bytes] = []
    start, end, is_known = 0, second, True
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            proof.append(subtree(middle, end))
            end = middle
        else:
            proof.append(subtree(start, middle))
            start, is_known = middle, False
    if not is_known:
        proof.append(subtree(start, end))
    return proof[::-1]


def is_included(entry_hash: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> bool:
    """
    Tell whether a proof shows that an entry is in a tree.

    Args:
        entry_hash: As `leaf` gives it.
        index: Of the entry.
        size: Of the tree.
        proof: As `inclusion_proof` gives it.
        expected: The root of the tree.
    """
    if not 0 <= index < size:
        return False
    place, last, found = index, size - 1, entry_hash
    for node in proof:
        if not last:
            return False
        if place & 1 or place == last:
            found = parent(node, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = parent(found, node)
        place, last = place >> 1, last >> 1
    return not last and found == expected


def is_consistent(first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """
    Tell whether a proof shows that a tree begins with all of an earlier one.

    Args:
        first: Size of the earlier tree.
        first_root: Its root.
        second: Size of the later tree.
        second_root: Its root.
        proof: As `consistency_proof` gives it.
    """
    if first == second:
        return not proof and first_root == second_root
    if not 0 < first < second:
        return not first and second > 0 and not proof and first_root == EMPTY_ROOT
    path = [*proof] if first & (first - 1) else [first_root, *proof]
    if not path:
        return False
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    earlier = later = path[0]
    for node in path[1:]:
        if not last:
            return False
        if place & 1 or place == last:
            earlier, later = parent(node, earlier), parent(node, later)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            later = parent(later, node)
        place, last = place >> 1, last >> 1
    return not last and earlier == first_root and later == second_root


def _split(size: int) -> int:
    """Return the largest power of two below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)
