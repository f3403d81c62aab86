"""What the workers wrote down: runs of their jobs, and whom to warn."""

from projections.jobs.rows import (
    JobRun,
    Warned,
    WarningCursor,
    read_last_finished,
    read_last_runs,
    read_runs,
    read_warnings,
)

__all__ = [
    "JobRun",
    "Warned",
    "WarningCursor",
    "read_last_finished",
    "read_last_runs",
    "read_runs",
    "read_warnings",
]
