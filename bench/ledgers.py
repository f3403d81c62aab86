"""Ledgers to measure on: a data folder of their own, a program with the guide's rules, members, purchases."""

import os
import random
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from khaywe.demo import BURN_RULE, EARN_RULE
from khaywe.settings import Settings
from khaywe.wiring import Database, open_database
from ledger.members import directory
from ledger.posting.instruction import Instruction, Posted
from ledger.posting.poster import Poster
from ledger.program import decide as program
from ledger.program.terms import BurnRule, EarnRule, PointCurrency, Terms
from ledger.streams import PROGRAM, program_stream_id
from rules.instructions import open_account

PROGRAM_ID = "bench"
STARTED = datetime(2025, 1, 1, tzinfo=UTC)

_TERMS = Terms(
    (PointCurrency("points", "Points", expiry_months=24),),
    EarnRule(EARN_RULE, "points"),
    BurnRule(BURN_RULE, "points"),
)


def settings_for(home: Path, port: int = 8000) -> Settings:
    """Return the settings of a home of our own."""
    return Settings.from_environment({"KHAYWE_HOME": str(home), "KHAYWE_PORT": str(port), "KHAYWE_DATABASE_PORT": "0"})


@contextmanager
def temporary_home() -> Iterator[Path]:
    """Give a data folder that is gone afterwards; on the disk that holds the repository, not in memory."""
    # As root the server runs as another user, who must be able to reach the folder.
    with tempfile.TemporaryDirectory(prefix="khaywe-bench-", dir=os.environ.get("KHAYWE_BENCH_DIR")) as home:
        Path(home).chmod(0o755)
        yield Path(home)


@contextmanager
def ledger(member_count: int, partition_count: int = 1) -> Iterator[Database]:
    """Give a fresh ledger with a program, and members known by their cards: 0, 1, 2 and so on."""
    with temporary_home() as home, open_database(settings_for(home), partition_count=partition_count) as database:
        with database.poster() as poster:
            set_up_program(poster)
            enrol(database, poster, member_count)
        yield database


def set_up_program(poster: Poster) -> None:
    """Create and publish the program."""
    commands: list[program.ProgramCommand] = [
        program.CreateProgram(PROGRAM_ID, "Bench", "USD", "America/New_York", _TERMS, STARTED),
        program.PublishProgram(STARTED, STARTED),
    ]
    for index, command in enumerate(commands):
        instruction = Instruction(
            PROGRAM,
            program_stream_id(PROGRAM_ID),
            (("bench", str(index)),),
            bytes(32),
            lambda state, command=command: program.decide(state, command),  # type: ignore[misc]
        )
        (outcome,) = poster.post([instruction])
        assert isinstance(outcome, Posted), outcome


def enrol(database: Database, poster: Poster, member_count: int) -> None:
    """Make members with cards."""
    with database.connect() as connection:
        for first in range(0, member_count, 2_000):
            cards = range(first, min(first + 2_000, member_count))
            newcomers = {uuid.uuid4(): [("card", str(card))] for card in cards}
            owners = directory.enrol(connection, PROGRAM_ID, newcomers, STARTED)
            poster.post([open_account(PROGRAM_ID, member, STARTED) for member in owners.values()])


def purchase_lines(count: int, member_count: int, *, first: int = 0) -> Iterator[bytes]:
    """
    Give purchases as JSON, as a till would send them: random members, amounts that all earn points.

    Every purchase makes a lot, which is the most that a plain program asks of the ledger.
    """
    draw = random.Random(first)
    for index in range(first, first + count):
        yield (
            b'{"source":"store-%d","transaction_id":"T%d","member":"card:%d","occurred_at":"2025-%02d-%02dT%02d:%02d:00Z",'
            b'"amount":"%d.%02d","currency":"USD"}'
        ) % (
            draw.randrange(450),
            index,
            draw.randrange(member_count),
            1 + (index - first) * 12 // count,
            draw.randrange(1, 29),
            draw.randrange(24),
            draw.randrange(60),
            draw.randrange(101, 500),
            draw.randrange(100),
        )
