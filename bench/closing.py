"""Closing a month of many events, and its memory."""

import os
import resource
import time
from datetime import UTC, date, datetime

from bench.figures import figure, note
from bench.ledgers import PROGRAM_ID, ledger, purchase_lines
from bench.posting import post
from khaywe.wiring import Database
from ledger.bookkeeping.decide import BookkeepingCommand
from ledger.bookkeeping.events import SettingsSet
from ledger.posting.instruction import Posted
from projections.books.reports import worked_out
from rules.instructions.bookkeeping import keep_books

PURCHASES = int(os.environ.get("KHAYWE_BENCH_CLOSE", "1000000"))
MEMBERS = 100_000
_BY = "bench"


def run() -> None:
    """Measure a month of purchases that all made a lot, from asking for it until it is closed."""
    lines = [_in_june(line) for line in purchase_lines(PURCHASES, MEMBERS)]
    with ledger(MEMBERS) as database:
        settings = SettingsSet(
            PROGRAM_ID, "points", date(2025, 1, 1), "USD", "1", "0.9", "proportional", _BY, datetime.now(UTC)
        )
        _carry_out(database, settings)
        post(database, lines)
        del lines
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.perf_counter()
        with database.connect() as connection:
            command = worked_out(connection, PROGRAM_ID, 1, "2025-06", _BY, datetime.now(UTC))
        _carry_out(database, command)
        seconds = time.perf_counter() - started
        grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1024
    figure("close_s", seconds * 1_000_000 / command.closed.event_count, "s per 1,000,000 events")
    note(f"{command.closed.event_count:,} events in {seconds:.1f} s; the peak of memory grew by {grown_mb:.0f} MB")


def _in_june(line: bytes) -> bytes:
    head, mark, rest = line.partition(b'"occurred_at":"2025-')
    return head + mark + b"06" + rest[2:]


def _carry_out(database: Database, command: BookkeepingCommand) -> None:
    with database.poster() as poster:
        (outcome,) = poster.post([keep_books(PROGRAM_ID, command, ((_BY, type(command).__name__),))])
    assert isinstance(outcome, Posted), outcome
