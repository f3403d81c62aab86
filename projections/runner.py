"""Follow the ledger: read pages of events, let every view fold them, write rows and position together."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import structlog
from psycopg import Connection

from ledger.sql import load_queries
from projections.page import Page, View, page_of

_EVENTS = load_queries("ledger.store")
_SQL = load_queries("projections")
_log = structlog.get_logger(__name__)

PAGE_SIZE = 8_000
"""Events per page: large enough to share the cost of a transaction, small enough to keep memory flat."""


class Overtaken(Exception):  # not an error: another runner did the same work first
    """Another runner has advanced the views meanwhile; nothing was written."""


class Runner:
    """
    Keeps a set of views in step with the ledger.

    Reading and decoding the next page goes on while the server takes in the last one. Two runners on the same views
    do no harm: the position guards each page, and the slower one starts again from where the views are.
    """

    def __init__(self, reader: Connection[Any], writer: Connection[Any], views: Sequence[View]) -> None:
        """
        Args:
            reader: For events; in autocommit mode.
            writer: For the views; in autocommit mode, its search path on the schema that holds them.
            views: Kept in step together.
        """
        self._reader = reader
        self._writer = writer
        self._views = views
        self._names = [view.name for view in views]

    def catch_up(self, *, page_size: int = PAGE_SIZE) -> Iterator[Page]:
        """
        Bring the views up to where the ledger is now, or was a moment ago.

        Yields:
            Each page after it was written, for progress.

        Raises:
            Overtaken: See the class.
        """
        self._writer.execute(_SQL["begin_tracking"], {"views": self._names})
        with ThreadPoolExecutor(1, "views-writer") as pool:
            for partition, position in self._positions().items():
                yield from self._follow(pool, partition, position, page_size)

    def _positions(self) -> dict[int, int]:
        """Return where the views are, per partition, after bringing those that lag up to the others."""
        positions: dict[int, int] = {}
        lagging: dict[tuple[int, int], set[str]] = {}
        for view, partition, position in self._writer.execute(_SQL["positions"], {"views": self._names}):
            positions[partition] = max(position, positions.get(partition, 0))
            lagging.setdefault((partition, position), set()).add(view)
        for (partition, position), names in sorted(lagging.items()):
            if position < positions[partition]:
                self._bring_up(partition, position, positions[partition], names)
        return positions

    def _bring_up(self, partition: int, position: int, target: int, names: set[str]) -> None:
        """Advance some of the views alone, to where the others are; it happens when a view is new."""
        views = [view for view in self._views if view.name in names]
        while position < target:
            page = self._read(partition, position, min(PAGE_SIZE, target - position))
            if page is None:
                return
            self._write(page, views)
            position = page.last_position

    def _follow(self, pool: ThreadPoolExecutor, partition: int, position: int, page_size: int) -> Iterator[Page]:
        writing: tuple[Page, Future[None]] | None = None
        while page := self._read(partition, position, page_size):
            changes = [(view, view.project(page)) for view in self._views]
            if writing:
                yield _written(*writing)
            writing = page, pool.submit(self._commit, page, changes)
            position = page.last_position
        if writing:
            yield _written(*writing)

    def _read(self, partition: int, after: int, limit: int) -> Page | None:
        asked = {"partition": partition, "after": after, "limit": limit}
        return page_of(partition, after, self._reader.execute(_EVENTS["page"], asked, binary=True))

    def _write(self, page: Page, views: Sequence[View]) -> None:
        self._commit(page, [(view, view.project(page)) for view in views])

    def _commit(self, page: Page, changes: Sequence[tuple[View, Any]]) -> None:
        with self._writer.transaction():
            # Rows and position commit together, and both can be made again from the events: the last
            # fraction of a second may be lost in a crash without harm, so nobody waits for the disk here.
            self._writer.execute("SET LOCAL synchronous_commit = off")
            advanced = self._writer.execute(
                _SQL["advance"],
                {
                    "views": [view.name for view, _ in changes],
                    "partition": page.partition,
                    "first_position": page.first_position,
                    "last_position": page.last_position,
                    "recorded_at": page.recorded_at,
                },
            )
            if advanced.rowcount != len(changes):
                raise Overtaken
            for view, change in changes:
                view.write(self._writer, change)


def _written(page: Page, writing: Future[None]) -> Page:
    writing.result()
    return page


@contextmanager
def views_schema(connection: Connection[Any], schema: str) -> Iterator[Connection[Any]]:
    """Let the views of a connection be found in ``schema``."""
    connection.execute("SELECT set_config('search_path', %s, FALSE)", (schema,))
    yield connection
