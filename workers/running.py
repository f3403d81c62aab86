"""Running a job: under its lease, with a place in the history."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import structlog
from psycopg import Connection

from workers.jobs import Job
from workers.leases import Lease, LeaseLost
from workers.runs import OnProgress, Report, end_run, interrupt_runs, note_progress, start_run
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
            return _run(deps, connection, job, lease, now, on_progress)
        finally:
            lease.leave(connection)


def _run(
    deps: Deps, connection: Connection[Any], job: Job, lease: Lease, now: datetime, on_progress: OnProgress
) -> Report:
    interrupt_runs(connection, job.name)
    run_id, so_far = uuid4(), Report()
    start_run(connection, run_id, job.name, now)

    def progress(report: Report) -> None:
        nonlocal so_far
        so_far = report
        lease.renew(connection)
        note_progress(connection, run_id, report)
        on_progress(report)

    try:
        report = job.work(deps, now, progress)
    except LeaseLost:
        so_far.detail = "another worker took over"
        end_run(connection, run_id, so_far, "interrupted")
        return so_far
    except Exception as error:
        so_far.detail = f"{type(error).__name__}: {error}"
        end_run(connection, run_id, so_far, "failed")
        raise
    end_run(connection, run_id, report, "finished")
    if report.event_count or report.refused_count:
        _log.info(
            "job_finished",
            job=job.name,
            account_count=report.account_count,
            event_count=report.event_count,
            refused_count=report.refused_count,
        )
    return report
