"""Which partition a stream lives in, and how a ledger gets its partitions."""

from typing import Any

from psycopg import Connection

from ledger.streams import StreamId

MAX_PARTITIONS = 1024
"""More than any cluster has use for; every append to several locks a row in each."""


class PartitionsFixed(Exception):  # an operator's mistake, told on the command line
    """The number of partitions of a ledger cannot be changed after it was set up."""


def partition_of(stream_id: StreamId, partition_count: int) -> int:
    """Return the partition of a stream. Stream ids are hashes, so their last bytes spread evenly."""
    return int.from_bytes(stream_id[-4:]) % partition_count if partition_count > 1 else 0


def initialise(connection: Connection[Any], partition_count: int | None = None) -> int:
    """
    Give the ledger its partitions, once for its life.

    Args:
        connection: As the owner of the schema, in autocommit mode.
        partition_count: Wanted; ``None`` takes what is there, or 1.

    Returns:
        The number of partitions the ledger has.

    Raises:
        PartitionsFixed: The ledger has another number already.
        ValueError: The number is not between 1 and `MAX_PARTITIONS`.
    """
    if partition_count is not None and not 1 <= partition_count <= MAX_PARTITIONS:
        raise ValueError(f"A ledger has 1 to {MAX_PARTITIONS} partitions, not {partition_count}.")
    with connection.transaction():
        connection.execute("LOCK TABLE ledger.heads IN SHARE ROW EXCLUSIVE MODE")
        row = connection.execute("SELECT count(*) FROM ledger.heads").fetchone()
        present: int = row[0] if row else 0
        if present and partition_count not in (None, present):
            raise PartitionsFixed(
                f"This ledger has {present} partition(s) for life, because they decide where every stream lives; "
                f"for {partition_count}, set up a new ledger.",
            )
        if not present:
            connection.execute(
                "INSERT INTO ledger.heads (partition) SELECT generate_series(0, %s - 1)",
                (partition_count or 1,),
            )
    return present or partition_count or 1
