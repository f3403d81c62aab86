"""Verifying a ledger in ranges, side by side: what each range yields, and how they are put together."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from psycopg import Connection

from ledger import merkle
from ledger.audit.checkpoint import Checkpoint
from ledger.audit.spreading import Place, Spreader
from ledger.audit.verifying import require_agreement
from ledger.merkle import Frontier
from ledger.sql import load_queries
from ledger.store.chain import GENESIS
from ledger.store.verify import ChainBroken, verify_chain

_SQL = load_queries("ledger.audit")
RANGE_SIZE = 1_000_000
"""Events at most: their links are in memory while a range is verified."""
_SMALLEST = 50_000
"""Starting a range costs a look-up for each stream in it that began earlier."""


class Range(Struct, frozen=True):
    """Consecutive events of a partition."""

    partition: int
    after: int
    until: int | None
    """Last position; ``None``: as far as the ledger goes, and its head."""
    with_tree: bool
    """Whether a checkpoint goes as far."""
    spreads: Place | None = None
    """Where its events are spread by stream, if they are."""


class Verified(Struct, frozen=True):
    """A range that is whole, or where it is not."""

    range: Range
    last_position: int
    last_link: bytes = b""
    nodes: list[tuple[bytes, int]] = []
    """Full subtrees that it consists of, with their levels."""
    position: int = 0
    """The first at fault; 0 if none is."""
    reason: str = ""
    file: str = ""
    """Where its events are by stream."""

    @property
    def fault(self) -> ChainBroken | None:
        """Return what is wrong, if anything is."""
        return ChainBroken(self.range.partition, self.position, self.reason) if self.reason else None


def ranges_of(
    heads: Sequence[tuple[int, int]],
    checkpoints: Sequence[Checkpoint],
    parts: int,
    places: Mapping[int, Place] | None = None,
) -> list[Range]:
    """
    Split a ledger.

    Args:
        heads: Partition and last position.
        checkpoints: Ranges end where these do, so that their trees can be compared.
        parts: How many ranges a ledger of one partition should have at least, if it is large enough.
        places: By partition: where events are spread by stream.
    """
    found = []
    for partition, end in heads:
        sizes = {one.tree(partition).size for one in checkpoints if one.tree(partition).size <= end}
        sealed = max((one.tree(partition).size for one in checkpoints), default=0)
        step = min(RANGE_SIZE, max(_SMALLEST, -(-end // parts)))
        cuts = sorted({0, *range(step, end, step), *sizes})
        for after, until in zip(cuts, [*cuts[1:], None], strict=True):
            is_sealed = until is not None and until <= sealed
            found.append(Range(partition, after, until, is_sealed, (places or {}).get(partition)))
    return found


def verify_range(connection: Connection[Any], asked: Range) -> Verified:
    """Verify the chain of a range, beginning with the link that is stored where it begins."""
    try:
        return _verified(connection, asked)
    except ChainBroken as broken:
        return Verified(asked, broken.position - 1, position=broken.position, reason=broken.reason)


def _verified(connection: Connection[Any], asked: Range) -> Verified:
    links: list[bytes] = []
    spreader = Spreader(asked.spreads) if asked.spreads else None
    for last in verify_chain(  # noqa: B007  # the last one is used below
        connection,
        asked.partition,
        after=asked.after,
        previous=_link_at(connection, asked.partition, asked.after),
        until=asked.until,
        on_links=links.extend if asked.with_tree else lambda _: None,
        into=spreader.by_prefix if spreader else None,
    ):
        if spreader:
            spreader.flush()
    file = spreader.file if spreader else ""
    return Verified(asked, last.position, last.hash, list(_nodes(asked.after, links)), file=file)


def _link_at(connection: Connection[Any], partition: int, position: int) -> bytes:
    if not position:
        return GENESIS
    key = {"partition": partition, "position": position}
    found = connection.execute(_SQL["link_at"], key, binary=True).fetchone()
    if found is None:
        raise ChainBroken(partition, position, "the event is missing")
    return bytes(found[0])


def _nodes(after: int, links: Sequence[bytes]) -> Iterator[tuple[bytes, int]]:
    for start, end in merkle.aligned(after, after + len(links)):
        yield merkle.root(links[start - after : end - after]), (end - start).bit_length() - 1


def first_fault(verified: Sequence[Verified], checkpoints: Sequence[Checkpoint]) -> ChainBroken | None:
    """
    Return the first thing that is wrong with a partition, if anything is.

    Args:
        verified: Its ranges, in order.
        checkpoints: That it must agree with, oldest first.
    """
    frontier, agreed = Frontier(), 0
    waiting = sorted(checkpoints, key=lambda one: one.tree(verified[0].range.partition).size)
    for one in verified:
        if one.fault:
            return one.fault
        for node, level in one.nodes:
            frontier.add(node, level)
        for checkpoint in waiting:
            tree = checkpoint.tree(one.range.partition)
            if tree.size == frontier.size == one.last_position:
                try:
                    require_agreement(frontier, tree, checkpoint.number, agreed)
                except ChainBroken as broken:
                    return broken
                agreed = tree.size
    last = verified[-1]
    for checkpoint in waiting:
        size = checkpoint.tree(last.range.partition).size
        if size > last.last_position:
            reason = f"the ledger ends here, and checkpoint {checkpoint.number} goes on to position {size}"
            return ChainBroken(last.range.partition, last.last_position + 1, reason)
    return None
