"""A published program for tests below HTTP."""

from datetime import UTC, datetime
from typing import Any

from ledger.posting.instruction import Instruction, Posted
from ledger.posting.poster import Poster
from ledger.program import decide as program
from ledger.program.state import Program
from ledger.program.terms import BurnRule, EarnRule, PointCurrency, Terms
from ledger.streams import PROGRAM, program_stream_id

PROGRAM_ID = "tested"
STARTED = datetime(2017, 1, 1, tzinfo=UTC)

EARN = '{"if":[{">":[{"var":"transaction_amount"},100]},{"*":[{"var":"transaction_amount"},0.1]},0]}'
BURN = '{"/":[{"var":"points_requested"},100]}'


def terms(expiry_months: int | None = 12) -> Terms:
    """Return terms with the guide's two rules."""
    return Terms(
        (PointCurrency("points", "Points", expiry_months=expiry_months),),
        EarnRule(EARN, "points"),
        BurnRule(BURN, "points"),
    )


def publish_program(poster: Poster, program_id: str = PROGRAM_ID, currency: str = "EUR") -> None:
    """Create a program and publish its first version."""
    commands: list[program.ProgramCommand] = [
        program.CreateProgram(program_id, "Tested", currency, "Europe/Berlin", terms(), STARTED),
        program.PublishProgram(STARTED, STARTED),
    ]
    for number, command in enumerate(commands):

        def decide(state: Program | None, command: program.ProgramCommand = command) -> Any:
            return program.decide(state, command)

        references = ((f"test:{program_id}", str(number)),)
        instruction = Instruction(PROGRAM, program_stream_id(program_id), references, bytes(32), decide)
        (outcome,) = poster.post([instruction])
        assert isinstance(outcome, Posted), outcome
