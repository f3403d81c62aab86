"""What a member's account and tier are, beside its points."""

from datetime import date, datetime
from typing import ClassVar

from msgspec import Struct


class AccountOpened(Struct, frozen=True, omit_defaults=True):
    """A member joined a program and can hold its points."""

    TOPIC: ClassVar = "account.opened.v1"

    program_id: str
    member_id: str
    occurred_at: datetime
    effective_on: date


class AccountSuspended(Struct, frozen=True, omit_defaults=True):
    """The account was stopped for a while."""

    TOPIC: ClassVar = "account.suspended.v1"

    source: str
    occurred_at: datetime
    effective_on: date
    reason: str
    may_earn: bool = False
    """Purchases still earn; nothing is spent."""
    balances: dict[str, int] = {}


class SuspensionLifted(Struct, frozen=True, omit_defaults=True):
    """The account was let go on."""

    TOPIC: ClassVar = "account.suspension_lifted.v1"

    source: str
    occurred_at: datetime
    effective_on: date
    reason: str
    balances: dict[str, int] = {}


class AccountClosed(Struct, frozen=True, omit_defaults=True):
    """The member left; what points there were lapsed with the event before, or went to another account."""

    TOPIC: ClassVar = "account.closed.v1"

    source: str
    occurred_at: datetime
    effective_on: date
    reason: str
    balances: dict[str, int]
    merged_into: str = ""
    """The member whose account took everything over."""


class MemberErased(Struct, frozen=True, omit_defaults=True):
    """Who the member is was forgotten, at their wish: what stays is the account, under our own id alone."""

    TOPIC: ClassVar = "account.member_erased.v1"

    source: str
    occurred_at: datetime
    effective_on: date
    member_id: str
    reason: str
    """A code, never free text."""
    points: str
    """``forfeit``: the account was closed with it; ``keep``: it stays as it was."""
    principal: str
    """Who erased: a key or a user, by id."""
    balances: dict[str, int] = {}


class TierChanged(Struct, frozen=True, omit_defaults=True):
    """A member holds another tier than before."""

    TOPIC: ClassVar = "account.tier_changed.v1"

    ladder: str
    tier: str
    """Empty where it is none."""
    previous: str
    occurred_at: datetime
    effective_on: date
    """From this date on."""
    reason: str
    """``qualified``, ``assigned``, ``lapsed``, ``returned`` or ``late``. The first two secure the tier until its end;
    the others say what follows from what was secured before."""
    valid_until: date | None = None
    """First date on which it is no longer held; ``None`` means for ever."""
    period: str = ""
    """In which it was qualified for; empty where it was not."""
    withdrawn: tuple[str, ...] = ()
    """Tiers that no longer count as qualified for, because what they rested on was taken back."""
    balances: dict[str, int] = {}


class TierRetained(Struct, frozen=True, omit_defaults=True):
    """A member qualified for a tier again, and has it for longer; it may be one below the tier that is held."""

    TOPIC: ClassVar = "account.tier_retained.v1"

    ladder: str
    tier: str
    occurred_at: datetime
    effective_on: date
    valid_until: date | None = None
    period: str = ""
    balances: dict[str, int] = {}
    reason: str = ""
    """``returned`` or ``late`` where something else than the member's progress changed it."""


class QualifyingPeriodClosed(Struct, frozen=True, omit_defaults=True):
    """A window in which counters count is over."""

    TOPIC: ClassVar = "account.qualifying_period_closed.v1"

    ladder: str
    period: str
    occurred_at: datetime
    effective_on: date
    """The first date of the next."""
    counted: dict[str, int]
    """By counter."""
    carried: dict[str, int] = {}
    """What goes on into the next period."""
    tier: str = ""
    """Held at its end."""
    balances: dict[str, int] = {}
