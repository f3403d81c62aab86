"""Running a job: under its lease, with a place in the history."""

import time
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import structlog
from psycopg import Connection

from workers.jobs import Job
from workers.leases import Lease, LeaseLost
from workers.runs import OnProgress, Report, Status, end_run, interrupt_runs, note_progress, start_run
from workers.sweeping import Deps

_log = structlog.get_logger("worker")


def run_job(
    deps: Deps,
    job: Job,
    *,
    now: datetime,
    holder: UUID,
    on_progress: OnProgress = lambda _: None,
) -> Report | None:
    """
    Run a job, unless another worker is running it.

    Args:
        deps: What it works with.
        job: Which.
        now: The moment that it runs for; normally now.
        holder: Who we are; the same for all jobs of a process.
        on_progress: Told after every batch.

    Returns:
        What it did; ``None`` if somebody else holds the lease.

    Raises:
        LedgerError: The ledger could not be written to; the run is noted as failed.
    """
    lease = Lease(f"job:{job.name}", holder)
    with deps.connect() as connection:
        if not lease.take(connection):
            return None
        try:
            return _Running(connection, lease, job, on_progress).work(deps, now)
        finally:
            lease.leave(connection)


class _Running:
    """A run under way."""

    def __init__(self, connection: Connection[Any], lease: Lease, job: Job, on_progress: OnProgress) -> None:
        self._connection = connection
        self._lease = lease
        self._job = job
        self._on_progress = on_progress
        self._run_id = uuid4()
        self._so_far = Report()
        self._started = time.perf_counter()

    def work(self, deps: Deps, now: datetime) -> Report:
        interrupt_runs(self._connection, self._job.name)
        start_run(self._connection, self._run_id, self._job.name, now)
        try:
            report = self._job.work(deps, now, self._progress)
        except LeaseLost:
            return self._end("interrupted", "another worker took over")
        except Exception as error:
            self._end("failed", f"{type(error).__name__}: {error}")
            raise
        self._so_far = report
        return self._end("finished", report.detail)

    def _progress(self, report: Report) -> None:
        self._so_far = report
        self._lease.renew(self._connection)
        note_progress(self._connection, self._run_id, report)
        self._on_progress(report)

    def _end(self, status: Status, detail: str) -> Report:
        self._so_far.detail = detail
        # A failure is told by whoever triggered the run, with its cause; this is its place in the count of runs.
        _log.info(
            "job_ended",
            job=self._job.name,
            status=status,
            account_count=self._so_far.account_count,
            event_count=self._so_far.event_count,
            refused_count=self._so_far.refused_count,
            duration_ms=round((time.perf_counter() - self._started) * 1000, 1),
        )
        end_run(self._connection, self._run_id, self._so_far, status)
        return self._so_far
