"""What happened to a pool: the stored contract, version 1."""

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class Share(Struct, frozen=True):
    """One member's part of a redemption."""

    member_id: str
    points: int


class PoolOpened(Struct, frozen=True, omit_defaults=True):
    """Members decided to spend their points together."""

    TOPIC: ClassVar = "pool.opened.v1"

    program_id: str
    pool_id: str
    source: str
    occurred_at: datetime
    members: tuple[str, ...]


class PoolMemberAdded(Struct, frozen=True, omit_defaults=True):
    """Somebody joined."""

    TOPIC: ClassVar = "pool.member_added.v1"

    source: str
    occurred_at: datetime
    member_id: str


class PoolMemberRemoved(Struct, frozen=True, omit_defaults=True):
    """Somebody left; the points they earned stay theirs."""

    TOPIC: ClassVar = "pool.member_removed.v1"

    source: str
    occurred_at: datetime
    member_id: str


class PoolRedeemed(Struct, frozen=True, omit_defaults=True):
    """Points of all members paid for something, each in proportion to what was available."""

    TOPIC: ClassVar = "pool.redeemed.v1"

    source: str
    redemption_id: str
    occurred_at: datetime
    point_currency: str
    points: int
    value_minor: int
    currency: str
    program_version: int
    shares: tuple[Share, ...]


class PoolRedemptionReversed(Struct, frozen=True, omit_defaults=True):
    """A redemption of the pool was undone: every member got the same points back."""

    TOPIC: ClassVar = "pool.redemption_reversed.v1"

    source: str
    redemption_id: str
    occurred_at: datetime
    reason: str


PoolEvent = PoolOpened | PoolMemberAdded | PoolMemberRemoved | PoolRedeemed | PoolRedemptionReversed
