"""What is asked and answered about keys and users."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from ledger.access.events import Grant
from rules.activity import Instant

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Names = Annotated[tuple[Name, ...], Meta(max_length=100)]
Email = Annotated[
    str,
    Meta(min_length=3, max_length=254, pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$", examples=["ada@example.com"]),
]
Password = Annotated[str, Meta(max_length=200)]


class GrantBody(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a key or a user may do, and where."""

    role: Annotated[str, Meta(max_length=20, examples=["pos"])]
    """admin, marketer, finance, analyst, pos or partner; `GET /v1/access/roles` says what each allows."""
    actions: Annotated[tuple[Name, ...], Meta(max_length=50)] = ()
    """Only these actions of the role; absent or empty for all of them."""
    programs: Names = ()
    """Only these programs; absent or empty for all."""
    partners: Names = ()
    """Only members whom these partners enrolled; needed for the role partner."""
    stores: Names = ()
    """Writes only under these values of `source`; absent or empty for all."""

    def grant(self) -> Grant:
        """Return it as events have it."""
        return Grant(self.role, self.actions, self.programs, self.partners, self.stores)


class KeyRequest(GrantBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A key to be made."""

    label: Annotated[str, Meta(max_length=200)] = ""
    """For people, to tell keys apart."""
    expires_at: Instant | None = None
    """Absent: when it is revoked."""
    requests_per_s: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """Absent: the usual limit."""


class RotationRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A new key takes over from an old one."""

    overlap_hours: Annotated[int, Meta(ge=0, le=720)] = 24
    """How long the old one goes on working."""
    expires_at: Instant | None = None
    """Of the new one."""


class KeyView(Struct, frozen=True):
    """A key, without what opens."""

    key_id: str
    """The first characters of the key."""
    family: str
    """The id of the first key in a row of rotations. Idempotency keys are unique within a family."""
    label: str
    role: str
    actions: list[str]
    programs: list[str]
    partners: list[str]
    stores: list[str]
    requests_per_s: int | None
    issued_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    """To the minute."""


class IssuedKeyView(Struct, frozen=True):
    """A key that was made."""

    key: str | None
    """The key itself, shown this once; null where the request was sent again."""
    details: KeyView
    replayed: bool


class KeyPage(Struct, frozen=True):
    """Keys, newest first."""

    keys: list[KeyView]
    next_cursor: str | None


class UserRequest(GrantBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody who is to get a user."""

    email: Email
    password: Password
    """12 to 200 characters. They should change it when they sign in first."""


class UserChange(GrantBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a user may do from now on, as a whole."""

    is_enabled: bool = True


class PasswordRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A password for somebody else."""

    password: Password


class PasswordChange(Struct, frozen=True, forbid_unknown_fields=True):
    """A new password of one's own."""

    present_password: Password
    password: Password


class SignInRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants to come in."""

    email: Email
    password: Password


class UserView(Struct, frozen=True):
    """A user."""

    user_id: UUID
    email: str
    role: str
    actions: list[str]
    programs: list[str]
    partners: list[str]
    stores: list[str]
    is_enabled: bool
    created_at: datetime
    locked_until: datetime | None
    """Set while too many wrong passwords keep everybody out."""


class UserPage(Struct, frozen=True):
    """Users, newest first."""

    users: list[UserView]
    next_cursor: str | None


class CallerView(Struct, frozen=True):
    """Who is asking, and what they may do."""

    principal: str
    role: str
    actions: list[str]
    programs: list[str]
    partners: list[str]
    stores: list[str]


class RolesView(Struct, frozen=True):
    """Every role, and the actions it allows."""

    roles: dict[str, list[str]]
