"""Refusals of those who decide about access."""

from ledger.errors import LedgerError


class UnknownKey(LedgerError):
    """There is no such key."""

    slug = "unknown-key"


class UnknownUser(LedgerError):
    """There is no such user."""

    slug = "unknown-user"


class UserExists(LedgerError):
    """A user with this e-mail address exists already."""

    slug = "user-exists"


class KeyNotInForce(LedgerError):
    """The key was revoked or has run out, so nothing can take over from it."""

    slug = "key-not-in-force"


class InvalidGrant(LedgerError):
    """A key or user cannot be given this."""

    slug = "invalid-grant"


class GrantExceeded(LedgerError):
    """Nobody can give away more than they have."""

    slug = "grant-exceeded"


class InvalidPassword(LedgerError):
    """The password is too weak, or not the present one."""

    slug = "invalid-password"
