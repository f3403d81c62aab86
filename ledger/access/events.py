"""
What happened to those who may ask: the stored contract, version 1.

One stream per key and per user. Secrets, e-mail addresses and labels are not in here: they stand in ordinary tables.
These events name keys and users by their ids only: ``principal`` is ``key:<visible part>`` or ``user:<uuid>``.
"""

from datetime import datetime
from typing import ClassVar

from msgspec import Struct


class Grant(Struct, frozen=True, omit_defaults=True):
    """What a key or a user may do, and where."""

    role: str
    actions: tuple[str, ...] = ()
    """The only actions of the role that are allowed; empty for all of them."""
    programs: tuple[str, ...] = ()
    """The only programs; empty for all."""
    partners: tuple[str, ...] = ()
    """Only members whom these partners enrolled; empty for all."""
    stores: tuple[str, ...] = ()
    """The only values of ``source`` that may be written under; empty for all."""


class KeyIssued(Struct, frozen=True, omit_defaults=True):
    """A key was made."""

    TOPIC: ClassVar = "access.key_issued.v1"

    principal: str
    grant: Grant
    by: str
    """Who made it, such as ``user:<uuid>``, ``key:khaywe_v5TObn`` or ``cli``."""
    occurred_at: datetime
    expires_at: datetime | None = None
    replaces: str = ""
    """The key it takes over from, for a rotation."""


class KeyExpirySet(Struct, frozen=True, omit_defaults=True):
    """It was decided when a key ends, because another takes over."""

    TOPIC: ClassVar = "access.key_expiry_set.v1"

    principal: str
    expires_at: datetime
    by: str
    occurred_at: datetime


class KeyRevoked(Struct, frozen=True, omit_defaults=True):
    """A key was taken out of force."""

    TOPIC: ClassVar = "access.key_revoked.v1"

    principal: str
    by: str
    occurred_at: datetime


class UserAdded(Struct, frozen=True, omit_defaults=True):
    """Somebody got a user of their own."""

    TOPIC: ClassVar = "access.user_added.v1"

    principal: str
    grant: Grant
    by: str
    occurred_at: datetime


class UserGranted(Struct, frozen=True, omit_defaults=True):
    """A user may do something else from now on."""

    TOPIC: ClassVar = "access.user_granted.v1"

    principal: str
    grant: Grant
    by: str
    occurred_at: datetime


class UserDisabled(Struct, frozen=True, omit_defaults=True):
    """A user may do nothing any more."""

    TOPIC: ClassVar = "access.user_disabled.v1"

    principal: str
    by: str
    occurred_at: datetime


class UserEnabled(Struct, frozen=True, omit_defaults=True):
    """A disabled user may do again what they could before."""

    TOPIC: ClassVar = "access.user_enabled.v1"

    principal: str
    by: str
    occurred_at: datetime


class PasswordSet(Struct, frozen=True, omit_defaults=True):
    """A user's password was changed; their sessions ended."""

    TOPIC: ClassVar = "access.password_set.v1"

    principal: str
    by: str
    occurred_at: datetime


class SignedIn(Struct, frozen=True, omit_defaults=True):
    """A user opened a session."""

    TOPIC: ClassVar = "access.signed_in.v1"

    principal: str
    occurred_at: datetime


class SignInRefused(Struct, frozen=True, omit_defaults=True):
    """Somebody gave a wrong password for a user, or a right one for a user that is disabled."""

    TOPIC: ClassVar = "access.sign_in_refused.v1"

    principal: str
    occurred_at: datetime
    reason: str
    """``wrong-password``, ``disabled`` or ``locked``."""


class SignedOut(Struct, frozen=True, omit_defaults=True):
    """A user closed a session."""

    TOPIC: ClassVar = "access.signed_out.v1"

    principal: str
    occurred_at: datetime


class SensitiveRead(Struct, frozen=True, omit_defaults=True):
    """Somebody read what is not everybody's: who members are, or the record of access."""

    TOPIC: ClassVar = "access.sensitive_read.v1"

    principal: str
    what: str
    """Such as ``profile``, ``search``, ``data-export`` or ``access-log``."""
    occurred_at: datetime
    request_id: str
    """As in the log and in ``X-Request-Id``."""
    program_id: str = ""
    members: tuple[str, ...] = ()
    """Ids of the members whom the answer was about; the first of them, if they are many."""
    count: int = 0
    """How many there were."""


AccessEvent = (
    KeyIssued
    | KeyExpirySet
    | KeyRevoked
    | UserAdded
    | UserGranted
    | UserDisabled
    | UserEnabled
    | PasswordSet
    | SignedIn
    | SignInRefused
    | SignedOut
    | SensitiveRead
)
