"""Accounts that are stopped, let go on, ended or merged; tiers given by hand."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ledger.account import decide as account
from ledger.account import errors
from ledger.account.commands import (
    ChangeTier,
    CloseAccount,
    ExpireHolds,
    LiftSuspension,
    RetainTier,
    SuspendAccount,
    TransferIn,
    TransferOut,
)
from ledger.account.errors import AccountNotOpen, PointsOwed, SameAccount
from ledger.account.events import AccountClosed, AccountEvent, AccountSuspended, SuspensionLifted
from ledger.account.state import Account
from ledger.dates import as_utc
from ledger.errors import InvalidInput
from ledger.posting.instruction import Further, Instruction, On, Reference, StreamKey
from ledger.program.state import Program
from ledger.streams import ACCOUNT, account_stream_id
from rules.activity import check_text, check_time, member_address
from rules.errors import UnknownTier
from rules.instructions.asking import dated, folded, hashed, plan_at, program_only
from rules.instructions.transfers import moved_lots
from rules.requests import MergerRequest, StandingRequest, TierRequest
from rules.tiers.changing import is_longer
from rules.tiers.holding import tier_on
from rules.tiers.plans import LadderPlan


def suspend_account(
    program_id: str, member: str, request: StandingRequest, received_at: datetime, *, keys: tuple[Reference, ...] = ()
) -> Instruction:
    """
    Return the instruction that stops an account.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: The member's name or the time is malformed.
    """
    decide = partial(_decide_standing, SuspendAccount, request)
    return _instruction(_What("suspend", decide, AccountSuspended), program_id, member, request, received_at, keys=keys)


def lift_suspension(
    program_id: str, member: str, request: StandingRequest, received_at: datetime, *, keys: tuple[Reference, ...] = ()
) -> Instruction:
    """
    Return the instruction that lets an account go on.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: The member's name or the time is malformed.
    """
    decide = partial(_decide_standing, LiftSuspension, request)
    return _instruction(_What("lift", decide, SuspensionLifted), program_id, member, request, received_at, keys=keys)


def close_account(
    program_id: str, member: str, request: StandingRequest, received_at: datetime, *, keys: tuple[Reference, ...] = ()
) -> Instruction:
    """
    Return the instruction that ends an account; points that are left lapse.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: The member's name or the time is malformed.
    """
    decide = partial(_decide_standing, CloseAccount, request)
    return _instruction(_What("close", decide, AccountClosed), program_id, member, request, received_at, keys=keys)


def assign_tier(
    program_id: str, member: str, request: TierRequest, received_at: datetime, *, keys: tuple[Reference, ...] = ()
) -> Instruction:
    """
    Return the instruction that gives a tier by hand.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: The member's name or the time is malformed.
    """
    decide = partial(_decide_tier, request)
    return _instruction(_What("tier", decide, Struct), program_id, member, request, received_at, keys=keys)


def merge_account(
    program_id: str, member: str, request: MergerRequest, received_at: datetime, *, keys: tuple[Reference, ...] = ()
) -> Instruction:
    """
    Return the instruction that moves everything from one account to another, and ends the first.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: A member's name or the time is malformed.
    """
    decide = partial(_decide_merger, program_id, request)
    merging = _instruction(_What("merge", decide, AccountClosed), program_id, member, request, received_at, keys=keys)
    address = member_address(program_id, request.into_member, "/into_member")
    return replace(merging, also=(Further(ACCOUNT, address, "/into_member"),))


class _What(NamedTuple):
    """What is asked of an account's standing."""

    name: str
    decide: Callable[..., Sequence[AccountEvent | On]]
    answer: type[Struct]


def _instruction(
    what: _What,
    program_id: str,
    member: str,
    request: StandingRequest | TierRequest | MergerRequest,
    received_at: datetime,
    *,
    keys: tuple[Reference, ...],
) -> Instruction:
    check_time(request.occurred_at, received_at)
    check_text(source=request.source, reason=request.reason, member=member)
    asked = hashed(what.name, program_id, member, replace(request, occurred_at=as_utc(request.occurred_at)))
    # The same request again is the same request; there is no other name for it. Receipts are kept for ever, so the
    # member's name, which may be a phone number, does not stand in one.
    reference = (f"{what.name}:{program_id}", asked.hex())
    return Instruction(
        ACCOUNT,
        member_address(program_id, member),
        (reference, *keys),
        asked,
        what.decide,
        program_only(program_id),
        answer=what.answer,
    )


