"""Verifying a ledger: the chain alone, with the trees of a checkpoint, and with every account folded anew."""

import os
import resource
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from psycopg import Connection

from bench.figures import figure, note
from bench.ledgers import ledger, purchase_lines
from bench.posting import post
from khaywe.auditing import verify_ledger
from khaywe.wiring import Database
from ledger.archive.events import BulkRemoved
from ledger.archive.removing import archive_number, on_record, remove
from ledger.audit.exporting import export_archive
from ledger.audit.storing import keys_of
from ledger.audit.taking import take_checkpoint
from ledger.audit.verifying import verify_archive
from ledger.signing import Keyring, new_private_key, published
from projections.runner import Runner
from projections.views import VIEWS

PURCHASES = int(os.environ.get("KHAYWE_BENCH_PURCHASES", "1000000"))
MEMBERS = 20_000
_LINES_AT_ONCE = 100_000


def run() -> None:
    """Measure on a ledger that has its statistics and whose pages the server has written once."""
    key = new_private_key()
    keyring = Keyring(key, (published(key, datetime(2026, 1, 1, tzinfo=UTC)),))
    with ledger(MEMBERS) as database:
        for first in range(0, PURCHASES, _LINES_AT_ONCE):
            post(database, list(purchase_lines(min(_LINES_AT_ONCE, PURCHASES - first), MEMBERS, first=first)))
        with database.connect() as reader, database.connect_views() as writer:
            deque(Runner(reader, writer, list(VIEWS.values())).catch_up(), maxlen=0)
        with database.connect_as_owner() as owner:
            owner.execute("VACUUM ANALYZE")
        events = PURCHASES + MEMBERS
        seconds = _timed(lambda: verify_ledger(database, [], with_accounts=False).is_whole)
        figure("audit_verify_events_per_s", events / seconds, "events/s")
        seconds = _timed(lambda: verify_ledger(database, []).is_whole)
        figure("audit_refold_events_per_s", events / seconds, "events/s")
        with database.connect() as connection:
            now = datetime.now(UTC)
            seconds = _timed(lambda: take_checkpoint(connection, keyring, now) is not None)
            figure("checkpoint_events_per_s", events / seconds, "events/s")
        seconds = _timed(lambda: verify_ledger(database, keys_of(keyring), with_accounts=False).is_whole)
        figure("audit_verify_with_trees_events_per_s", events / seconds, "events/s")
        with database.connect() as connection, TemporaryDirectory() as folder:
            seconds = _timed(lambda: export_archive(connection, keyring, Path(folder), now) is not None)
            size = sum(file.stat().st_size for file in Path(folder).iterdir())
            figure("archive_export_events_per_s", events / seconds, "events/s")
            note(f"{size / events:.0f} bytes an event in the archive")
            seconds = _timed(lambda: deque(verify_archive(Path(folder), keys_of(keyring)), maxlen=1))
            figure("archive_verify_events_per_s", events / seconds, "events/s")
            figure("archive_remove_events_per_s", events / _remove(database, Path(folder), events), "events/s")
            seconds = _timed(lambda: verify_ledger(database, keys_of(keyring)).is_whole)
            figure("audit_verify_removed_events_per_s", events / seconds, "events/s")
    largest = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    note(f"largest process so far, making the purchases included: {largest / 1024:,.0f} MiB")


def _remove(database: Database, folder: Path, events: int) -> float:
    with database.connect_as_owner() as owner:
        before = _table_size(owner)
        until = {"0": events}
        event = BulkRemoved(archive_number(owner, folder), until, {}, events, "", "bench", datetime.now(UTC))
        with database.poster() as poster:
            poster.post([on_record(event)])
        started = time.perf_counter()
        deque(remove(owner, event, folder, 1), maxlen=0)
        seconds = time.perf_counter() - started
        owner.execute("VACUUM FULL ledger.events")
        note(
            f"the table of events: {before / events:.0f} bytes an event, {_table_size(owner) / events:.0f} without bulk"
        )
    return seconds


def _table_size(owner: Connection[Any]) -> int:
    row = owner.execute("SELECT pg_table_size('ledger.events')").fetchone()
    assert row is not None
    size: int = row[0]
    return size


def _timed(work: object) -> float:
    assert callable(work)
    started = time.perf_counter()
    assert work()
    return time.perf_counter() - started
