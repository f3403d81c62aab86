"""Closing a month and writing its journal take as much memory for many events as for few."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest

from khaywe.wiring import Database
from ledger.bookkeeping.events import SettingsSet, Supplier
from ledger.members.directory import enrol
from ledger.posting.instruction import Posted
from rules.activity import Purchase, Redemption
from rules.instructions import open_account, post_purchase, redeem
from rules.instructions.bookkeeping import keep_books
from tests.databases import Databases
from tests.programs import PROGRAM_ID, STARTED, publish_program

FEW, MANY = 8_000, 24_000
"""Events. A page of reading is 5,000, a group of lines in a Parquet file 20,000: both are full with few already."""
SLOWLY = 1_000, 4_000
"""The same for workbooks, which take a millisecond an event."""
MEMBERS = 50
ALLOWED_KB = 15_000
"""What pages and allocators differ by. Kept in memory, 16,000 events take 20,000 kB, and so do the cells of 3,000."""
SCRIPT = Path(__file__).with_name("measure_books.py")
DAY = datetime(2025, 1, 1, 12, tzinfo=UTC)
SETTINGS = SettingsSet(
    PROGRAM_ID,
    "points",
    DAY.date(),
    "EUR",
    "1",
    "0.95",
    "proportional",
    "test",
    DAY,
    suppliers=(Supplier("airline", "agent", "0.333"),),
)


@pytest.fixture(scope="module")
def months(databases: Databases) -> Iterator[dict[int, Database]]:
    """Provide months of few and of many events, every tenth of them a redemption at a supplier."""
    made = {count: databases.create() for count in (FEW, MANY, *SLOWLY)}
    for count, database in made.items():
        live(database, count)
    yield made
    for database in made.values():
        databases.drop(database.owner_url)


def live(database: Database, count: int) -> None:
    """Post so many events in January."""
    with database.connect() as connection, database.poster() as poster:
        publish_program(poster)
        found = enrol(connection, PROGRAM_ID, {uuid4(): [("card", str(number))] for number in range(MEMBERS)}, STARTED)
        wanted = [open_account(PROGRAM_ID, member, STARTED) for member in found.values()]
        wanted.append(keep_books(PROGRAM_ID, SETTINGS, (("test", "settings"),)))
        for number in range(count):
            at, card = DAY + timedelta(minutes=number * 40_000 // count), f"card:{number // 10 % MEMBERS}"
            if number % 10 == 9:
                spent = Redemption("airline", f"r{number}", card, at, 20)
                wanted.append(redeem(PROGRAM_ID, spent, at))
            else:
                bought = Purchase("till", f"t{number}", card, at, Decimal("123.40"), "EUR")
                wanted.append(post_purchase(PROGRAM_ID, bought, at))
        for first in range(0, len(wanted), 500):
            for outcome in poster.post(wanted[first : first + 500]):
                assert isinstance(outcome, Posted), outcome


@pytest.mark.parametrize("what", ["close", "csv", "xlsx", "parquet", "beancount", "ndjson"])
def test_memory_does_not_grow_with_events(months: dict[int, Database], what: str) -> None:
    """Four times as many events, and next to nothing more."""
    counts = SLOWLY if what == "xlsx" else (FEW, MANY)
    few, many = (peak(months[count], what) for count in counts)
    assert many - few < ALLOWED_KB, f"{few} kB for {counts[0]} events, {many} for {counts[1]}"


def peak(database: Database, what: str) -> int:
    """Do something in a process of its own, and return the peak of its memory in kilobytes."""
    command = [sys.executable, str(SCRIPT), database.owner_url, PROGRAM_ID, what]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=SCRIPT.parents[3])
    assert done.returncode == 0, done.stderr
    return int(done.stdout)
