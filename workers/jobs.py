"""
The jobs that keep time. Each can be run at any time, any number of times, by hand or by the clock.

Nothing is wrong while none of them runs: dates decide what is available, held, lapsed or kept. What they record is for
finance and for messages, and for whoever would rather read events than work dates out.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from msgspec import Struct

from ledger.posting.instruction import Instruction
from ledger.streams import StreamId
from projections.due import (
    accounts_with_ended_holds,
    accounts_with_ended_tiers,
    accounts_with_lapsed_lots,
    accounts_with_lots_to_release,
)
from rules.instructions.timing import end_tiers, expire_holds, expire_lots, release_lots
from workers.batches import delete_old_items
from workers.checking import check_balances
from workers.forgetting import forget_deliveries
from workers.members import finish_erasures, finish_mergers
from workers.periods import close_periods
from workers.runs import OnProgress, Report
from workers.sealing import take_daily_checkpoint
from workers.sweeping import Deps, Find, ProgramOn, Sweep, programs_on
from workers.warning import warn

Work = Callable[[Deps, datetime, OnProgress], Report]
MakeFor = Callable[[str, StreamId, datetime], Instruction]


class Job(Struct, frozen=True):
    """Something that is run again and again."""

    name: str
    title: str
    every_minutes: int
    work: Work


def _sweeping(make: MakeFor, find: Callable[[ProgramOn, datetime], Find]) -> Work:
    """Return the work of a job that posts one instruction to each account it finds."""

    def work(deps: Deps, now: datetime, on_progress: OnProgress) -> Report:
        with deps.connect() as connection:
            sweep = Sweep(deps, connection, on_progress, Report())
            for program in programs_on(connection, deps.partition_count, now):
                sweep.run(program.program_id, find(program, now), partial(_make, make, program.program_id, now))
        return sweep.report

    return work


def _make(make: MakeFor, program_id: str, now: datetime, account_id: StreamId) -> Instruction:
    return make(program_id, account_id, now)


JOBS: Final = {
    job.name: job
    for job in (
        Job(
            "expire-holds",
            "Record holds whose time is up",
            1,
            _sweeping(
                expire_holds,
                lambda _, now: partial(accounts_with_ended_holds, at=now),
            ),
        ),
        Job(
            "release-lots",
            "Record promised points whose day has come",
            15,
            _sweeping(
                release_lots,
                lambda program, _: partial(accounts_with_lots_to_release, on=program.on),
            ),
        ),
        Job(
            "expire-lots",
            "Record points that have lapsed, and turn them into vouchers where the program says so",
            15,
            _sweeping(
                expire_lots,
                lambda program, _: partial(accounts_with_lapsed_lots, on=program.on),
            ),
        ),
        Job(
            "end-tiers",
            "Record tiers that have ended",
            15,
            _sweeping(
                end_tiers,
                lambda program, _: partial(accounts_with_ended_tiers, on=program.on),
            ),
        ),
        Job("close-periods", "Record what counted in the tiers' windows that are over", 60, close_periods),
        Job("warn-members", "Note whose points are about to lapse, and whose tier is about to end", 60, warn),
        Job("check-balances", "Check that balances are what the open lots hold", 60, check_balances),
        Job("finish-mergers", "Move identifiers and profiles that a merger left behind", 5, finish_mergers),
        Job("finish-erasures", "Carry out erasures that were interrupted", 5, finish_erasures),
        Job("forget-deliveries", "Forget webhooks that were delivered or given up long ago", 60, forget_deliveries),
        Job("delete-batch-items", "Delete the items of batches that ended long ago", 60, delete_old_items),
        Job("take-checkpoint", "Sign what the ledger holds, once a day", 60, take_daily_checkpoint),
    )
}
"""All jobs by name."""
