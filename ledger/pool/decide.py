"""What a pool allows. Pure: members, shares and prices arrive from outside."""

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from msgspec import Struct

from ledger.account.errors import RedemptionAlreadyReversed, RedemptionExists, UnknownRedemption
from ledger.errors import LedgerError
from ledger.pool.events import (
    PoolEvent,
    PoolMemberAdded,
    PoolMemberRemoved,
    PoolOpened,
    PoolRedeemed,
    PoolRedemptionReversed,
    Share,
)
from ledger.pool.state import Pool

MAX_MEMBERS = 20


class UnknownPool(LedgerError):
    """There is no such pool."""

    slug = "unknown-pool"


class PoolExists(LedgerError):
    """A pool with this id exists already."""

    slug = "pool-exists"


class InvalidPool(LedgerError):
    """A pool cannot have these members."""

    slug = "invalid-pool"


class OpenPool(Struct, frozen=True):
    """Let members spend together."""

    program_id: str
    pool_id: str
    source: str
    occurred_at: datetime
    members: tuple[str, ...]


class AddMember(Struct, frozen=True):
    """Let somebody join."""

    source: str
    occurred_at: datetime
    member_id: str


class RemoveMember(Struct, frozen=True):
    """Let somebody go."""

    source: str
    occurred_at: datetime
    member_id: str


class RedeemFromPool(Struct, frozen=True):
    """Spend points of all members."""

    source: str
    redemption_id: str
    occurred_at: datetime
    point_currency: str
    points: int
    value_minor: int
    currency: str
    program_version: int
    shares: tuple[Share, ...]


class ReversePoolRedemption(Struct, frozen=True):
    """Undo a redemption of the pool."""

    source: str
    redemption_id: str
    occurred_at: datetime
    reason: str


PoolCommand = OpenPool | AddMember | RemoveMember | RedeemFromPool | ReversePoolRedemption


def decide(pool: Pool | None, command: PoolCommand) -> list[PoolEvent]:
    """
    Turn a command into facts, or refuse it.

    Raises:
        PoolExists: A pool to be opened exists.
        UnknownPool: Anything but opening is asked of a pool that does not exist.
        InvalidPool: Nobody, too many, or the same member twice; or who leaves is not in it.
        RedemptionExists: The redemption is booked already.
        UnknownRedemption: A reversal names none of the pool.
        RedemptionAlreadyReversed: It was reversed before.
    """
    if isinstance(command, OpenPool):
        if pool is not None:
            raise PoolExists(f"Pool {command.pool_id!r} exists.", pointer="/pool_id")
        _check_members(command.members, "/members")
        return [PoolOpened(command.program_id, command.pool_id, command.source, command.occurred_at, command.members)]
    if pool is None:
        raise UnknownPool("There is no such pool; open it first.")
    match command:
        case AddMember():
            _check_members((*pool.members, command.member_id), "/member")
            return [PoolMemberAdded(command.source, command.occurred_at, command.member_id)]
        case RemoveMember():
            if command.member_id not in pool.members:
                raise InvalidPool(f"Member {command.member_id} is not in this pool.", pointer="/member")
            _check_members([one for one in pool.members if one != command.member_id], "/member")
            return [PoolMemberRemoved(command.source, command.occurred_at, command.member_id)]
        case RedeemFromPool():
            return [_redeemed(pool, command)]
        case ReversePoolRedemption():
            return [_reversed(pool, command)]
        case _:
            assert_never(command)


def _check_members(members: Sequence[str], pointer: str) -> None:
    if not 1 <= len(members) <= MAX_MEMBERS:
        raise InvalidPool(f"A pool has 1 to {MAX_MEMBERS} members, not {len(members)}.", pointer=pointer)
    if len(set(members)) < len(members):
        raise InvalidPool("A member is in a pool once.", pointer=pointer)


def _redeemed(pool: Pool, command: RedeemFromPool) -> PoolRedeemed:
    if command.redemption_id in pool.redemptions:
        message = f"Redemption {command.redemption_id!r} is booked already; a new one needs a new id."
        raise RedemptionExists(message, pointer="/redemption_id")
    return PoolRedeemed(
        command.source,
        command.redemption_id,
        command.occurred_at,
        command.point_currency,
        command.points,
        command.value_minor,
        command.currency,
        command.program_version,
        command.shares,
    )


def _reversed(pool: Pool, command: ReversePoolRedemption) -> PoolRedemptionReversed:
    redemption = pool.redemptions.get(command.redemption_id)
    if redemption is None:
        message = f"No redemption {command.redemption_id!r} is booked on this pool."
        raise UnknownRedemption(message, pointer="/redemption_id")
    if redemption.is_reversed:
        message = f"Redemption {command.redemption_id!r} was reversed before."
        raise RedemptionAlreadyReversed(message, pointer="/redemption_id")
    return PoolRedemptionReversed(command.source, command.redemption_id, command.occurred_at, command.reason)
