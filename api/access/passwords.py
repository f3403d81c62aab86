"""Passwords: chosen by people, so hashed slowly."""

from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ledger.access.errors import InvalidPassword

SHORTEST, LONGEST = 12, 200
"""Characters."""

_hasher = PasswordHasher()
"""Argon2id with the library's parameters, those of RFC 9106 for servers with little memory (64 MiB a hash)."""

_at_once = BoundedSemaphore(2)
"""So that many attempts at once take neither all memory nor all processors."""

_NOBODY = _hasher.hash("nobody has this password")


def hashed_password(password: str, email: str) -> str:
    """
    Return what is stored of a password.

    Raises:
        InvalidPassword: It is too short, too long, one character over and over, or holds the e-mail address.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidPassword(f"A password has {SHORTEST} to {LONGEST} characters.", pointer="/password")
    name = email.partition("@")[0].casefold()
    if len(set(password)) < SHORTEST // 3 or (len(name) > 3 and name in password.casefold()):  # noqa: PLR2004  # a short name is in many words
        raise InvalidPassword("This password is easy to guess; choose another.", pointer="/password")
    with _at_once:
        return _hasher.hash(password)


def is_password(stored: str | None, password: str) -> bool:
    """Tell whether this is the password; takes as long where there is nobody, so that nobody can be found out."""
    with _at_once:
        try:
            return _hasher.verify(stored or _NOBODY, password) and stored is not None
        except (VerificationError, InvalidHashError):
            return False
