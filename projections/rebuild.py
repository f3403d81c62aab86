"""Build views anew beside the live ones, compare, and swap: no downtime, and nothing half done is ever seen."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct
from psycopg import Connection, sql

from ledger.sql import load_queries
from projections.following import followers_of, point_to_new_tables
from projections.page import Page, View
from projections.runner import Runner

_SQL = load_queries("projections")
BESIDE = "views_beside"
"""Where views are built before they take the live ones' place."""
_BEFORE = "views_before"
"""Where the old tables are while what reads them is pointed to the new ones."""


class Comparison(Struct, frozen=True):
    """One table of a view, live and built anew."""

    table: str
    live_rows: int
    rebuilt_rows: int
    is_equal: bool
    """Every row the same, by a checksum over all of them."""


def build_beside(
    owner: Connection[Any],
    reader: Connection[Any],
    writer: Connection[Any],
    views: Sequence[View],
    on_page: Callable[[Page], None] = lambda _: None,
) -> None:
    """
    Fill new tables beside the live ones with everything recorded so far. Interrupted, it starts over next time.

    Args:
        owner: May change the schema.
        reader: For events.
        writer: As the application role, its search path on `BESIDE`.
        views: Which ones.
        on_page: Told of each page, for progress.
    """
    with owner.transaction():
        owner.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(BESIDE)))
        owner.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(BESIDE)))
        owner.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO khaywe_app").format(sql.Identifier(BESIDE)))
        for table in ("tracking", *_tables(views)):
            name = sql.Identifier(table)
            beside = sql.Identifier(BESIDE, table)
            owner.execute(sql.SQL("CREATE TABLE {} (LIKE views.{} INCLUDING ALL)").format(beside, name))
            owner.execute(sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO khaywe_app").format(beside))
    names = [view.name for view in views]
    # Not beyond the live views, or the two could not be compared at one position.
    live = dict(owner.execute(_SQL["live_positions"], {"views": names}).fetchall())
    for page in Runner(reader, writer, views).catch_up(live):
        on_page(page)


def compare_and_swap(
    owner: Connection[Any],
    reader: Connection[Any],
    writer: Connection[Any],
    views: Sequence[View],
    *,
    swap: bool = True,
) -> list[Comparison]:
    """
    Bring live and rebuilt views to the same position, compare them, and let the rebuilt ones take over.

    The live views are held still meanwhile: their followers wait, readers do not.

    Args:
        owner: May change the schema.
        reader: For events.
        writer: As the application role, its search path on `BESIDE`, where `build_beside` has been.
        views: Those that were built.
        swap: ``False`` only compares, and drops what was built.

    Returns:
        One comparison per table.
    """
    names = [view.name for view in views]
    with owner.transaction():
        live = dict(owner.execute(_SQL["hold_still"], {"views": names}).fetchall())
        deque(Runner(reader, writer, views).catch_up(live), maxlen=0)
        compared = [_compare(owner, table) for table in _tables(views)]
        if swap:
            _swap(owner, _tables(views))
        owner.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(BESIDE)))
    return compared


def _swap(owner: Connection[Any], tables: Sequence[str]) -> None:
    followers = followers_of(owner, tables)
    before = sql.Identifier(_BEFORE)
    owner.execute(sql.SQL("CREATE SCHEMA {}").format(before))
    for table in tables:
        name = sql.Identifier(table)
        owner.execute(sql.SQL("ALTER TABLE views.{} SET SCHEMA {}").format(name, before))
        owner.execute(sql.SQL("ALTER TABLE {} SET SCHEMA views").format(sql.Identifier(BESIDE, table)))
    point_to_new_tables(owner, followers)
    # Not all at once with CASCADE: whatever still reads an old table is to be noticed, and not to vanish.
    for table in tables:
        owner.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(_BEFORE, table)))
    owner.execute(sql.SQL("DROP SCHEMA {}").format(before))


def _tables(views: Sequence[View]) -> list[str]:
    return [table for view in views for table in view.tables]


def _compare(owner: Connection[Any], table: str) -> Comparison:
    live, rebuilt = (_checksum(owner, schema, table) for schema in ("views", BESIDE))
    return Comparison(table, live[0], rebuilt[0], live == rebuilt)


def _checksum(owner: Connection[Any], schema: str, table: str) -> tuple[int, Any]:
    # A sum does not depend on the order of rows, and needs no sort of a large table.
    query = sql.SQL("SELECT count(*), sum(hashtextextended(t::text, 0)::numeric) FROM {} AS t")
    row = owner.execute(query.format(sql.Identifier(schema, table))).fetchone()
    assert row is not None
    return row[0], row[1]