def _decide_standing(
    command: type[SuspendAccount | LiftSuspension | CloseAccount],
    request: StandingRequest,
    state: Account | None,
    program: Program | None,
) -> Sequence[AccountEvent]:
    at, on = dated(program, request.occurred_at)
    if command is SuspendAccount:
        return account.decide(state, SuspendAccount(request.source, at, on, request.reason, request.may_earn))
    if command is LiftSuspension:
        return account.decide(state, LiftSuspension(request.source, at, on, request.reason))
    return account.decide(state, CloseAccount(request.source, at, on, request.reason))


def _decide_tier(request: TierRequest, state: Account | None, program: Program | None) -> Sequence[AccountEvent]:
    plan = plan_at(program, request.occurred_at)
    at, on = dated(program, request.occurred_at)
    ladder = _ladder(plan.ladders, request.ladder)
    if ladder.rank(request.tier) < 0:
        known = ", ".join(tier.code for tier in ladder.tiers)
        raise UnknownTier(f"The ladder has no tier {request.tier!r}; it has {known}.", pointer="/tier")
    if request.valid_until is not None and request.valid_until <= on:
        raise InvalidInput("A tier that is given is held at least today.", pointer="/valid_until")
    until = request.valid_until or ladder.until(on)
    held = state.tiers.get(ladder.ladder.code) if state else None
    code = ladder.ladder.code
    if ladder.rank(tier_on(ladder, held, on)) >= ladder.rank(request.tier):
        period = ""
        if held is not None and request.tier in held.secured and not is_longer(until, held.secured[request.tier]):
            # It is held for longer than that already, and stays so.
            until, period = held.secured[request.tier], held.bases.get(request.tier, "")
        return account.decide(state, RetainTier(code, request.tier, at, on, until, period))
    return account.decide(state, ChangeTier(code, request.tier, at, on, "assigned", until))


def _ladder(ladders: Sequence[LadderPlan], wanted: str | None) -> LadderPlan:
    found = next((one for one in ladders if wanted in (None, one.ladder.code)), None)
    if found is None:
        known = ", ".join(one.ladder.code for one in ladders) or "none"
        raise UnknownTier(f"The program has no ladder {wanted or ''!r}; it has {known}.", pointer="/ladder")
    return found


def _decide_merger(
    program_id: str,
    request: MergerRequest,
    state: Account | None,
    program: Program | None,
    receiver: Account | None,
) -> Sequence[AccountEvent | On]:
    at, on = dated(program, request.occurred_at)
    if receiver is None or state is None:
        raise AccountNotOpen("One of the members has no account in this program.", pointer="/into_member")
    if state.member_id == receiver.member_id:
        raise SameAccount("An account cannot be merged into itself.", pointer="/into_member")
    _check_open(state, "/member")
    _check_open(receiver, "/into_member")
    ended = account.decide(state, ExpireHolds(at, on))
    state = folded(state, ended)
    owed = {code: book.owed_points for code, book in state.books.items() if book.debts}
    if owed:
        raise PointsOwed("An account that owes points cannot be merged into another; settle it first.", owed=owed)
    key = StreamKey(ACCOUNT, account_stream_id(program_id, UUID(receiver.member_id)))
    events: list[AccountEvent | On] = [*ended]
    for code, book in list(state.books.items()):
        if book.open_points:
            transfer_id = f"merge:{state.member_id}:{code}"
            sent = TransferOut(
                request.source, transfer_id, at, on, code, book.open_points, receiver.member_id, is_merger=True
            )
            out = account.decide(state, sent)
            awards = moved_lots(state, out, code)
            got = TransferIn(request.source, transfer_id, at, on, code, state.member_id, awards, is_merger=True)
            made = account.decide(receiver, got)
            state, receiver = folded(state, out), folded(receiver, made)
            events += [*out, *(On(key, event) for event in made)]
    closed = CloseAccount(request.source, at, on, request.reason, receiver.member_id)
    return [*events, *account.decide(state, closed)]


def _check_open(one: Account, pointer: str) -> None:
    """Refuse to merge an account that is not in order; also one without points."""
    if one.status == "closed":
        raise errors.AccountClosed("The account is closed.", pointer=pointer, merged_into=one.merged_into or None)
    if one.status != "open":
        message = "The account is suspended; lift that before it is merged."
        raise errors.AccountSuspended(message, pointer=pointer, may_earn=one.status == "earn_only")
