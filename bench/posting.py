"""Bulk posting through the real poster, against raw COPY of the same events into the same server."""

import time
from collections import deque
from concurrent.futures import Future
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec

from bench.figures import figure, note
from bench.ledgers import PROGRAM_ID, RICH_TERMS, ledger, purchase_lines
from khaywe.collecting import calm_collector
from khaywe.wiring import Database
from ledger.posting.instruction import Posted
from rules.activity import Purchase
from rules.instructions import post_purchase

PURCHASES = 300_000
MEMBERS = 20_000
CHUNK = 2_000


def run() -> None:
    """Measure decode, price, decide, receipts, chain, COPY, commit: everything but HTTP."""
    lines = list(purchase_lines(PURCHASES, MEMBERS))
    with ledger(MEMBERS) as database:
        # Once to warm up, then what counts.
        post(database, lines[: PURCHASES // 6])
        seconds = post(database, lines[PURCHASES // 6 :])
        rate = (PURCHASES - PURCHASES // 6) / seconds
        copied = copy_rate(database)
    figure("posting_bulk_per_s", rate, "purchases/s")
    figure("posting_bulk_vs_copy", rate / copied, "ratio")
    note(f"raw COPY of the same events: {copied:,.0f}/s")
    rich = list(purchase_lines(PURCHASES // 2, MEMBERS, in_order=True))
    with ledger(MEMBERS, terms=RICH_TERMS) as database:
        post(database, rich[: PURCHASES // 12])
        seconds = post(database, rich[PURCHASES // 12 :])
    figure("posting_rich_per_s", (len(rich) - PURCHASES // 12) / seconds, "purchases/s")


def post(database: Database, lines: list[bytes]) -> float:
    """Post purchases given as JSON, and return how many seconds it took until the last was durable."""
    decode = msgspec.json.Decoder(Purchase).decode
    pending: deque[Future[list[Any]]] = deque()
    calm_collector()
    with database.poster() as poster:
        started = time.perf_counter()
        source = iter(lines)
        while chunk := list(islice(source, CHUNK)):
            now = datetime.now(UTC)
            pending.append(poster.begin([post_purchase(PROGRAM_ID, decode(line), now) for line in chunk]))
            if len(pending) > 2:
                settle(pending.popleft())
        while pending:
            settle(pending.popleft())
        return time.perf_counter() - started


def settle(future: "Future[list[Any]]") -> None:
    """Wait for a chunk, and make sure that all of it was posted."""
    assert all(isinstance(outcome, Posted) for outcome in future.result())


def copy_rate(database: Database) -> float:
    """Return events/s of a bare COPY of the ledger's events, in batches as large as the poster's, each committed."""
    with database.connect_as_owner() as connection:
        with connection.cursor().copy("COPY ledger.events TO STDOUT (FORMAT BINARY)") as copy:
            # The first piece is the header with the first row; afterwards one row each; then the trailer.
            rows = [bytes(piece) for piece in copy]
        header, rows = rows[0][:19], [rows[0][19:], *rows[1:]]
        rows = [row for row in rows if row and row != b"\xff\xff"]
        connection.execute("CREATE TABLE ledger.events_copied (LIKE ledger.events INCLUDING ALL)")
        statement = "COPY ledger.events_copied FROM STDIN (FORMAT BINARY)"
        started = time.perf_counter()
        for first in range(0, len(rows), CHUNK):
            with connection.cursor().copy(statement) as copy:
                copy.write(b"".join((header, *rows[first : first + CHUNK], b"\xff\xff")))
        seconds = time.perf_counter() - started
        counted = connection.execute("SELECT count(*) FROM ledger.events_copied").fetchone()
        assert counted == (len(rows),), (counted, len(rows))
        return len(rows) / seconds
