"""The end of a calendar year on ladders that count by it."""

from datetime import date, datetime, timedelta
from functools import partial

from ledger.posting.instruction import Instruction
from ledger.program.ladders import CalendarYear
from ledger.sql import load_queries
from ledger.streams import StreamId
from projections.due import accounts_of_program
from rules.instructions.timing import close_period
from workers.runs import OnProgress, Report
from workers.sweeping import Deps, ProgramOn, Sweep, programs_on

_SQL = load_queries("workers")
_JOB = "close-periods"


def close_periods(deps: Deps, now: datetime, on_progress: OnProgress) -> Report:
    """Record, once for every account, what counted in the year that is over and what goes on into the next."""
    with deps.connect() as connection:
        sweep = Sweep(deps, connection, on_progress, Report())
        for program in programs_on(connection, deps.partition_count, now):
            for ladder, last_day in _over(program, now):
                key = f"{program.program_id}:{ladder}:{last_day.isoformat()}"
                if connection.execute(_SQL["is_completed"], {"job": _JOB, "key": key}).fetchone():
                    continue
                sweep.run(
                    program.program_id, accounts_of_program, partial(_make, program.program_id, now, ladder, last_day)
                )
                connection.execute(_SQL["complete"], {"job": _JOB, "key": key})
    return sweep.report


def _over(program: ProgramOn, now: datetime) -> list[tuple[str, date]]:
    """Return the ladders that count by calendar year, with the last day of the year before."""
    version = program.program.version_at(now)
    assert version is not None
    last_day = date(program.on.year, 1, 1) - timedelta(days=1)
    return [(one.code, last_day) for one in version.terms.ladders if isinstance(one.window, CalendarYear)]


def _make(program_id: str, now: datetime, ladder: str, last_day: date, account_id: StreamId) -> Instruction:
    return close_period(program_id, account_id, now, ladder, last_day)
