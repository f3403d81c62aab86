"""Run by `test_books_memory` in a process of its own: do something with a month, and print the peak of memory."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from ledger.posting.cache import StateCache
from ledger.streams import PROGRAM, program_stream_id
from projections.books import reports
from projections.books.exporting import export_month
from projections.books.history import read_history

PERIOD = "2025-01"


def main(url: str, program_id: str, what: str) -> None:
    """Close the month, or write its journal in a form."""
    cache, stream_id = StateCache(1), program_stream_id(program_id)
    with psycopg.connect(url, autocommit=True) as connection, TemporaryDirectory() as folder:
        cache.load(connection, {stream_id: PROGRAM})
        program = cache.entries[stream_id].state
        file = Path(folder, f"journal.{what}")
        if what == "close":
            closing = reports.worked_out(connection, program_id, 1, PERIOD, "test", datetime.now(UTC))
            assert closing.closed.event_count
        else:
            history = read_history(connection, program_id, 1)
            assert export_month(connection, program, history, PERIOD, file, "test").line_count
    # Unlike the maximum that getrusage knows, this one begins with the program, not with who started it.
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    sys.stdout.write(f"{line.split()[1]}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
