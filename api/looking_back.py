"""Accounts and programs as they were: as of an effective date, as at a recorded moment."""

import re
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

from fastapi import APIRouter, Request
from msgspec import Struct
from starlette.responses import Response

from api.openapi import MEMBER, PROGRAM, operation, query_parameter
from api.paging import as_json
from api.problems import ViewBehind
from api.resources import Resources, resources
from api.tiers import as_of
from ledger.access.roles import Action
from ledger.dates import as_utc, time_zone
from ledger.errors import InvalidInput, LedgerError
from ledger.members.directory import UnknownMember
from ledger.posting.instruction import LedgerBusy, LedgerUnavailable
from ledger.program.decide import UnknownProgram
from ledger.store.partitions import partition_of
from projections.balances import BalanceRow
from projections.holds import HoldRow
from projections.lookback import (
    AsAt,
    Cut,
    PastAccount,
    Position,
    ProgramBalances,
    cut_at,
    past_account,
    program_balances,
)
from projections.lots import LotRow
from projections.tiers import TierRow

router = APIRouter(prefix="/v1/programs/{program_id}", tags=["accounts"])

AS_OF = query_parameter(
    "as_of",
    "Program-local date to look back to, or forward: what takes effect later does not count, and lots, holds and tiers "
    "end by their dates. Absent: that of as_at, or today.",
    {"type": "string", "format": "date"},
)
AS_AT = query_parameter(
    "as_at",
    "What was known: an instant, or a position as a write answered it. What was recorded later is not looked at. "
    "Absent: everything.",
    {"type": "string", "examples": ["2026-11-22T18:00:00Z", "0:1234"]},
)
_REFUSALS: Final[list[type[LedgerError]]] = [UnknownProgram, UnknownMember, InvalidInput, LedgerUnavailable]
_POSITION = re.compile(r"([0-9]{1,4}):([0-9]{1,18})")
_LOTS: Final = 1000
"""In one answer; the rest is in the pages of the account's lots."""


class LookBackView(Struct, frozen=True):
    """All of an account as of a date, as at a recorded moment."""

    program_id: str
    member_id: str
    account_id: str
    opened_on: date
    status: str
    """``open``, ``earn_only``, ``suspended`` or ``closed``."""
    merged_into: str
    as_of: date
    as_at: datetime
    balances: list[BalanceRow]
    lots: list[LotRow]
    """Open ones, in the order in which they will be used; a thousand at most."""
    lot_count: int
    """Open lots there were."""
    holds: list[HoldRow]
    """Open ones, newest first."""
    tiers: list[TierRow]
    """As it had been recorded; each ends at its ``valid_until``."""
    position: str
    """Everything up to here was looked at, and nothing else; asked as at this position, the answer stays the same."""


class Looked(NamedTuple):
    """What was found, and where the ledger was cut for it."""

    account: PastAccount
    cut: Cut
    position: str


@router.get(
    "/members/{member}/as-of",
    summary="Read all of an account as it was",
    **operation(
        Action.READ_ACCOUNTS,
        answer=LookBackView,
        parameters=[PROGRAM, MEMBER, AS_OF, AS_AT],
        refusals=_REFUSALS,
    ),
)
def account_as_of(request: Request) -> Response:
    """
    Return balances, open lots, open holds, tiers and standing together, computed from the account's events.

    Backdated entries count by their effective date, whenever they were recorded.
    """
    found, cut, position = look_back(request)
    lots = [lot for lot in found.lots if lot.open_points]
    view = LookBackView(
        request.path_params["program_id"],
        str(found.member_id),
        str(found.account_id),
        found.opened_on,
        found.status,
        found.merged_into,
        cut.as_of,
        cut.as_at,
        found.balances,
        lots[:_LOTS],
        len(lots),
        [hold for hold in found.holds if hold.status == "open"],
        found.tiers,
        position,
    )
    return as_json(view)


