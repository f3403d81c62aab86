"""Whom to warn: members whose points lapse soon, or whose tier ends."""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import Any

from psycopg import Connection

from ledger.sql import load_queries
from projections.due import Scope, lapsing_points, tiers_ending
from workers.runs import OnProgress, Report
from workers.sweeping import Deps, ProgramOn, programs_on

_SQL = load_queries("workers")


def warn(deps: Deps, now: datetime, on_progress: OnProgress) -> Report:
    """Write down, once for each date, what members are about to lose; messages are made of it."""
    report = Report()
    with deps.connect() as connection:
        for program in programs_on(connection, deps.partition_count, now):
            for partition in range(deps.partition_count):
                scope = Scope(program.program_id, partition)
                for rows in chain(
                    _lapsing(connection, program, scope, now, deps.batch_size),
                    _ending(connection, program, scope, now, deps.batch_size),
                ):
                    report.account_count += len(rows)
                    report.event_count += _write(connection, rows)
                    on_progress(report)
    return report


def _lapsing(
    connection: Connection[Any], program: ProgramOn, scope: Scope, now: datetime, size: int
) -> Iterator[list[dict[str, Any]]]:
    days = _policy(program, now).expiry_days
    for found in lapsing_points(connection, scope, program.on, days, size):
        yield [
            _row(program, now, one, "points_lapse", one.point_currency) | {"due_on": one.first_on, "points": one.points}
            for one in found
        ]


def _ending(
    connection: Connection[Any], program: ProgramOn, scope: Scope, now: datetime, size: int
) -> Iterator[list[dict[str, Any]]]:
    days = _policy(program, now).tier_days
    for found in tiers_ending(connection, scope, program.on, days, size):
        yield [
            _row(program, now, one, "tier_ends", f"{one.ladder}:{one.tier}") | {"due_on": one.valid_until, "points": 0}
            for one in found
        ]


def _policy(program: ProgramOn, now: datetime) -> Any:
    version = program.program.version_at(now)
    assert version is not None
    return version.terms.warnings


def _row(program: ProgramOn, now: datetime, one: Any, kind: str, subject: str) -> dict[str, Any]:
    return {
        "program_id": program.program_id,
        "account_id": one.account_id,
        "member_id": one.member_id,
        "kind": kind,
        "subject": subject,
        "warned_at": now,
    }


def _write(connection: Connection[Any], rows: list[dict[str, Any]]) -> int:
    """Write rows, and return how many are new."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(_SQL["warn"], rows)
        return max(0, cursor.rowcount)
