"""What a pool is, folded from its events."""

from typing import assert_never

from msgspec import Struct

from ledger.pool.events import (
    PoolEvent,
    PoolMemberAdded,
    PoolMemberRemoved,
    PoolOpened,
    PoolRedeemed,
    PoolRedemptionReversed,
    Share,
)


class PoolRedemption(Struct):
    """A redemption of the pool."""

    shares: tuple[Share, ...]
    is_reversed: bool = False


class Pool(Struct):
    """Members who spend their points together; each keeps an account of their own."""

    program_id: str
    pool_id: str
    members: list[str]
    redeemed_points: dict[str, int] = {}
    """What each member contributed to redemptions so far, reversed ones taken off."""
    redemptions: dict[str, PoolRedemption] = {}


def evolve(pool: Pool | None, event: PoolEvent) -> Pool:
    """Fold one recorded fact into the pool."""
    if pool is None:
        # Every pool stream begins with PoolOpened; the decider lets nothing else through.
        assert isinstance(event, PoolOpened)
        return Pool(event.program_id, event.pool_id, list(event.members))
    match event:
        case PoolMemberAdded():
            pool.members.append(event.member_id)
        case PoolMemberRemoved():
            pool.members.remove(event.member_id)
        case PoolRedeemed():
            pool.redemptions[event.redemption_id] = PoolRedemption(event.shares)
            _contribute(pool, event.shares, 1)
        case PoolRedemptionReversed():
            redemption = pool.redemptions[event.redemption_id]
            redemption.is_reversed = True
            _contribute(pool, redemption.shares, -1)
        case PoolOpened():
            pass
        case _:
            assert_never(event)
    return pool


def _contribute(pool: Pool, shares: tuple[Share, ...], sign: int) -> None:
    for share in shares:
        pool.redeemed_points[share.member_id] = pool.redeemed_points.get(share.member_id, 0) + sign * share.points
