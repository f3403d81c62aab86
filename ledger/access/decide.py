"""What may be decided about keys and users. Pure: ids, dates and names arrive from outside."""

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from msgspec import Struct

from ledger.access.errors import InvalidGrant, KeyNotInForce, UnknownKey, UnknownUser
from ledger.access.events import (
    AccessEvent,
    Grant,
    KeyExpirySet,
    KeyIssued,
    KeyRevoked,
    PasswordSet,
    SensitiveRead,
    SignedIn,
    SignedOut,
    SignInRefused,
    UserAdded,
    UserDisabled,
    UserEnabled,
    UserGranted,
)
from ledger.access.roles import ALLOWED, Action, Role
from ledger.access.state import Principal


class IssueKey(Struct, frozen=True):
    """Make a key."""

    principal: str
    grant: Grant
    by: str
    occurred_at: datetime
    expires_at: datetime | None = None
    replaces: str = ""


class SetKeyExpiry(Struct, frozen=True):
    """Let a key end, because another takes over."""

    expires_at: datetime
    by: str
    occurred_at: datetime


class RevokeKey(Struct, frozen=True):
    """Take a key out of force."""

    by: str
    occurred_at: datetime


class AddUser(Struct, frozen=True):
    """Give somebody a user."""

    principal: str
    grant: Grant
    by: str
    occurred_at: datetime


class ChangeUser(Struct, frozen=True):
    """Change what a user may do."""

    grant: Grant
    is_enabled: bool
    by: str
    occurred_at: datetime


class Note(Struct, frozen=True):
    """Record what a user or key did."""

    event: PasswordSet | SignedIn | SignInRefused | SignedOut | SensitiveRead


_ROLES = frozenset(Role)

Command = IssueKey | SetKeyExpiry | RevokeKey | AddUser | ChangeUser | Note


def decide(principal: Principal | None, command: Command) -> Sequence[AccessEvent]:
    """
    Turn a command into facts, or refuse it.

    Raises:
        UnknownKey: There is no such key.
        UnknownUser: There is no such user.
        KeyNotInForce: The key ended already.
        InvalidGrant: See `check_grant`.
    """
    match command:
        case IssueKey():
            check_grant(command.grant)
            return [
                KeyIssued(
                    command.principal,
                    command.grant,
                    command.by,
                    command.occurred_at,
                    command.expires_at,
                    command.replaces,
                )
            ]
        case SetKeyExpiry():
            return _set_expiry(principal, command)
        case RevokeKey():
            return _revoke(principal, command)
        case AddUser():
            check_grant(command.grant)
            return [UserAdded(command.principal, command.grant, command.by, command.occurred_at)]
        case ChangeUser():
            return _change(principal, command)
        case Note():
            return [command.event]
        case _:
            assert_never(command)


def _revoke(principal: Principal | None, command: RevokeKey) -> Sequence[AccessEvent]:
    if principal is None:
        raise UnknownKey("There is no such key.")
    return [KeyRevoked(principal.name, command.by, command.occurred_at)] if principal.is_in_force else []


def _set_expiry(principal: Principal | None, command: SetKeyExpiry) -> Sequence[AccessEvent]:
    if principal is None:
        raise UnknownKey("There is no such key.")
    ended_at = principal.expires_at
    if not principal.is_in_force or (ended_at is not None and ended_at <= command.occurred_at):
        raise KeyNotInForce("The key is not in force any more; issue a new one.")
    if ended_at is not None and ended_at <= command.expires_at:
        return []
    return [KeyExpirySet(principal.name, command.expires_at, command.by, command.occurred_at)]


def _change(principal: Principal | None, command: ChangeUser) -> Sequence[AccessEvent]:
    if principal is None or principal.grant is None:
        raise UnknownUser("There is no such user.")
    check_grant(command.grant)
    events: list[AccessEvent] = []
    if principal.grant != command.grant:
        events.append(UserGranted(principal.name, command.grant, command.by, command.occurred_at))
    if principal.is_in_force != command.is_enabled:
        change = UserEnabled if command.is_enabled else UserDisabled
        events.append(change(principal.name, command.by, command.occurred_at))
    return events


def check_grant(grant: Grant) -> None:
    """
    Raises:
        InvalidGrant: The role or an action is unknown, an action is not of the role, or a partner is not named.
    """
    if grant.role not in _ROLES:
        raise InvalidGrant(f"{grant.role!r} is not a role; take one of: {', '.join(Role)}.", pointer="/role")
    role = Role(grant.role)
    for place, action in enumerate(grant.actions):
        if action not in ALLOWED[role]:
            allowed = ", ".join(sorted(ALLOWED[role]))
            message = f"The role {role} does not allow {action!r}; it allows: {allowed}."
            raise InvalidGrant(message, pointer=f"/actions/{place}")
    if role is Role.PARTNER and not grant.partners:
        raise InvalidGrant("Name the partners whose members this is to see.", pointer="/partners")


def actions_of(grant: Grant) -> frozenset[Action]:
    """Return what a grant allows."""
    allowed = ALLOWED[Role(grant.role)]
    return allowed & {Action(one) for one in grant.actions} if grant.actions else allowed
