"""Runs of jobs, and warnings."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import Connection
from psycopg.rows import class_row

from ledger.sql import load_queries

_SQL = load_queries("projections.jobs")


class JobRun(Struct, frozen=True):
    """One run of a job."""

    run_id: UUID
    job: str
    as_of: datetime
    """The moment that it ran for."""
    started_at: datetime
    finished_at: datetime | None
    status: str
    """``running``, ``finished``, ``failed`` or ``interrupted``."""
    account_count: int
    """Accounts that were looked at so far."""
    event_count: int
    """Of them those for which something was recorded."""
    refused_count: int
    detail: str


class Warned(Struct, frozen=True):
    """Something that a member is about to lose."""

    account_id: UUID
    member_id: UUID
    kind: str
    """``points_lapse`` or ``tier_ends``."""
    subject: str
    """The point currency, or ladder and tier."""
    due_on: date
    points: int
    warned_at: datetime


WarningCursor = tuple[datetime, UUID, str, str, date]
"""When the last warning seen was written, its account, kind, subject and date."""


def read_runs(connection: Connection[Any], job: str | None = None, limit: int = 100) -> list[JobRun]:
    """Return the newest runs, of all jobs or one."""
    with connection.cursor(row_factory=class_row(JobRun)) as cursor:
        return cursor.execute(_SQL["runs"], {"job": job, "limit": limit}).fetchall()


def read_last_runs(connection: Connection[Any]) -> dict[str, JobRun]:
    """Return the newest run of each job."""
    with connection.cursor(row_factory=class_row(JobRun)) as cursor:
        return {run.job: run for run in cursor.execute(_SQL["last_runs"])}


def read_last_finished(connection: Connection[Any]) -> dict[str, JobRun]:
    """Return the newest run of each job that came to its end, if that was within a week."""
    with connection.cursor(row_factory=class_row(JobRun)) as cursor:
        return {run.job: run for run in cursor.execute(_SQL["last_finished"])}


def read_warnings(
    connection: Connection[Any],
    program_id: str,
    after: WarningCursor | None = None,
    limit: int = 100,
) -> list[Warned]:
    """Return warnings in the order in which they were written, after one of them."""
    warned_at, account_id, kind, subject, due_on = after or ("-infinity", UUID(int=0), "", "", date.min)
    asked = {
        "program_id": program_id,
        "warned_at": warned_at,
        "account_id": account_id,
        "kind": kind,
        "subject": subject,
        "due_on": due_on,
        "limit": limit,
    }
    with connection.cursor(row_factory=class_row(Warned)) as cursor:
        return cursor.execute(_SQL["warnings"], asked).fetchall()
