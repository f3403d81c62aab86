"""Members who join."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from ledger.account import decide as account
from ledger.account.commands import OpenAccount
from ledger.account.events import AccountEvent
from ledger.account.state import Account
from ledger.posting.instruction import Instruction, Reference
from ledger.program.state import Program
from ledger.streams import ACCOUNT, account_stream_id
from rules.instructions.asking import dated, hashed, program_only


def open_account(
    program_id: str, member_id: UUID, occurred_at: datetime, *, keys: tuple[Reference, ...] = ()
) -> Instruction:
    """Return the instruction that opens a member's account; opening it again changes nothing."""
    stream_id = account_stream_id(program_id, member_id)
    reference = (f"enrolment:{program_id}", str(member_id))
    request_hash = hashed("enrolment", program_id, member_id)
    decide = partial(_decide_opening, program_id, member_id, occurred_at)
    return Instruction(ACCOUNT, stream_id, (reference, *keys), request_hash, decide, program_only(program_id))


def _decide_opening(
    program_id: str,
    member_id: UUID,
    occurred_at: datetime,
    state: Account | None,
    program: Program | None,
) -> Sequence[AccountEvent]:
    return account.decide(state, OpenAccount(program_id, str(member_id), *dated(program, occurred_at)))
