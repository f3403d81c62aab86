"""Follow the ledger: read pages of events, let every view fold them, write rows and position together."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from psycopg import Connection

from ledger.archive.cold import whole
from ledger.sql import load_queries
from projections.page import Page, View, page_of

_EVENTS = load_queries("ledger.store")
_SQL = load_queries("projections")

PAGE_SIZE = 20_000
"""Events per page: enough that busy accounts are written once for many events, and few enough to keep memory flat."""


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
        # Events are read in the order of an index. While a table is young the planner would rather sort it, all of
        # it, for every page.
        self._reader.execute("SET enable_sort = off; SET enable_seqscan = off; SET enable_bitmapscan = off")

    def catch_up(
        self,
        targets: Mapping[int, int] | None = None,
        *,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Page]:
        """
        Bring the views up to where the ledger is, or to a position per partition and not beyond.

        Views that are behind the others, because they are new, first join them.

        Args:
            targets: Where to stop; ``None``: where the ledger is now, or was a moment ago.
            page_size: Events per page.

        Yields:
            Each page after it was written, for progress.

        Raises:
            Overtaken: See the class.
        """
        with ThreadPoolExecutor(1, "views-writer") as pool:
            for partition, groups in self._positions().items():
                starts = sorted(groups)
                stops = [*starts[1:], None if targets is None else targets.get(partition, 0)]
                views: list[View] = []
                for start, stop in zip(starts, stops, strict=True):
                    views = [view for view in self._views if view in views or view.name in groups[start]]
                    yield from self._follow(pool, partition, views, (start, stop), page_size)

    def _positions(self) -> dict[int, dict[int, set[str]]]:
        """Return, per partition and position, the names of the views that are there."""
        self._writer.execute(_SQL["begin_tracking"], {"views": self._names})
        found: dict[int, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for view, partition, position in self._writer.execute(_SQL["positions"], {"views": self._names}):
            found[partition][position].add(view)
        return found

    def _follow(
        self,
        pool: ThreadPoolExecutor,
        partition: int,
        views: Sequence[View],
        span: tuple[int, int | None],
        page_size: int,
    ) -> Iterator[Page]:
        position, stop = span
        writing: tuple[Page, Future[None]] | None = None
        while page := self._read(partition, position, page_size if stop is None else min(page_size, stop - position)):
            changes = [(view, view.project(page)) for view in views]
            if writing:
                yield _written(*writing)
            writing = page, pool.submit(self._commit, page, changes)
            position = page.last_position
        if writing:
            yield _written(*writing)

    def _read(self, partition: int, after: int, limit: int) -> Page | None:
        if limit <= 0:
            return None
        asked = {"partition": partition, "after": after, "limit": limit}
        rows = self._reader.execute(_EVENTS["page"], asked, binary=True)
        return page_of(partition, after, whole(self._reader, rows, 4))

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
