"""Settings, estimates, and months that are closed and opened again."""

from collections.abc import Sequence
from functools import partial

from ledger.bookkeeping import decide as books
from ledger.bookkeeping.decide import ApplyProposal, BookkeepingCommand, ClosePeriod
from ledger.bookkeeping.events import BookkeepingEvent, EstimateApplied, PeriodReopened, SettingsSet
from ledger.bookkeeping.state import Bookkeeping
from ledger.posting.instruction import Instruction, Reference
from ledger.program.state import Program
from ledger.streams import BOOKKEEPING, bookkeeping_stream_id
from rules.instructions.asking import hashed, program_only
from rules.pricing.price import existing


def keep_books(program_id: str, command: BookkeepingCommand, keys: tuple[Reference, ...]) -> Instruction:
    """
    Return the instruction that changes the books of a program.

    Args:
        program_id: Whose.
        command: What is to be done.
        keys: Under which it is done once.
    """
    return Instruction(
        BOOKKEEPING,
        bookkeeping_stream_id(program_id),
        keys,
        hashed("books", program_id, _asked(command)),
        partial(_decide, command),
        program_only(program_id),
    )


def _asked(command: BookkeepingCommand) -> tuple[object, ...]:
    """Return what makes a request the same when it is sent again: everything but the moment."""
    match command:
        case SettingsSet() | EstimateApplied() | PeriodReopened():
            at = "occurred_at"
            return tuple(getattr(command, name) for name in command.__struct_fields__ if name != at)
        case ApplyProposal():
            return (command.sha256,)
        case ClosePeriod():
            return (command.closed.period, command.revision)


def _decide(
    command: BookkeepingCommand, state: Bookkeeping | None, program: Program | None
) -> Sequence[BookkeepingEvent]:
    existing(program)
    return books.decide(state, command)
