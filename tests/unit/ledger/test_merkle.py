"""Trees and proofs: the published vectors, and every tree up to a size that has every shape."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    Subtree,
    aligned,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    joined,
    leaf,
    root,
    spans,
)

GOLDEN: Any = json.loads((Path(__file__).parents[2] / "golden" / "merkle.json").read_text())
PUBLISHED = [bytes.fromhex(entry) for entry in GOLDEN["entries"]]
ENTRIES = [sha256(b"%d" % number).digest() for number in range(35)]
WRONG = bytes(32)


def knows(entries: list[bytes]) -> Subtree:
    """Return a function that computes any subtree from all entries."""
    return lambda start, end: root(entries[start:end])


def plain_root(entries: list[bytes]) -> bytes:
    """Return the root as the RFC defines it, word by word."""
    if not entries:
        return EMPTY_ROOT
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return sha256(b"\x01" + plain_root(entries[:split]) + plain_root(entries[split:])).digest()


@pytest.mark.parametrize("size", range(9))
def test_published_roots(size: int) -> None:
    """Trees of the published entries have the published roots."""
    assert root(PUBLISHED[:size]).hex() == GOLDEN["roots"][size]


def test_published_proofs() -> None:
    """Proofs in the published trees are those that were published, and they hold."""
    for one in GOLDEN["inclusion"]:
        proof = inclusion_proof(one["index"], one["size"], knows(PUBLISHED[: one["size"]]))
        assert [node.hex() for node in proof] == one["proof"]
        expected = bytes.fromhex(GOLDEN["roots"][one["size"]])
        assert is_included(leaf(PUBLISHED[one["index"]]), one["index"], one["size"], proof, expected)
    for one in GOLDEN["consistency"]:
        first, second = one["first"], one["second"]
        proof = consistency_proof(first, second, knows(PUBLISHED[:second]))
        assert [node.hex() for node in proof] == one["proof"]
        roots = [bytes.fromhex(GOLDEN["roots"][size]) for size in (first, second)]
        assert is_consistent(first, roots[0], second, roots[1], proof)


@pytest.mark.parametrize("size", range(len(ENTRIES) + 1))
def test_root_is_that_of_the_rfc(size: int) -> None:
    """Computed at once or entry by entry, the root is what the definition gives."""
    frontier = Frontier()
    for entry in ENTRIES[:size]:
        frontier.add(leaf(entry))
    assert plain_root(ENTRIES[:size]) == root(ENTRIES[:size]) == frontier.root()
    assert frontier.size == size
    assert [root(ENTRIES[start:end]) for start, end in spans(size)] == frontier.peaks


@pytest.mark.parametrize("size", range(1, len(ENTRIES) + 1))
def test_a_tree_can_be_built_of_its_parts(size: int) -> None:
    """Wherever it is cut, the full subtrees of both sides give the same tree."""
    for cut in range(size + 1):
        frontier = Frontier()
        for start, end in (*aligned(0, cut), *aligned(cut, size)):
            frontier.add(root(ENTRIES[start:end]), (end - start).bit_length() - 1)
        assert frontier.root() == root(ENTRIES[:size])


def test_adding_tells_what_was_completed() -> None:
    """Every full subtree is told once, by the entry that completes it."""
    frontier = Frontier()
    for index, entry in enumerate(ENTRIES):
        for level, node in enumerate(frontier.add(leaf(entry))):
            assert node == root(ENTRIES[index + 1 - (1 << level) : index + 1])


def test_joining_blocks() -> None:
    """The roots of blocks of one size join to the root over everything."""
    assert joined([root(ENTRIES[start : start + 8]) for start in range(0, 35, 8)]) == root(ENTRIES)


@pytest.mark.parametrize("size", range(1, len(ENTRIES) + 1))
def test_every_inclusion(size: int) -> None:
    """A proof holds for its entry, its index, its size and its root, and for nothing else."""
    tree, expected = knows(ENTRIES[:size]), root(ENTRIES[:size])
    for index in range(size):
        proof = inclusion_proof(index, size, tree)
        entry = leaf(ENTRIES[index])
        assert is_included(entry, index, size, proof, expected)
        assert not is_included(WRONG, index, size, proof, expected)
        assert not is_included(entry, index, size, proof, WRONG)
        assert not is_included(entry, index, size, [*proof, WRONG], expected)
        assert not any(is_included(entry, other, size, proof, expected) for other in range(size) if other != index)
        if proof:
            assert not is_included(entry, index, size, proof[:-1], expected)
            assert not is_included(entry, index, size, [WRONG, *proof[1:]], expected)


@pytest.mark.parametrize("second", range(len(ENTRIES) + 1))
def test_every_consistency(second: int) -> None:
    """A proof holds for its two trees; not for another first one, nor where a node is missing or another."""
    later = root(ENTRIES[:second])
    for first in range(second + 1):
        earlier = root(ENTRIES[:first])
        proof = consistency_proof(first, second, knows(ENTRIES[:second]))
        assert is_consistent(first, earlier, second, later, proof)
        assert not is_consistent(first, WRONG, second, later, proof)
        assert not is_consistent(first, earlier, second, later, [*proof, WRONG])
        if first:
            assert not is_consistent(first, earlier, second, WRONG, proof)
        if proof:
            assert not is_consistent(first, earlier, second, later, proof[:-1])
            assert not is_consistent(first, earlier, second, later, [WRONG, *proof[1:]])


def test_what_is_no_proof() -> None:
    """An index outside of the tree, and trees that shrink, are never proved."""
    assert not is_included(leaf(ENTRIES[0]), 1, 1, [], leaf(ENTRIES[0]))
    assert not is_included(leaf(ENTRIES[0]), -1, 1, [], leaf(ENTRIES[0]))
    assert not is_consistent(3, root(ENTRIES[:3]), 2, root(ENTRIES[:2]), [])
    assert not is_consistent(3, root(ENTRIES[:3]), 5, root(ENTRIES[:5]), [])
