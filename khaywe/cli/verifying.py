"""``khaywe audit verify``: the chain, the checkpoints, every account, and the views against the events."""

import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import typer
from rich.progress import Progress

from khaywe.auditing import BooksPart, Report, ViewPart, verify_ledger
from khaywe.auditing.archived import verify_archived
from khaywe.cli.archiving import envelope_in, trusted_keys
from khaywe.cli.rebuilding import rebuild
from khaywe.settings import Settings
from khaywe.wiring import Database
from ledger.store.newest import created_programs
from projections.books.checks import check_month
from projections.books.history import read_history
from projections.runner import Overtaken, Runner
from projections.views import VIEWS

_PROGRAMS_AT_ONCE = 100


def verify(
    database: Database,
    found: Settings,
    *,
    with_views: bool,
    with_books: bool = False,
    as_json: bool = False,
    keys: list[str] | None = None,
    checkpoint_files: list[str] | None = None,
) -> None:
    """
    Check every partition's chain and the checkpoints; fold every account anew; then build every view anew and compare;
    and, if asked to, work out every month that is closed anew.

    Raises:
        typer.Exit: Something is not as it was recorded; what, was printed.
    """
    started = time.monotonic()
    anchors = [envelope_in(file) for file in checkpoint_files or []]
    if with_views:
        # The live views may lag, or nobody follows the ledger right now; compare what they should show by now.
        with suppress(Overtaken), database.connect() as reader, database.connect_views() as writer:
            deque(Runner(reader, writer, list(VIEWS.values())).catch_up(), maxlen=0)
    with _shown(is_quiet=as_json) as show:
        report = verify_ledger(
            database, trusted_keys(found, keys or []), anchors, with_accounts=with_views, on_progress=show
        )
    if not as_json:
        _tell(report)
    if with_views and all(part.last_link for part in report.partitions):
        for one in rebuild(database, [], compare_only=True, is_quiet=as_json):
            report.views.append(ViewPart(one.table, one.rebuilt_rows, one.live_rows, one.is_equal))
            report.is_whole &= one.is_equal
    if with_books and all(part.last_link for part in report.partitions):
        for part in _books(database):
            report.books.append(part)
            report.is_whole &= part.is_passed
            if not as_json:
                typer.echo(f"books of {part.program_id}, {part.period}: {part.told or 'as they were closed'}")
    report.seconds = round(time.monotonic() - started, 3)
    _end(report, "ledger", as_json=as_json)


def _books(database: Database) -> Iterator[BooksPart]:
    with database.connect() as connection:
        after = None
        while program_ids := created_programs(connection, after=after, only=(), limit=_PROGRAMS_AT_ONCE):
            for program_id in program_ids:
                for period in read_history(connection, program_id, database.partition_count).closed_periods:
                    found = check_month(connection, program_id, database.partition_count, period)
                    failed = next((f"{one.name}: {one.told}" for one in found.checks if not one.is_passed), "")
                    yield BooksPart(program_id, period, found.is_passed, failed)
            after = program_ids[-1]


def verify_folder(
    found: Settings, folder: Path, *, as_json: bool, keys: list[str], checkpoint_files: list[str]
) -> None:
    """
    Do the same with an archive: its chain, its checkpoints, and every account in it.

    Raises:
        typer.Exit: Something is not as it was recorded; what, was printed.
    """
    started = time.monotonic()
    anchors = [envelope_in(file) for file in checkpoint_files]
    with _shown(is_quiet=as_json) as show:
        report = verify_archived(folder, trusted_keys(found, keys), anchors, on_progress=show)
    report.seconds = round(time.monotonic() - started, 3)
    if not as_json:
        _tell(report)
    _end(report, "archive", as_json=as_json)


@contextmanager
def _shown(*, is_quiet: bool) -> Iterator["_Show"]:
    with Progress(transient=True, disable=is_quiet) as progress:
        yield _Show(progress)


class _Show:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks = {what: progress.add_task(what, visible=False) for what in ("chain", "accounts", "events")}

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show how far something is."""
        self._progress.update(self._tasks[what], completed=done, total=total or None, visible=True)


def _tell(report: Report) -> None:
    for part in report.partitions:
        if part.last_link:
            typer.echo(f"partition {part.partition}: {part.event_count} events, last link {part.last_link}")
    for fault in report.faults:
        typer.secho(str(fault), err=True, fg=typer.colors.RED)
    if report.checkpoints and report.is_whole:
        typer.echo(f"checkpoints: {len(report.checkpoints)}, and all agree")
    if report.accounts and report.is_whole:
        accounts = report.accounts
        typer.echo(f"streams: {accounts.stream_count} folded anew from {accounts.event_count} events")


def _end(report: Report, what: str, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n")
    elif report.is_whole:
        typer.secho(f"The {what} is whole.", fg=typer.colors.GREEN)
    else:
        typer.secho(f"The {what} is NOT whole.", err=True, fg=typer.colors.RED)
    if not report.is_whole:
        raise typer.Exit(1)
