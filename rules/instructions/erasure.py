"""Members who are forgotten."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from msgspec.structs import replace

from ledger.account import decide as account
from ledger.account.commands import EraseMember
from ledger.account.events import AccountEvent, MemberErased
from ledger.account.state import Account
from ledger.dates import as_utc
from ledger.posting.instruction import Instruction
from ledger.program.state import Program
from ledger.streams import ACCOUNT, account_stream_id
from rules.activity import check_text, check_time
from rules.instructions.asking import dated, hashed, program_only
from rules.requests import ErasureRequest


def erase_member(
    program_id: str, member_id: UUID, request: ErasureRequest, principal: str, received_at: datetime
) -> Instruction:
    """
    Return the instruction that records that a member was forgotten; it happens once.

    Args:
        program_id: Of the account.
        member_id: Our own; nothing of what the outside calls the member is kept, not even in a hash.
        request: What was asked.
        principal: Who asked: a key or a user, by id.
        received_at: Now.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: The time or the source is malformed.
    """
    check_time(request.occurred_at, received_at)
    check_text(source=request.source)
    asked = hashed("erasure", program_id, member_id, replace(request, occurred_at=as_utc(request.occurred_at)))
    return Instruction(
        ACCOUNT,
        account_stream_id(program_id, member_id),
        ((f"erasure:{program_id}", str(member_id)),),
        asked,
        partial(_decide_erasure, request, principal),
        program_only(program_id),
        answer=MemberErased,
    )


def _decide_erasure(
    request: ErasureRequest, principal: str, state: Account | None, program: Program | None
) -> Sequence[AccountEvent]:
    at, on = dated(program, request.occurred_at)
    return account.decide(
        state, EraseMember(request.source, at, on, request.reason, request.points == "forfeit", principal)
    )
