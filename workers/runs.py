"""Writing the history of runs: what ran when, how far it is, and how it ended. It is read in `projections.jobs`."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct
from psycopg import Connection

from ledger.sql import load_queries

_SQL = load_queries("workers")

Status = Literal["running", "finished", "failed", "interrupted"]


class Report(Struct):
    """What a job did."""

    account_count: int = 0
    event_count: int = 0
    refused_count: int = 0
    detail: str = ""

    def summary(self) -> str:
        """Return it in a line."""
        text = f"{self.account_count} looked at, {self.event_count} recorded"
        if self.refused_count:
            text += f", {self.refused_count} refused"
        return f"{text}; {self.detail}" if self.detail else text


OnProgress = Callable[[Report], None]
"""Told how far a job is, after every page."""


def start_run(connection: Connection[Any], run_id: UUID, job: str, now: datetime) -> None:
    """Note that a job begins."""
    connection.execute(_SQL["start_run"], {"run_id": run_id, "job": job, "as_of": now})


def note_progress(connection: Connection[Any], run_id: UUID, report: Report) -> None:
    """Note how far a run is."""
    connection.execute(_SQL["progress_run"], {"run_id": run_id} | _counts(report))


def end_run(connection: Connection[Any], run_id: UUID, report: Report, status: Status) -> None:
    """Note how a run ended."""
    asked = {"run_id": run_id, "status": status, "detail": report.detail}
    connection.execute(_SQL["end_run"], asked | _counts(report))


def interrupt_runs(connection: Connection[Any], job: str) -> None:
    """Note that runs of a job that were never ended will not be; only for the holder of its lease."""
    connection.execute(_SQL["interrupt_runs"], {"job": job})


def _counts(report: Report) -> dict[str, int]:
    return {
        "account_count": report.account_count,
        "event_count": report.event_count,
        "refused_count": report.refused_count,
    }
