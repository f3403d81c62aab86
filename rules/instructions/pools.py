"""Pools: households whose members spend their points together, each in proportion to what they have."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID

from msgspec.structs import replace

from ledger.account import decide as account
from ledger.account.activity import available_points
from ledger.account.commands import Redeem, ReverseRedemption
from ledger.account.errors import AccountNotOpen, InsufficientPoints
from ledger.account.state import Account
from ledger.dates import as_utc
from ledger.pool import decide as pool
from ledger.pool.events import PoolEvent, PoolOpened, PoolRedeemed, PoolRedemptionReversed, Share
from ledger.pool.state import Pool
from ledger.posting.instruction import Further, Instruction, On, Reference, StreamKey
from ledger.program.state import Program
from ledger.streams import ACCOUNT, POOL, account_stream_id, pool_stream_id
from rules.activity import Redemption, Reversal, check_text, check_time, member_address
from rules.errors import PoolChanged
from rules.instructions.asking import dated, hashed, program_only
from rules.instructions.redemptions import check_amount, redemption_reference
from rules.pricing.price import existing, price_redemption
from rules.requests import PoolMemberRequest, PoolRedemptionRequest, PoolRequest


def _member(program_id: str, text: str, pointer: str) -> Further:
    """Return the account of the member a field names."""
    return Further(ACCOUNT, member_address(program_id, text, pointer), pointer)


def open_pool(
    program_id: str, request: PoolRequest, received_at: datetime, *, keys: tuple[Reference, ...] = ()
) -> Instruction:
    """
    Return the instruction that lets members spend together.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: A member's name or the time is malformed.
    """
    check_time(request.occurred_at, received_at)
    check_text(source=request.source, pool_id=request.pool_id)
    also = tuple([_member(program_id, one, f"/members/{place}") for place, one in enumerate(request.members)])
    return Instruction(
        POOL,
        pool_stream_id(program_id, request.pool_id),
        ((f"pool:{program_id}", request.pool_id), *keys),
        hashed("pool", program_id, replace(request, occurred_at=as_utc(request.occurred_at))),
        partial(_decide_opening, program_id, request),
        program_only(program_id),
        also,
        answer=PoolOpened,
    )


def change_pool(
    program_id: str,
    pool_id: str,
    request: PoolMemberRequest,
    received_at: datetime,
    *,
    joins: bool,
    keys: tuple[Reference, ...] = (),
) -> Instruction:
    """
    Return the instruction that lets a member join a pool, or leave it.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: The member's name or the time is malformed.
    """
    check_time(request.occurred_at, received_at)
    check_text(source=request.source)
    asked = hashed("pool-member", program_id, pool_id, joins, replace(request, occurred_at=as_utc(request.occurred_at)))
    return Instruction(
        POOL,
        pool_stream_id(program_id, pool_id),
        ((f"pool-member:{program_id}", f"{pool_id}:{asked.hex()[:32]}"), *keys),
        asked,
        partial(_decide_change, request, joins),
        program_only(program_id),
        (_member(program_id, request.member, "/member"),),
    )


class PoolOf(NamedTuple):
    """A pool, and the members whose accounts something is about."""

    program_id: str
    pool_id: str
    members: tuple[str, ...]
    """Their ids, as they were a moment ago; what is asked is refused if they have changed since."""

    @property
    def accounts(self) -> tuple[Further, ...]:
        """The accounts of its members."""
        found = [account_stream_id(self.program_id, UUID(one)) for one in self.members]
        return tuple([Further(ACCOUNT, stream_id, "") for stream_id in found])


def redeem_from_pool(
    of: PoolOf,
    request: PoolRedemptionRequest,
    received_at: datetime,
    *,
    keys: tuple[Reference, ...] = (),
) -> Instruction:
    """
    Return the instruction that spends points of all members: all accounts change, or none.

    Args:
        of: Whose points.
        request: As reported.
        received_at: Now, for the check of its time.
        keys: Further references under which the effect is had once.

    Raises:
        OccurredInFuture: See `check_time`.
        InvalidInput: The time or the amount is malformed.
    """
    check_time(request.occurred_at, received_at)
    check_text(source=request.source, redemption_id=request.redemption_id)
    check_amount(request.amount)
    asked = hashed(
        "pool-redemption",
        of.program_id,
        of.pool_id,
        replace(request, occurred_at=as_utc(request.occurred_at), amount=None),
        None if request.amount is None else request.amount.normalize(),
    )
    return Instruction(
        POOL,
        pool_stream_id(of.program_id, of.pool_id),
        (redemption_reference(of.program_id, request.redemption_id), *keys),
        asked,
        partial(_decide_redemption, of, request),
        program_only(of.program_id),
        of.accounts,
        answer=PoolRedeemed,
    )


def reverse_pool_redemption(
    of: PoolOf,
    redemption_id: str,
    reversal: Reversal,
    received_at: datetime,
    *,
    keys: tuple[Reference, ...] = (),
) -> Instruction:
    """
    Return the instruction that gives every member of a redemption their points back.

    Args:
        of: Whose redemption, and who had paid.
        redemption_id: What is undone.
        reversal: Who undoes it, when and why.
        received_at: Now, for the check of its time.
        keys: Further references under which the effect is had once.

    Raises:
        OccurredInFuture: See `check_time`.
    """
    check_time(reversal.occurred_at, received_at)
    check_text(source=reversal.source, reason=reversal.reason)
    asked = hashed(
        "pool-reversal", of.program_id, of.pool_id, redemption_id, reversal.source, as_utc(reversal.occurred_at)
    )
    return Instruction(
        POOL,
        pool_stream_id(of.program_id, of.pool_id),
        ((f"reversal:{of.program_id}", f"{redemption_id}:{asked.hex()[:32]}"), *keys),
        asked,
        partial(_decide_reversal, of, redemption_id, reversal),
        program_only(of.program_id),
        of.accounts,
        answer=PoolRedemptionReversed,
    )


def shares_of(points: int, available: Sequence[int]) -> list[int]:
    """
    Divide points among members in proportion to what they have; what is left over goes to the largest remainders.

    Args:
        points: At most the sum of what is available.
        available: Points of each member.

    Returns:
        Points of each member, together exactly ``points``, and never more than they have.
    """
    total = sum(available)
    shares = [points * one // total if total else 0 for one in available]
    remainders = sorted(range(len(available)), key=lambda at: (-(points * available[at] % total if total else 0), at))
    for at in remainders[: points - sum(shares)]:
        shares[at] += 1
    return shares


def _decide_opening(
    program_id: str,
    request: PoolRequest,
    state: Pool | None,
    program: Program | None,
    *accounts: Account | None,
) -> Sequence[PoolEvent]:
    at, _ = dated(program, request.occurred_at)
    members = [_open(one, "/members").member_id for one in accounts]
    return pool.decide(state, pool.OpenPool(program_id, request.pool_id, request.source, at, tuple(members)))


def _decide_change(
    request: PoolMemberRequest,
    joins: bool,  # bound by name where the instruction is made
    state: Pool | None,
    program: Program | None,
    member: Account | None,
) -> Sequence[PoolEvent]:
    at, _ = dated(program, request.occurred_at)
    member_id = _open(member, "/member").member_id
    command = pool.AddMember if joins else pool.RemoveMember
    return pool.decide(state, command(request.source, at, member_id))


def _decide_redemption(
    of: PoolOf,
    request: PoolRedemptionRequest,
    state: Pool | None,
    program: Program | None,
    *accounts: Account | None,
) -> Sequence[PoolEvent | On]:
    if state is not None and set(state.members) != set(of.members):
        raise PoolChanged("The pool's members changed while points were asked for; ask again.")
    opened = [_open(one, "/pool_id") for one in accounts]
    asked = Redemption(
        request.source,
        request.redemption_id,
        "",
        request.occurred_at,
        request.points,
        request.point_currency,
        request.amount,
    )
    priced = price_redemption(asked, existing(program), opened[0] if opened else None)
    available = [available_points(one, priced.point_currency, priced.effective_on) for one in opened]
    if sum(available) < request.points:
        message = (
            f"{request.points} points were asked for on {priced.effective_on}, and {sum(available)} are available."
        )
        raise InsufficientPoints(
            message, pointer="/points", available_points=sum(available), requested_points=request.points
        )
    points = shares_of(request.points, available)
    values = shares_of(priced.value_minor, points)
    shares = tuple(Share(one.member_id, part) for one, part in zip(opened, points, strict=True) if part)
    redeemed = pool.RedeemFromPool(
        request.source,
        request.redemption_id,
        priced.occurred_at,
        priced.point_currency,
        request.points,
        priced.value_minor,
        priced.currency,
        priced.program_version,
        shares,
    )
    events: list[PoolEvent | On] = [*pool.decide(state, redeemed)]
    assert state is not None
    for one, part, value in zip(opened, points, values, strict=True):
        if part:
            command: Redeem = replace(priced, points=part, value_minor=value, pool=state.pool_id)
            events += [On(_account_key(of.program_id, one), event) for event in account.decide(one, command)]
    return events


def _decide_reversal(
    of: PoolOf,
    redemption_id: str,
    reversal: Reversal,
    state: Pool | None,
    program: Program | None,
    *accounts: Account | None,
) -> Sequence[PoolEvent | On]:
    at, on = dated(program, reversal.occurred_at)
    undone = pool.ReversePoolRedemption(reversal.source, redemption_id, at, reversal.reason)
    events: list[PoolEvent | On] = [*pool.decide(state, undone)]
    assert state is not None
    shares = {share.member_id for share in state.redemptions[redemption_id].shares}
    if shares != set(of.members):
        raise PoolChanged("The redemption was of other members; ask again.")
    for one in accounts:
        opened = _open(one, "/pool_id")
        command = ReverseRedemption(reversal.source, redemption_id, at, on, reversal.reason)
        events += [On(_account_key(of.program_id, opened), event) for event in account.decide(opened, command)]
    return events


def _open(one: Account | None, pointer: str) -> Account:
    if one is None:
        raise AccountNotOpen("A member of the pool has no account in this program.", pointer=pointer)
    return one


def _account_key(program_id: str, one: Account) -> StreamKey:
    return StreamKey(ACCOUNT, account_stream_id(program_id, UUID(one.member_id)))
