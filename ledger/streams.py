"""The kinds of stream the ledger keeps, and how each is named and folded."""

from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from msgspec import Struct

from ledger.access import state as access_state
from ledger.access.events import AccessEvent
from ledger.account import evolve as account_evolve
from ledger.account import state as account_state
from ledger.account.events import AccountEvent
from ledger.approval import state as approval_state
from ledger.approval.events import ApprovalEvent
from ledger.archive import state as archive_state
from ledger.archive.events import ArchiveEvent
from ledger.bookkeeping import state as bookkeeping_state
from ledger.bookkeeping.events import BookkeepingEvent
from ledger.budget import state as budget_state
from ledger.budget.events import BudgetEvent
from ledger.pool import state as pool_state
from ledger.pool.events import PoolEvent
from ledger.program import state as program_state
from ledger.program.events import ProgramEvent

NAMESPACE = UUID("7c1f2f0e-5b6e-5f1d-9d57-0d2f7c3a9b11")
"""Namespace of every stream id of ours; part of the stored contract."""


StreamId = bytes
"""The 16 bytes of a stream's UUID. Bytes, because they are hashed and compared several times per command, and
`uuid.UUID` does both in Python."""


class Stream(NamedTuple):
    """How one kind of stream is folded."""

    name: str
    evolve: Callable[[Any, Any], Any]
    """``evolve(state or None, event) -> state``."""
    state_type: type[Struct]
    snapshot_topic: str
    """Names the layout of a cached state; a new layout gets a new name, and old snapshots are passed over."""
    event_types: tuple[type[Struct], ...]


ACCOUNT = Stream(
    "account",
    account_evolve.evolve,
    account_state.Account,
    "account.state.v3",
    AccountEvent.__args__,
)
PROGRAM = Stream(
    "program",
    program_state.evolve,
    program_state.Program,
    "program.state.v2",
    ProgramEvent.__args__,
)
BUDGET = Stream(
    "budget",
    budget_state.evolve,
    budget_state.Budgets,
    "budget.state.v1",
    BudgetEvent.__args__,
)
POOL = Stream(
    "pool",
    pool_state.evolve,
    pool_state.Pool,
    "pool.state.v1",
    PoolEvent.__args__,
)
ACCESS = Stream(
    "access",
    access_state.evolve,
    access_state.Principal,
    "access.state.v1",
    AccessEvent.__args__,
)
APPROVAL = Stream(
    "approval",
    approval_state.evolve,
    approval_state.Approval,
    "approval.state.v1",
    ApprovalEvent.__args__,
)
BOOKKEEPING = Stream(
    "books",
    bookkeeping_state.evolve,
    bookkeeping_state.Bookkeeping,
    "books.state.v1",
    BookkeepingEvent.__args__,
)
ARCHIVE = Stream(
    "archive",
    archive_state.evolve,
    archive_state.Removals,
    "archive.state.v1",
    ArchiveEvent.__args__,
)
STREAMS = (ACCOUNT, PROGRAM, BUDGET, POOL, ACCESS, APPROVAL, BOOKKEEPING, ARCHIVE)


def account_stream_id(program_id: str, member_id: UUID) -> StreamId:
    """Return the stream id of the member's account in the program."""
    return uuid5(NAMESPACE, f"account:{program_id}:{member_id}").bytes


def program_stream_id(program_id: str) -> StreamId:
    """Return the stream id of the program."""
    return uuid5(NAMESPACE, f"program:{program_id}").bytes


def budget_stream_id(program_id: str) -> StreamId:
    """Return the stream id of the budgets of the program's rules."""
    return uuid5(NAMESPACE, f"budget:{program_id}").bytes


def pool_stream_id(program_id: str, pool_id: str) -> StreamId:
    """Return the stream id of a pool."""
    return uuid5(NAMESPACE, f"pool:{program_id}:{pool_id}").bytes


def access_stream_id(principal: str) -> StreamId:
    """Return the stream id of a key or a user, named as events name them."""
    return uuid5(NAMESPACE, f"access:{principal}").bytes


def approval_stream_id(program_id: str, approval_id: str) -> StreamId:
    """Return the stream id of a request for approval."""
    return uuid5(NAMESPACE, f"approval:{program_id}:{approval_id}").bytes


def bookkeeping_stream_id(program_id: str) -> StreamId:
    """Return the stream id of the books of a program."""
    return uuid5(NAMESPACE, f"bookkeeping:{program_id}").bytes


def archive_stream_id() -> StreamId:
    """Return the stream id of what happened to the bulk of old events."""
    return uuid5(NAMESPACE, "archive").bytes
