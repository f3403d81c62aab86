"""When jobs run. APScheduler only triggers; what a job does, and whether it is ours to do, is not its business."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from ledger.errors import LedgerError
from workers.jobs import JOBS, Job
from workers.running import run_job
from workers.sweeping import Deps

_log = structlog.get_logger("worker")

_FIRST_RUN_S = 5.0
"""Soon after the start, because it may have been long since the last."""


@contextmanager
def scheduled(deps: Deps) -> Iterator[BackgroundScheduler]:
    """Run the jobs for as long as the block lasts, one at a time; one that is under way is finished first."""
    holder = uuid4()
    scheduler = BackgroundScheduler(
        executors={"default": ThreadPoolExecutor(1)},
        timezone=UTC,
        # A run that was missed is made up for by the next, once.
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )

    def trigger(job: Job) -> None:
        try:
            run_job(deps, job, now=datetime.now(UTC), holder=holder)
        except (LedgerError, psycopg.Error) as error:
            _log.warning("job_failed", job=job.name, error=str(error).strip(), error_type=type(error).__name__)
        except Exception:  # noqa: BLE001  # the edge of the thread: a bug in one job must not stop the others
            _log.exception("job_failed", job=job.name)

    for number, job in enumerate(JOBS.values()):
        scheduler.add_job(
            trigger,
            IntervalTrigger(minutes=job.every_minutes, timezone=UTC),
            args=[job],
            id=job.name,
            next_run_time=datetime.now(UTC) + timedelta(seconds=_FIRST_RUN_S + number),
        )
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.shutdown(wait=True)
