"""``khaywe views rebuild``, with progress."""

import typer
from rich.progress import Progress

from khaywe.wiring import Database
from projections.page import Page
from projections.rebuild import BESIDE, Comparison, build_beside, compare_and_swap
from projections.views import VIEWS


def rebuild(database: Database, names: list[str], *, compare_only: bool, is_quiet: bool = False) -> list[Comparison]:
    """
    Build views anew, compare, and swap unless told not to.

    Raises:
        ValueError: A name is not a view's.
    """
    unknown = [name for name in names if name not in VIEWS]
    if unknown:
        raise ValueError(f"There is no view {', '.join(unknown)}; there are: {', '.join(VIEWS)}.")
    views = [VIEWS[name] for name in names or VIEWS]
    with (
        database.connect_as_owner() as owner,
        database.connect() as reader,
        database.connect_views(BESIDE) as writer,
        Progress(disable=is_quiet) as progress,
    ):
        heads = owner.execute("SELECT sum(position) FROM ledger.heads").fetchone()
        task = progress.add_task("events", total=int(heads[0]) if heads else None)

        def show(page: Page) -> None:
            progress.update(task, advance=page.last_position - page.first_position)

        build_beside(owner, reader, writer, views, show)
        compared = compare_and_swap(owner, reader, writer, views, swap=not compare_only)
    for one in () if is_quiet else compared:
        verdict = "equal" if one.is_equal else f"DIFFERENT: live {one.live_rows} rows, rebuilt {one.rebuilt_rows}"
        typer.echo(f"{one.table:12} {one.rebuilt_rows:>12} rows  {verdict}")
    return compared
