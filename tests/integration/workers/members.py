"""A program in which time decides everything it can, and members about whom it has."""

from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from khaywe.wiring import Database
from ledger.members.directory import enrol
from ledger.posting.instruction import Instruction, Posted
from ledger.posting.poster import Poster
from ledger.program import decide as program
from ledger.program.ladders import ForMonths, Ladder, Tier
from ledger.program.state import Program
from ledger.program.terms import BurnRule, Conversion, EarnRule, PointCurrency, Terms
from ledger.program.timing import After, AfterDays
from ledger.streams import PROGRAM, program_stream_id
from projections.runner import Runner
from projections.views import VIEWS
from rules.activity import Purchase
from rules.instructions import hold_points, open_account, post_purchase
from rules.requests import HoldRequest

PROGRAM_ID = "timed"
SINCE = datetime(2017, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 1, tzinfo=UTC)

TERMS = Terms(
    (
        PointCurrency("points", "Points", expiry=After(days=30), conversion=Conversion(100, Decimal(1), 6)),
        PointCurrency("later", "Later", availability=AfterDays(10)),
    ),
    (
        EarnRule('{"var":"transaction_amount"}', "points"),
        EarnRule("5", "later", "later"),
    ),
    BurnRule('{"/":[{"var":"points_requested"},100]}', "points"),
    ladders=tuple(
        Ladder(code, (Tier("base", "Base"), Tier("gold", "Gold", min_points=100)), validity=ForMonths(2))
        for code in ("club", "guild")
    ),
)
"""Points lapse after 30 days and become vouchers, others are promised for 10; gold is held for two months."""


def member_id(number: int) -> UUID:
    """Return a member's id."""
    return UUID(int=number)


def prepare(database: Database, members: int, bought_at: datetime) -> None:
    """Publish the program, and let members buy for 250 euros and hold 50 points for an hour."""
    with database.poster() as poster:
        _publish(poster)
        with database.connect() as connection:
            newcomers = {member_id(number): [("card", str(number))] for number in range(1, members + 1)}
            enrol(connection, PROGRAM_ID, newcomers, SINCE)
        post(poster, [open_account(PROGRAM_ID, member_id(number), SINCE) for number in range(1, members + 1)])
        buy(poster, members, bought_at, "T")
        holds = [
            HoldRequest("till", f"H{number}", str(member_id(number)), bought_at, 50) for number in range(1, members + 1)
        ]
        post(poster, [hold_points(PROGRAM_ID, one, NOW) for one in holds])
    catch_up(database)


def buy(poster: Poster, members: int, at: datetime, name: str) -> None:
    """Let every member buy for 250 euros."""
    purchases = [
        Purchase("till", f"{name}{number}", str(member_id(number)), at, Decimal(250), "EUR")
        for number in range(1, members + 1)
    ]
    post(poster, [post_purchase(PROGRAM_ID, one, NOW) for one in purchases])


def post(poster: Poster, instructions: Sequence[Instruction]) -> None:
    """Post, and see that all of it was carried out."""
    for outcome in poster.post(list(instructions)):
        assert isinstance(outcome, Posted), outcome


def catch_up(database: Database) -> None:
    """Bring the views up to everything that was recorded."""
    with database.connect() as reader, database.connect_views() as writer:
        deque(Runner(reader, writer, list(VIEWS.values())).catch_up(), maxlen=0)


def topics(database: Database) -> dict[str, int]:
    """Return how many events of each kind there are."""
    with database.connect() as connection:
        return dict(connection.execute("SELECT topic, count(*) FROM ledger.events GROUP BY topic").fetchall())


def _publish(poster: Poster) -> None:
    commands: list[program.ProgramCommand] = [
        program.CreateProgram(PROGRAM_ID, "Timed", "EUR", "Europe/Berlin", TERMS, SINCE),
        program.PublishProgram(SINCE, SINCE),
    ]
    for number, command in enumerate(commands):

        def decide(state: Program | None, command: program.ProgramCommand = command) -> Any:
            return program.decide(state, command)

        reference = ((f"test:{PROGRAM_ID}", str(number)),)
        post(poster, [Instruction(PROGRAM, program_stream_id(PROGRAM_ID), reference, bytes(32), decide)])
