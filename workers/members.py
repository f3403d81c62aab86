"""What was begun about members and interrupted: mergers and erasures."""

from datetime import datetime, timedelta

import msgspec

from ledger.members.erasing import forget, unfinished_erasures, withdraw
from ledger.members.merging import finish_merger, unfinished_mergers
from ledger.posting.instruction import LedgerBusy, LedgerUnavailable, Posted
from rules.instructions import erase_member
from rules.requests import ErasureRequest
from workers.runs import OnProgress, Report
from workers.sweeping import Deps, programs_on

_PATIENCE = timedelta(minutes=1)
"""Whoever asked is given time to finish it themselves."""


def finish_mergers(deps: Deps, now: datetime, on_progress: OnProgress) -> Report:
    """Move identifiers and profiles that a merger left behind."""
    report = Report()
    with deps.connect() as connection:
        for program in programs_on(connection, deps.partition_count, now):
            for member_id, merged_into in unfinished_mergers(connection, program.program_id):
                finish_merger(connection, program.program_id, member_id, merged_into, now)
                report.account_count += 1
                on_progress(report)
    return report


def finish_erasures(deps: Deps, now: datetime, on_progress: OnProgress) -> Report:
    """Carry out erasures that were asked for and not proved."""
    report = Report()
    with deps.connect() as connection:
        for asked in unfinished_erasures(connection, now - _PATIENCE):
            request = msgspec.json.decode(asked.request, type=ErasureRequest)
            instruction = erase_member(asked.program_id, asked.member_id, request, asked.principal, asked.asked_at)
            (outcome,) = deps.poster.post([instruction])
            if isinstance(outcome, LedgerBusy | LedgerUnavailable):
                raise outcome
            report.account_count += 1
            if isinstance(outcome, Posted):
                forget(connection, asked, outcome, deps.partition_count, now)
                report.event_count += not outcome.replayed
            else:
                withdraw(connection, asked.program_id, asked.member_id)
                report.refused_count += 1
            on_progress(report)
    return report