@router.get(
    "/balances",
    summary="Read a program's balances as they were",
    **operation(
        Action.READ_BOOKS,
        answer=ProgramBalances,
        parameters=[PROGRAM, AS_OF, AS_AT],
        refusals=[UnknownProgram, InvalidInput, ViewBehind, LedgerBusy, LedgerUnavailable],
    ),
)
def balances_as_of(request: Request) -> Response:
    """
    Return what all members together have, per point currency, and their open lots by month and funding.

    Every event of the program is read, one such report at a time. For a large program use ``khaywe report balances``,
    which does not share a process with the tills.
    """
    found = resources(request)
    program = found.program(request.path_params["program_id"])
    on, known = as_of(request), as_at(request, found)
    if not found.reporting.acquire(blocking=False):
        raise LedgerBusy("Another report is being made; ask again in a moment.")
    try:
        with found.connection() as connection:
            cut = cut_at(
                connection,
                range(found.partition_count),
                time_zone(program.timezone),
                datetime.now(UTC),
                as_of=on,
                as_at=known,
            )
            for partition, position in cut.positions.items():
                found.wait_for(connection, f"{partition}:{position}")
            return as_json(program_balances(connection, program.program_id, cut))
    finally:
        found.reporting.release()


def asks_back(request: Request) -> bool:
    """Tell whether an account is asked for as it was, rather than as the views show it."""
    return "as_of" in request.query_params or "as_at" in request.query_params


def look_back(request: Request) -> Looked:
    """
    Return the account that is asked for as it was.

    Raises:
        InvalidInput: What is asked is no date, no instant, or no position of the account's partition.
        UnknownMember: There is no such member, or the account had not been opened.
    """
    found, program_id = resources(request), request.path_params["program_id"]
    program = found.program(program_id)
    on, known = as_of(request), as_at(request, found)
    with found.connection() as connection:
        # The events need no waiting for, but who asks to wait may go on to read a view.
        found.wait_for(connection, request.query_params.get("min_position"))
        account_id = found.account_of(connection, program_id, request.path_params["member"])
        partition = partition_of(account_id, found.partition_count)
        cut = cut_at(connection, [partition], time_zone(program.timezone), datetime.now(UTC), as_of=on, as_at=known)
        account = past_account(connection, account_id, found.partition_count, cut)
    if account is None:
        message = f"{program_id!r} had no account of this member as at {cut.as_at.isoformat()}."
        raise UnknownMember(message, pointer="/as_at")
    return Looked(account, cut, f"{partition}:{cut.positions[partition]}")


def as_at(request: Request, found: Resources) -> AsAt | None:
    """
    Return what is asked to have been known, if that is asked.

    Raises:
        InvalidInput: It is neither an instant nor a position.
    """
    text = request.query_params.get("as_at")
    return None if text is None else read_as_at(text, found.partition_count)


def read_as_at(text: str, partition_count: int) -> AsAt:
    """
    Read an instant, or a position.

    Raises:
        InvalidInput: It is neither.
    """
    if (match := _POSITION.fullmatch(text)) and int(match[1]) < partition_count:
        return Position(int(match[1]), int(match[2]))
    try:
        # An unescaped plus sign arrives as a space.
        instant = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        message = f"as_at is an instant such as 2026-11-22T18:00:00Z or a position such as 0:1234, not {text!r}."
        raise InvalidInput(message, pointer="/as_at")
    return as_utc(instant)


def page_of_lots(lots: list[LotRow], after: Any, limit: int) -> list[LotRow]:
    """Return the lots behind the last one of the page before."""
    if after is not None:
        place = _urgency(after)
        lots = [lot for lot in lots if _urgency(lot) > place]
    return lots[:limit]


def _urgency(lot: Any) -> tuple[bool, date, date, int]:
    return lot.expires_on is None, lot.expires_on or date.max, lot.earned_on, lot.lot
