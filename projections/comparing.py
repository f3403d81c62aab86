"""Two tables row by row: checksums by partition and bucket of accounts first, and only where they differ the rows."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from msgspec import Struct
from psycopg import Connection, sql

_BUCKETS: Final = 1024
_TOLD: Final = 5
"""Rows of a table that a comparison shows; it counts buckets, not rows, beyond."""

_SUMS = sql.SQL(
    "SELECT partition, uuid_hash(account_id) & {mask}, count(*), sum(hash_record_extended(t, 0)) "
    "FROM {table} AS t GROUP BY 1, 2"
)
_ROWS = sql.SQL(
    "SELECT t::text FROM {table} AS t WHERE partition = %(partition)s AND uuid_hash(account_id) & {mask} = %(bucket)s"
)

_Sums = dict[tuple[int, int], tuple[int, Any]]


class Comparison(Struct, frozen=True):
    """One table of a view, live and built anew, in one partition."""

    table: str
    partition: int
    live_rows: int
    rebuilt_rows: int
    is_equal: bool
    """Every row the same, by checksums over all of them."""
    only_live: tuple[str, ...] = ()
    """Rows that the events do not give; a few of them."""
    only_rebuilt: tuple[str, ...] = ()
    """Rows that the events give and the live table lacks; a few of them."""


def compare_tables(
    live: tuple[Connection[Any], str], rebuilt: tuple[Connection[Any], str], table: str, partition_count: int
) -> list[Comparison]:
    """
    Compare a table in two schemas, each through a connection of its own, so that both are read at the same time.

    Returns:
        One comparison per partition.
    """
    with ThreadPoolExecutor(1, "comparing") as pool:
        theirs = pool.submit(_sums, *rebuilt, table)
        sums = _sums(*live, table), theirs.result()
    return [_compared((live, rebuilt), sums, table, partition) for partition in range(partition_count)]


def _compared(
    sides: tuple[tuple[Connection[Any], str], tuple[Connection[Any], str]],
    sums: tuple[_Sums, _Sums],
    table: str,
    partition: int,
) -> Comparison:
    live, rebuilt = ({key: value for key, value in one.items() if key[0] == partition} for one in sums)
    differing = sorted(
        bucket for _, bucket in {*live, *rebuilt} if live.get((partition, bucket)) != rebuilt.get((partition, bucket))
    )
    only_live: list[str] = []
    only_rebuilt: list[str] = []
    for bucket in differing:
        if len(only_live) + len(only_rebuilt) >= _TOLD:
            break
        ours, theirs = (_rows(*side, table, partition, bucket) for side in sides)
        only_live += sorted(ours - theirs)
        only_rebuilt += sorted(theirs - ours)
    live_count, rebuilt_count = (sum(count for count, _ in one.values()) for one in (live, rebuilt))
    return Comparison(
        table,
        partition,
        live_count,
        rebuilt_count,
        not differing,
        tuple(only_live[:_TOLD]),
        tuple(only_rebuilt[:_TOLD]),
    )


def _sums(connection: Connection[Any], schema: str, table: str) -> _Sums:
    # A sum does not depend on the order of rows, and needs no sort of a large table.
    query = _SUMS.format(table=sql.Identifier(schema, table), mask=sql.Literal(_BUCKETS - 1))
    return {(partition, bucket): (count, total) for partition, bucket, count, total in connection.execute(query)}


def _rows(connection: Connection[Any], schema: str, table: str, partition: int, bucket: int) -> set[str]:
    query = _ROWS.format(table=sql.Identifier(schema, table), mask=sql.Literal(_BUCKETS - 1))
    return {row for (row,) in connection.execute(query, {"partition": partition, "bucket": bucket})}
