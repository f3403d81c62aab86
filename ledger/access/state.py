"""What a key or a user may do, folded from their events."""

from datetime import datetime
from typing import assert_never

from msgspec import Struct

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


class Principal(Struct):
    """A key or a user."""

    name: str
    """``key:<visible part>`` or ``user:<uuid>``."""
    grant: Grant | None = None
    is_in_force: bool = False
    expires_at: datetime | None = None


def evolve(principal: Principal | None, event: AccessEvent) -> Principal:
    """Fold one recorded fact into the principal."""
    principal = principal or Principal(event.principal)
    match event:
        case KeyIssued():
            return Principal(event.principal, event.grant, is_in_force=True, expires_at=event.expires_at)
        case UserAdded():
            return Principal(event.principal, event.grant, is_in_force=True)
        case KeyExpirySet():
            principal.expires_at = event.expires_at
        case KeyRevoked() | UserDisabled():
            principal.is_in_force = False
        case UserEnabled():
            principal.is_in_force = True
        case UserGranted():
            principal.grant = event.grant
        case PasswordSet() | SignedIn() | SignInRefused() | SignedOut() | SensitiveRead():
            pass
        case _:
            assert_never(event)
    return principal
