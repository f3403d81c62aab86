"""Taking a checkpoint: verify what was recorded since the last one, grow the trees by it, and sign."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import Connection, sql

from ledger.audit.checkpoint import (
    PAYLOAD_TYPE,
    Checkpoint,
    Sealed,
    Tree,
    combined_root,
    digest_of,
    document_of,
    tree_of,
)
from ledger.audit.errors import LedgerNotWhole
from ledger.audit.storing import BLOCK_LEVEL, BLOCK_SIZE, keys_of, last_checkpoint
from ledger.merkle import Frontier, leaf, root
from ledger.signing import Keyring, opened, sign
from ledger.sql import load_queries
from ledger.store.chain import GENESIS
from ledger.store.verify import ChainBroken, verify_chain

_SQL = load_queries("ledger.audit")
_LOCK = 6_804_113_977_310_420_117
"""Key of the advisory lock that lets one checkpoint be taken at a time; any fixed number will do."""
_PAGE = 64 * BLOCK_SIZE


class _Growth(Struct):
    """A partition's tree while it grows."""

    partition: int
    frontier: Frontier
    last_link: bytes
    blocks: list[tuple[int, bytes]]

    def add(self, links: Sequence[bytes]) -> None:
        """Append links, block by block where they make full ones."""
        index = 0
        while index < len(links):
            if self.frontier.size % BLOCK_SIZE == 0 and len(links) - index >= BLOCK_SIZE:
                node, level = root(links[index : index + BLOCK_SIZE]), BLOCK_LEVEL
                index += BLOCK_SIZE
            else:
                node, level = leaf(links[index]), 0
                index += 1
            completed = self.frontier.add(node, level)
            if len(completed) > BLOCK_LEVEL - level:
                self.blocks.append((self.frontier.size // BLOCK_SIZE - 1, completed[BLOCK_LEVEL - level]))
        self.last_link = links[-1]


def take_checkpoint(connection: Connection[Any], keyring: Keyring, now: datetime) -> Sealed:
    """
    Sign what the ledger holds. Where nothing was recorded since the last checkpoint, that one stands.

    What was recorded since is verified first, link by link; what was before is in the last checkpoint's trees, of
    which only the peaks are needed. So the work is that of the new events.

    Args:
        connection: In autocommit mode, as the application role.
        keyring: Signs.
        now: When.

    Raises:
        LedgerNotWhole: The ledger does not continue what the last checkpoint signed. Nothing is signed.
    """
    connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        last = last_checkpoint(connection, keys_of(keyring))
        heads = connection.execute(_SQL["heads"]).fetchall()
        if last and [one.size for one in last.checkpoint.trees] == [position for _, position in heads]:
            return last
        grown = [_grow(connection, partition, position, last) for partition, position in heads]
        return _add(connection, keyring, now, last, grown)
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def links(connection: Connection[Any], partition: int, after: int, last: int) -> Iterator[list[bytes]]:
    """
    Give the links of a range of positions, in pages.

    Raises:
        LedgerNotWhole: One is missing.
    """
    while after < last:
        asked = {"partition": partition, "after": after, "last": min(last, after + _PAGE)}
        page = [found for (found,) in connection.execute(_SQL["links"], asked, binary=True)]
        if len(page) != asked["last"] - after:
            raise LedgerNotWhole(f"Events are missing in partition {partition} behind position {after}.")
        yield page
        after = asked["last"]


def _grow(connection: Connection[Any], partition: int, position: int, last: Sealed | None) -> _Growth:
    tree = last.checkpoint.tree(partition) if last else None
    growth = _Growth(
        partition,
        tree.frontier() if tree else Frontier(),
        bytes.fromhex(tree.last_link) if tree else GENESIS,
        [],
    )
    size = growth.frontier.size
    if position < size:
        raise LedgerNotWhole(
            f"Partition {partition} ends at position {position}; the last checkpoint was taken at {size}.",
            partition=partition,
            position=position + 1,
        )
    try:
        for _ in verify_chain(connection, partition, after=size, previous=growth.last_link, until=position):
            pass
    except ChainBroken as broken:
        raise LedgerNotWhole(str(broken), partition=broken.partition, position=broken.position) from None
    for page in links(connection, partition, size, position):
        growth.add(page)
    return growth


def _add(
    connection: Connection[Any], keyring: Keyring, now: datetime, last: Sealed | None, grown: Sequence[_Growth]
) -> Sealed:
    trees = tuple(tree_of(one.partition, one.frontier, one.last_link) for one in grown)
    found = Checkpoint(
        last.checkpoint.number + 1 if last else 1,
        now,
        digest_of(opened(last.envelope, PAYLOAD_TYPE, keys_of(keyring))) if last else "",
        combined_root(trees).hex(),
        trees,
    )
    envelope = sign(keyring, PAYLOAD_TYPE, document_of(found))
    with connection.transaction():
        for growth, tree in zip(grown, trees, strict=True):
            _add_blocks(connection, growth, tree)
        added = {"number": found.number, "taken_at": now, "root": bytes.fromhex(found.root), "envelope": envelope}
        connection.execute(_SQL["add"], added)
    return Sealed(found, envelope)


def _add_blocks(connection: Connection[Any], growth: _Growth, tree: Tree) -> None:
    if not growth.blocks:
        return
    connection.execute(_SQL["forget_blocks"], {"partition": tree.partition, "first": growth.blocks[0][0]})
    columns = sql.SQL("COPY audit.blocks (partition, number, root) FROM STDIN (FORMAT BINARY)")
    with connection.cursor().copy(columns) as copy:
        copy.set_types(["int4", "int8", "bytea"])
        for number, block in growth.blocks:
            copy.write_row((tree.partition, number, block))
