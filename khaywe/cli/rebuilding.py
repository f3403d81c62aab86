"""``khaywe views rebuild`` and ``khaywe views compare``, with progress."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from itertools import groupby
from operator import attrgetter
from typing import Any

import typer
from psycopg import Connection
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from khaywe.collecting import calm_collector
from khaywe.wiring import Database
from projections.page import Page, View
from projections.rebuild import BESIDE, Comparison, build_beside, compare_and_swap, compare_beside, sole_builder
from projections.views import VIEWS

Finish = Callable[[Connection[Any], Connection[Any], Connection[Any], Sequence[View]], list[Comparison]]


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Return events per second."""
        return Text(f"{task.speed or 0:,.0f}/s", style="progress.data.speed")


def rebuild(database: Database, names: list[str], *, compare_only: bool) -> list[Comparison]:
    """
    Build views anew, compare, and swap unless told not to.

    Raises:
        ValueError: A name is not a view's, or somebody else is building.
    """
    compared = _built(database, names, compare_beside if compare_only else compare_and_swap)
    _tell(compared)
    return compared


def compare(database: Database, names: list[str]) -> bool:
    """
    Build views anew, compare them with the live ones, and tell whether every row is the same.

    Raises:
        ValueError: A name is not a view's, somebody else is building, or the views are not in step.
    """
    return all(one.is_equal for one in rebuild(database, names, compare_only=True))


def _built(database: Database, names: list[str], finish: Finish) -> list[Comparison]:
    unknown = [name for name in names if name not in VIEWS]
    if unknown:
        raise ValueError(f"There is no view {', '.join(unknown)}; there are: {', '.join(VIEWS)}.")
    views = [VIEWS[name] for name in names or VIEWS]
    calm_collector()
    with database.connect_as_owner() as owner, sole_builder(owner), ExitStack() as stack:
        reader = stack.enter_context(database.connect())
        writer = stack.enter_context(database.connect_views(BESIDE))
        columns = (TextColumn("{task.description}"), BarColumn(), _Rate(), TimeRemainingColumn())
        progress = stack.enter_context(Progress(*columns))
        heads = owner.execute("SELECT sum(position) FROM ledger.heads").fetchone()
        task = progress.add_task("events", total=int(heads[0]) if heads else None)

        def show(page: Page) -> None:
            progress.update(task, advance=page.last_position - page.first_position)

        build_beside(owner, reader, writer, views, show)
        progress.update(task, description="comparing")
        return finish(owner, reader, writer, views)


def _tell(compared: Iterable[Comparison]) -> None:
    for table, parts in groupby(compared, attrgetter("table")):
        ours = list(parts)
        live, rebuilt = (sum(getattr(one, name) for one in ours) for name in ("live_rows", "rebuilt_rows"))
        differing = [one for one in ours if not one.is_equal]
        verdict = f"DIFFERENT: live {live} rows, rebuilt {rebuilt}" if differing else "equal"
        typer.echo(f"{table:12} {rebuilt:>12} rows  {verdict}")
        for one in differing:
            for mark, rows in (("live only", one.only_live), ("rebuilt only", one.only_rebuilt)):
                for row in rows:
                    typer.echo(f"  partition {one.partition}, {mark}: {row}")
