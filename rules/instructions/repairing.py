"""Repairs: what another version would have given, less what was given, as one entry of an operator per account."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from ledger.account import decide as account
from ledger.account.commands import AdjustPoints
from ledger.account.events import AccountEvent, PointsAdjusted
from ledger.account.state import Account
from ledger.posting.instruction import HistoryNeeded, Instruction
from ledger.program.state import Program
from ledger.streams import ACCOUNT, StreamId
from rules.errors import AccountChanged, UnknownPointCurrency
from rules.instructions.asking import dated, hashed, program_only
from rules.pricing.plans import lot_policy, plan_of
from rules.pricing.price import existing, version_in_force
from rules.pricing.whatif import REPAIR_SOURCE, is_repair


class Compensation(Struct, frozen=True):
    """What one account gets, or loses, by a repair."""

    what_if_id: str
    account_id: str
    version: int
    """Of the account's stream, as far as the what-if looked at it."""
    point_currency: str
    points: int

    @property
    def adjustment_id(self) -> str:
        """Names it, whichever repair books it."""
        return f"{self.what_if_id}:{self.account_id}:{self.point_currency}"


class RepairRun(Struct, frozen=True):
    """Which repair books it, and how."""

    repair_id: str
    program_id: str
    note: str
    """For people."""
    at: datetime
    """When it was agreed to."""
    may_overdraw: bool
    """What is not there to be taken is owed."""


def compensate(run: RepairRun, booked_on: StreamId, wanted: Compensation) -> Instruction:
    """
    Return the instruction that books what a what-if found, once, whichever repair asks for it.

    It is refused where anything but repairs of the same what-if was recorded since: the difference may be another one.

    Args:
        run: Which repair asks for it.
        booked_on: The account's stream id.
        wanted: What is to be booked.
    """
    return Instruction(
        ACCOUNT,
        booked_on,
        ((f"adjustment:{run.program_id}:{REPAIR_SOURCE}", wanted.adjustment_id),),
        hashed("repair", run.program_id, wanted),
        partial(_decide, run, wanted),
        program_only(run.program_id),
        looks_back=True,
        answer=PointsAdjusted,
    )


def _decide(
    run: RepairRun,
    wanted: Compensation,
    state: Account | None,
    program: Program | None,
    history: Sequence[AccountEvent] | None = None,
) -> Sequence[AccountEvent]:
    if history is None:
        raise HistoryNeeded
    since = history[wanted.version :]
    ours = (wanted.what_if_id,)
    if any(not (isinstance(event, PointsAdjusted) and is_repair(event, ours)) for event in since):
        message = f"{len(since)} events were recorded since the what-if looked at this account; ask again for it."
        raise AccountChanged(message, version=wanted.version)
    occurred_at, on = dated(program, run.at)
    terms = plan_of(existing(program), version_in_force(existing(program), occurred_at)).version.terms
    currency = next((one for one in terms.point_currencies if one.code == wanted.point_currency), None)
    if currency is None:
        message = f"The version in force has no point currency {wanted.point_currency!r}."
        raise UnknownPointCurrency(message, pointer="/point_currency")
    award = None
    if wanted.points > 0:
        given = lot_policy(currency).award(currency.code, wanted.points, on, kind="adjustment")
        # What an operator gives can be spent at once, whatever purchases have to wait for.
        award = replace(given, available_from=on, awaits="", cancels_on=None)
    command = AdjustPoints(
        REPAIR_SOURCE,
        wanted.adjustment_id,
        occurred_at,
        on,
        f"repair:{run.repair_id}",
        run.note,
        currency.code,
        wanted.points,
        award,
        run.may_overdraw,
    )
    return account.decide(state, command)
