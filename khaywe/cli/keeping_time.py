"""``khaywe run`` and ``khaywe runs``: the jobs that keep time, by hand."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from khaywe.signing_keys import open_keyring
from khaywe.wiring import Database
from ledger.errors import InvalidInput
from projections.jobs import JobRun, read_last_runs, read_runs
from workers.jobs import JOBS, Job
from workers.running import run_job
from workers.runs import Report
from workers.sweeping import Deps


def run(database: Database, signing_key_file: Path, name: str, now: str | None) -> None:
    """
    Run a job, and show how far it is.

    Raises:
        InvalidInput: There is no such job, or the moment is none.
        typer.Exit: Another worker is running it.
    """
    job = _job(name)
    moment = _moment(now)
    columns = (SpinnerColumn(), TextColumn("{task.description}: {task.fields[so_far]}"), TimeElapsedColumn())
    with database.poster() as poster, Progress(*columns) as progress:
        task = progress.add_task(job.title, total=None, so_far="")

        def show_progress(report: Report) -> None:
            progress.update(task, so_far=report.summary())

        deps = Deps(database.connect, poster, database.partition_count, signing_keys=open_keyring(signing_key_file))
        report = run_job(deps, job, now=moment, holder=uuid4(), on_progress=show_progress)
    if report is None:
        typer.echo(f"{name}: another worker is running it.")
        raise typer.Exit(3)
    typer.echo(f"{name}: {report.summary()}.")


def show(database: Database, name: str | None, limit: int) -> None:
    """
    Print the jobs and their last runs, or the history of one.

    Raises:
        InvalidInput: There is no such job.
    """
    if name is not None:
        _job(name)
    with database.connect() as connection:
        if name is None:
            last = read_last_runs(connection)
            for job in JOBS.values():
                told = _last(last.get(job.name))
                typer.echo(f"{job.name:14} every {job.every_minutes:2} min  {told:42} {job.title}")
            return
        for one in read_runs(connection, name, limit):
            typer.echo(
                f"{one.started_at:%Y-%m-%d %H:%M:%S}  {one.status:11} {one.account_count} looked at, "
                f"{one.event_count} recorded, {one.refused_count} refused, {_took(one)} {one.detail}"
            )


def _job(name: str) -> Job:
    if name not in JOBS:
        raise InvalidInput(f"There is no job {name!r}; there are {', '.join(JOBS)}.")
    return JOBS[name]


def _last(run_: JobRun | None) -> str:
    if run_ is None:
        return "never ran"
    return f"{run_.started_at:%Y-%m-%d %H:%M} {run_.status}, {run_.event_count} recorded"


def _took(run_: JobRun) -> str:
    if run_.finished_at is None:
        return "under way"
    return f"{(run_.finished_at - run_.started_at).total_seconds():.1f} s"


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is no moment; write it like 2026-01-31T00:00Z.") from None
    if moment.tzinfo is None:
        raise InvalidInput(f"{text!r} names no time zone; write it like 2026-01-31T00:00Z.")
    return moment
