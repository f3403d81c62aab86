"""Build views anew beside the live ones, compare, and swap: no downtime, and nothing half done is ever seen."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from psycopg import Connection

from ledger.sql import load_queries
from projections.beside import BESIDE, RebuildRunning, complete, drop, make_room, sole_builder, swap, tables_of
from projections.comparing import Comparison, compare_tables
from projections.page import Page, View
from projections.runner import Runner

__all__ = [
    "BESIDE",
    "Comparison",
    "RebuildRunning",
    "build_beside",
    "compare_and_swap",
    "compare_beside",
    "sole_builder",
]

_SQL = load_queries("projections")


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
    make_room(owner, views)
    names = [view.name for view in views]
    # Not beyond the live views, or the two could not be compared at one position.
    live = dict(owner.execute(_SQL["live_positions"], {"views": names}).fetchall())
    for page in Runner(reader, writer, views).catch_up(live):
        on_page(page)
    complete(owner, views)


def compare_beside(
    owner: Connection[Any], reader: Connection[Any], writer: Connection[Any], views: Sequence[View]
) -> list[Comparison]:
    """
    Compare what was built with a snapshot of the live views, and drop it. Nobody waits: followers go on meanwhile.

    Args:
        owner: May change the schema.
        reader: For events.
        writer: As the application role, its search path on `BESIDE`, where `build_beside` has been.
        views: Those that were built.

    Returns:
        One comparison per table and partition.

    Raises:
        ValueError: The live views are not in step with each other.
    """
    with owner.transaction():
        owner.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        live = _live_positions(owner, views)
        deque(Runner(reader, writer, views).catch_up(live), maxlen=0)
        compared = [
            one
            for table in tables_of(views)
            for one in compare_tables((owner, "views"), (writer, BESIDE), table, len(live))
        ]
    drop(owner)
    return compared


def compare_and_swap(
    owner: Connection[Any], reader: Connection[Any], writer: Connection[Any], views: Sequence[View]
) -> list[Comparison]:
    """
    Bring live and rebuilt views to the same position, compare them, and let the rebuilt ones take over.

    The live views are held still meanwhile: their followers wait, readers do not.

    Args:
        owner: May change the schema.
        reader: For events.
        writer: As the application role, its search path on `BESIDE`, where `build_beside` has been.
        views: Those that were built.

    Returns:
        One comparison per table and partition.
    """
    names = [view.name for view in views]
    with owner.transaction():
        live = dict(owner.execute(_SQL["hold_still"], {"views": names}).fetchall())
        deque(Runner(reader, writer, views).catch_up(live), maxlen=0)
        compared = [
            one
            for table in tables_of(views)
            for one in compare_tables((owner, "views"), (writer, BESIDE), table, len(live))
        ]
        swap(owner, views)
    drop(owner)
    return compared


def _live_positions(owner: Connection[Any], views: Sequence[View]) -> dict[int, int]:
    spans = owner.execute(_SQL["live_spans"], {"views": [view.name for view in views]}).fetchall()
    apart = sorted(partition for partition, least, most in spans if least != most)
    if apart:
        message = f"The live views are not in step in partition {apart[0]}; let the follower bring them together first."
        raise ValueError(message)
    return {partition: least for partition, least, _ in spans}
