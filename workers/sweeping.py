"""Going through accounts about which time has decided something, in bounded batches."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import structlog
from msgspec import Struct
from psycopg import Connection

from ledger.dates import local_date, time_zone
from ledger.posting.cache import StateCache
from ledger.posting.instruction import Instruction, LedgerBusy, LedgerUnavailable, Posted
from ledger.posting.poster import Poster
from ledger.program.state import Program
from ledger.signing import Keyring
from ledger.sql import load_queries
from ledger.streams import PROGRAM, StreamId, program_stream_id
from projections.due import Pages, Scope
from workers.runs import OnProgress, Report

_SQL = load_queries("workers")
_log = structlog.get_logger("worker")

Find = Callable[..., Pages]
"""Finds accounts, with a connection, a scope, and ``size``: accounts on a page."""
Make = Callable[[StreamId], Instruction]


class Deps(Struct, frozen=True):
    """What jobs work with."""

    connect: Callable[[], Connection[Any]]
    """Opens a connection as the application role."""
    poster: Poster
    partition_count: int
    batch_size: int = 1000
    """Accounts at a time: a batch of the poster, and what a kill can undo."""
    signing_keys: Keyring | None = None
    """Sign checkpoints; where they are not at hand, none are taken."""


class ProgramOn(Struct, frozen=True):
    """A program on a date of its own calendar."""

    program: Program
    on: date

    @property
    def program_id(self) -> str:
        """Its id."""
        return self.program.program_id


def programs_on(connection: Connection[Any], partition_count: int, now: datetime) -> list[ProgramOn]:
    """Return every program that has members and prices something at a moment, with its own date then."""
    ids = [program_id for (program_id,) in connection.execute(_SQL["programs"])]
    cache = StateCache(partition_count)
    cache.load(connection, {program_stream_id(program_id): PROGRAM for program_id in ids})
    programs = [cache.entries[program_stream_id(program_id)].state for program_id in ids]
    return [
        ProgramOn(program, local_date(now, time_zone(program.timezone)))
        for program in programs
        if program is not None and program.version_at(now) is not None
    ]


class Sweep(Struct):
    """A job on its way through accounts."""

    deps: Deps
    connection: Connection[Any]
    """To find accounts with."""
    on_progress: OnProgress
    """Told after every batch; may raise to stop."""
    report: Report

    def run(self, program_id: str, find: Find, make: Make) -> None:
        """
        Post an instruction to every account that is found; after an interruption the next run goes on with the rest.

        Args:
            program_id: Whose accounts.
            find: Finds them.
            make: Makes the instruction for one.

        Raises:
            LedgerError: The ledger could not be written to.
        """
        for partition in range(self.deps.partition_count):
            for page in find(self.connection, Scope(program_id, partition), size=self.deps.batch_size):
                self._post(program_id, [make(account_id) for account_id in page])

    def _post(self, program_id: str, instructions: list[Instruction]) -> None:
        report = self.report
        for outcome in self.deps.poster.post(instructions):
            if isinstance(outcome, LedgerBusy | LedgerUnavailable):
                raise outcome
            report.account_count += 1
            if not isinstance(outcome, Posted):
                report.refused_count += 1
                _log.warning("account_passed_over", program_id=program_id, slug=outcome.slug)
            elif outcome.event is not None and not outcome.replayed:
                report.event_count += 1
        self.on_progress(report)
