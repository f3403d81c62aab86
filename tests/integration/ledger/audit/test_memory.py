"""Memory does not grow with the ledger: four times as many events, and the same peak."""

import gc
import tracemalloc
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from khaywe.auditing import verify_ledger
from khaywe.auditing.archived import verify_archived
from khaywe.wiring import Database
from ledger.archive.events import BulkRemoved
from ledger.archive.removing import archive_number, bring_back, on_record, remove
from ledger.audit.restoring import restore_archive
from projections.runner import Runner
from projections.views import VIEWS
from tests.conftest import NewDatabase
from tests.integration.ledger import till
from tests.integration.ledger.audit.bookkeeper import KEYS, NOW, archive, checkpoint

FEW, MANY = 300, 1_200
"""Accounts, with five events each."""
_MAY_GROW_BYTES = 400_000
"""A page of anything is about a tenth of it; the states of the larger ledger's events are 1.5 MB."""


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a small ledger have many pages, slices, segments and row groups."""
    for name, size in (
        ("ledger.store.verify._PAGE_SIZE", 100),
        ("ledger.store.verify._REMEMBERED_STREAMS", 100),
        ("ledger.audit.ranges.RANGE_SIZE", 100),
        ("ledger.audit.ranges._SMALLEST", 100),
        ("projections.refolding.comparing.SLICE_SIZE", 100),
        ("khaywe.auditing.archived._EVENTS_AT_ONCE", 100),
        ("ledger.audit.exporting.SEGMENT_SIZE", 200),
        ("ledger.archive.segments.GROUP_SIZE", 100),
        ("ledger.archive.cold.GROUP_SIZE", 100),
        ("ledger.archive.removing._PAGE", 100),
    ):
        monkeypatch.setattr(name, size)


def ledger_of(database: Database, account_count: int) -> None:
    """Let members join and earn, and the views follow."""
    with database.poster() as poster:
        for first in range(0, account_count, 100):
            numbers = range(first, first + 100)
            poster.post([till.open_account(number) for number in numbers])
            for turn in range(4):
                poster.post([till.accrue(number, 100, f"A{turn}-{number}") for number in numbers])
    with database.connect() as reader, database.connect_views() as writer:
        deque(Runner(reader, writer, list(VIEWS.values())).catch_up(), maxlen=0)


def peak_of(work: Callable[[], Any]) -> int:
    """Return how many bytes were in use at once, in Python."""
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def peaks(database: Database, empty: Database, folder: Path) -> dict[str, int]:
    """Do everything that goes through the whole ledger."""
    found: dict[str, int] = {}
    found["checkpoint"] = peak_of(lambda: checkpoint(database))
    found["export"] = peak_of(lambda: archive(database, folder))
    found["verify"] = peak_of(lambda: whole(verify_ledger(database, KEYS)))
    found["verify archive"] = peak_of(lambda: whole(verify_archived(folder, KEYS)))
    with empty.connect_as_owner() as owner:
        found["restore"] = peak_of(lambda: deque(restore_archive(owner, folder, KEYS), maxlen=0))
    with database.connect_as_owner() as owner:
        last = owner.execute("SELECT position FROM ledger.heads").fetchone()
        assert last is not None
        event = BulkRemoved(archive_number(owner, folder), {"0": last[0]}, {}, 0, "", "test", NOW)
        with database.poster() as poster:
            poster.post([on_record(event)])
        found["remove"] = peak_of(lambda: deque(remove(owner, event, folder, 1), maxlen=0))
        found["verify both"] = peak_of(lambda: whole(verify_ledger(database, KEYS)))
        found["return"] = peak_of(lambda: deque(bring_back(owner, event.until), maxlen=0))
    return found


def whole(report: Any) -> None:
    """Make sure that something was verified."""
    assert report.is_whole, report.faults


def test_peaks_do_not_grow(new_database: NewDatabase, tmp_path: Path) -> None:
    """Checkpoints, archives, verifying, restoring, removing, bringing back."""
    small, large = new_database(), new_database()
    ledger_of(small, FEW)
    ledger_of(large, MANY)
    peaks(small, new_database(), tmp_path / "warm")  # whatever is loaded or cached once is loaded
    smaller = new_database()
    ledger_of(smaller, FEW)
    few = peaks(smaller, new_database(), tmp_path / "few")
    many = peaks(large, new_database(), tmp_path / "many")
    grown = {name: many[name] - few[name] for name in few}
    assert {name: by for name, by in grown.items() if by > _MAY_GROW_BYTES} == {}
