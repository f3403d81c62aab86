"""Proofs about what a checkpoint signed."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from psycopg import Connection

from ledger import merkle
from ledger.audit.checkpoint import Checkpoint, Tree
from ledger.audit.errors import LedgerNotWhole, NotInCheckpoint
from ledger.audit.storing import BLOCK_LEVEL, BLOCK_SIZE
from ledger.audit.taking import links
from ledger.merkle import Frontier, Subtree, leaf
from ledger.sql import load_queries

_SQL = load_queries("ledger.audit")


class Prover:
    """
    Proves things about one partition of a checkpoint.

    What it has computed it remembers, because most of a proof is that of its neighbours.
    """

    def __init__(self, connection: Connection[Any], checkpoint: Checkpoint, partition: int) -> None:
        """
        Args:
            connection: In autocommit mode.
            checkpoint: What is proved is proved about it.
            partition: One that it has.
        """
        self.tree: Tree = checkpoint.tree(partition)
        self._number = checkpoint.number
        self._subtree = _subtree_of(connection, partition)

    def inclusion(self, position: int, link: bytes) -> list[bytes]:
        """
        Return what proves that the event at a position is in the checkpoint.

        Args:
            position: Of the event.
            link: Of the event.

        Raises:
            NotInCheckpoint: It was recorded later.
            LedgerNotWhole: The ledger is not what was signed, so there is no proof.
        """
        self.require(position)
        size, expected = self.tree.size, bytes.fromhex(self.tree.root)
        proof = merkle.inclusion_proof(position - 1, size, self._subtree)
        if not merkle.is_included(leaf(link), position - 1, size, proof, expected):
            raise self._not_whole(position)
        return proof

    def require(self, position: int) -> None:
        """
        Make sure that the checkpoint goes as far as a position.

        Raises:
            NotInCheckpoint: It does not.
        """
        if not 1 <= position <= self.tree.size:
            raise NotInCheckpoint(
                f"Checkpoint {self._number} ends at position {self.tree.size} of partition {self.tree.partition}.",
                pointer="/position",
            )

    def consistency(self, earlier: Tree) -> list[bytes]:
        """
        Return what proves that the checkpoint has everything, unchanged, that an earlier tree had.

        Raises:
            NotInCheckpoint: The tree is larger than the checkpoint's.
            LedgerNotWhole: The ledger is not what was signed, so there is no proof.
        """
        first, second = earlier.size, self.tree.size
        if first > second:
            raise NotInCheckpoint(f"Checkpoint {self._number} is the earlier one; ask the other way round.")
        proof = merkle.consistency_proof(first, second, self._subtree)
        roots = bytes.fromhex(earlier.root), bytes.fromhex(self.tree.root)
        if not merkle.is_consistent(first, roots[0], second, roots[1], proof):
            raise self._not_whole(1)
        return proof

    def _not_whole(self, position: int) -> LedgerNotWhole:
        return LedgerNotWhole(
            f"Partition {self.tree.partition} is not what checkpoint {self._number} signed; run: khaywe audit verify",
            partition=self.tree.partition,
            position=position,
        )


def _subtree_of(connection: Connection[Any], partition: int) -> Subtree:
    """Return what computes any subtree of a partition: from stored blocks where it is full of them."""

    @cache
    def subtree(start: int, end: int) -> bytes:
        frontier = Frontier()
        for node, level in _nodes(start, end):
            frontier.add(node, level)
        return frontier.root()

    def _nodes(start: int, end: int) -> Iterator[tuple[bytes, int]]:
        middle = end - end % BLOCK_SIZE
        if start % BLOCK_SIZE or middle <= start:
            middle = start
        asked = {"partition": partition, "first": start // BLOCK_SIZE, "end": middle // BLOCK_SIZE}
        found = connection.execute(_SQL["blocks"], asked, binary=True).fetchall() if middle > start else []
        if len(found) == (middle - start) // BLOCK_SIZE:
            yield from ((node, BLOCK_LEVEL) for (node,) in found)
        else:  # Somebody emptied the table; the events have it all.
            middle = start
        for page in links(connection, partition, middle, end):
            yield from ((leaf(one), 0) for one in page)

    return subtree


def peaks_at(connection: Connection[Any], partition: int, size: int) -> list[bytes]:
    """Return the full subtrees over the first events of a partition, as they are stored now; largest first."""
    subtree = _subtree_of(connection, partition)
    return [subtree(start, end) for start, end in merkle.spans(size)]
