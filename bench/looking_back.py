"""Looking back at one long account, and building all views anew."""

import os
import resource
import statistics
import time
from datetime import UTC, date, datetime
from typing import Any

from psycopg import Connection

from bench.figures import figure, note
from bench.ledgers import PROGRAM_ID, ledger, purchase_lines
from bench.posting import post
from khaywe.collecting import calm_collector
from khaywe.wiring import Database
from ledger.dates import time_zone
from ledger.store.partitions import partition_of
from ledger.streams import StreamId
from projections.beside import sole_builder
from projections.lookback import cut_at, past_account, program_balances
from projections.rebuild import BESIDE, build_beside, compare_and_swap
from projections.runner import Runner
from projections.views import VIEWS

EVENTS = 5_000
PURCHASES = int(os.environ.get("KHAYWE_BENCH_REBUILD", "300000"))
MEMBERS = 20_000
ZONE = time_zone("America/New_York")


def run() -> None:
    """Measure the median of many questions about one account, then a rebuild of all views."""
    with ledger(1) as database:
        post(database, list(purchase_lines(EVENTS - 1, 1)))
        times = [_ask(database, date(2025, 1 + number % 12, 28)) for number in range(40)]
    figure("as_of_ms", statistics.median(times) * 1000, "ms")
    with ledger(MEMBERS) as database:
        post(database, list(purchase_lines(PURCHASES, MEMBERS)))
        _follow(database)
        before_mb = _peak_mb()
        figure("rebuild_events_per_s", _rebuild(database), "events/s")
        note(f"peak memory {before_mb:,.0f} MB before the rebuild, {_peak_mb():,.0f} MB after it")
        started = time.perf_counter()
        with database.connect() as connection:
            partitions = range(database.partition_count)
            cut = cut_at(connection, partitions, ZONE, datetime.now(UTC), as_of=date(2025, 6, 30))
            program_balances(connection, PROGRAM_ID, cut)
        rate = (PURCHASES + MEMBERS) / (time.perf_counter() - started)
        note(f"balances of the program as of a date: {rate:,.0f} events/s, peak memory {_peak_mb():,.0f} MB")


def _ask(database: Database, on: date) -> float:
    with database.connect() as connection:
        account_id = _account(connection)
        started = time.perf_counter()
        partitions = [partition_of(account_id, database.partition_count)]
        cut = cut_at(connection, partitions, ZONE, datetime.now(UTC), as_of=on, as_at=datetime.now(UTC))
        account = past_account(connection, account_id, database.partition_count, cut)
        seconds = time.perf_counter() - started
    assert account is not None
    assert account.version == EVENTS
    return seconds


def _account(connection: Connection[Any]) -> StreamId:
    query = "SELECT uuid_send(stream_id) FROM ledger.events WHERE topic = 'account.opened.v1'"
    row = connection.execute(query).fetchone()
    assert row is not None
    found: StreamId = row[0]
    return found


def _follow(database: Database) -> None:
    with database.connect() as reader, database.connect_views() as writer:
        for _ in Runner(reader, writer, list(VIEWS.values())).catch_up():
            pass


def _rebuild(database: Database) -> float:
    """Return events/s from the first event until the tables have taken over, comparing included."""
    views = list(VIEWS.values())
    calm_collector()
    with (
        database.connect_as_owner() as owner,
        sole_builder(owner),
        database.connect() as reader,
        database.connect_views(BESIDE) as writer,
    ):
        started = time.perf_counter()
        build_beside(owner, reader, writer, views)
        built_s = time.perf_counter() - started
        compared = compare_and_swap(owner, reader, writer, views)
        seconds = time.perf_counter() - started
    assert all(one.is_equal for one in compared)
    note(f"built in {built_s:.1f} s, compared and swapped in {seconds - built_s:.1f} s")
    return (PURCHASES + MEMBERS) / seconds


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
