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
from ledger.program.ladders import CalendarYear, Ladder, Tier, UntilDay
from ledger.program.terms import BurnRule, Cap, EarnRule, PointCurrency, Terms
from ledger.program.timing import After, AfterDays, PeriodEnd
from ledger.streams import PROGRAM, program_stream_id
from rules.instructions import open_account

PROGRAM_ID = "bench"
STARTED = datetime(2025, 1, 1, tzinfo=UTC)

TERMS = Terms(
    (PointCurrency("points", "Points", expiry_months=24),),
    EarnRule(EARN_RULE, "points"),
    BurnRule(BURN_RULE, "points"),
)

RICH_TERMS = Terms(
    (
        PointCurrency(
            "points",
            "Points",
            expiry=After(months=24, end_of=PeriodEnd.QUARTER),
            availability=AfterDays(14),
            qualifying=True,
        ),
    ),
    (
        EarnRule('{"var":"transaction_amount"}', "points", "base", caps=(Cap("day", 2_000), Cap("month", 20_000))),
        EarnRule('{"*":[{"var":"base_points"},{"var":"benefit_bonus"}]}', "points", "tier-bonus", kind="bonus"),
        EarnRule(
            '{"*":[{"var":"transaction_amount"},0.5]}',
            "points",
            "weekend",
            condition='{">=":[{"var":"weekday"},6]}',
            kind="bonus",
        ),
    ),
    BurnRule(BURN_RULE, "points"),
    ladders=(
        Ladder(
            "status",
            (
                Tier("member", "Member", benefits={"bonus": 0}),
                Tier("silver", "Silver", min_points=2_000, benefits={"bonus": "0.2"}),
                Tier("gold", "Gold", min_points=10_000, benefits={"bonus": "0.5"}),
            ),
            window=CalendarYear(),
            validity=UntilDay("03-31", 2),
        ),
    ),
)
"""A program with tiers, caps, promised points, a condition and a bonus that depends on the tier."""


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
def ledger(member_count: int, partition_count: int = 1, terms: Terms = TERMS) -> Iterator[Database]:
    """Give a fresh ledger with a program, and members known by their cards: 0, 1, 2 and so on."""
    with temporary_home() as home, open_database(settings_for(home), partition_count=partition_count) as database:
        with database.poster() as poster:
            set_up_program(poster, terms)
            enrol(database, poster, member_count)
        yield database


def set_up_program(poster: Poster, terms: Terms = TERMS) -> None:
    """Create and publish the program."""
    commands: list[program.ProgramCommand] = [
        program.CreateProgram(PROGRAM_ID, "Bench", "USD", "America/New_York", terms, STARTED),
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


def purchase_lines(count: int, member_count: int, *, first: int = 0, in_order: bool = False) -> Iterator[bytes]:
    """
    Give purchases as JSON, as a till would send them: random members, amounts that all earn points.

    Every purchase makes a lot, which is the most that a plain program asks of the ledger. Without ``in_order`` they are
    in disorder within each month, which matters to programs with caps or tiers only.
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
            *_moment(index - first, count, draw, in_order=in_order),
            draw.randrange(101, 500),
            draw.randrange(100),
        )


def _moment(index: int, count: int, draw: random.Random, *, in_order: bool) -> tuple[int, int, int]:
    """Return day, hour and minute within the month."""
    if not in_order:
        return draw.randrange(1, 29), draw.randrange(24), draw.randrange(60)
    minutes = index * 12 % count * 28 * 24 * 60 // count
    return 1 + minutes // 1440, minutes // 60 % 24, minutes % 60
