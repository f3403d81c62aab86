"""
Who uses the server, and who may start or stop it, told by file locks.

The kernel releases a lock when its holder ends, however it ends. Locks are released by closing the file, never by
unlocking it: a forked child shares the lock, and keeps it for as long as it lives.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from khaywe.embedded._errors import EmbeddedServerError
from khaywe.embedded._folder import Folder, open_ours

START_LOCK_SECONDS = 720
"""Longer than a start may take, with its crash recovery."""


def try_lock(path: Path, *, shared: bool = False) -> int | None:
    """Return the descriptor of a lock file we now hold, or None if somebody else holds it."""
    descriptor = open_ours(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to start or stop the server, held by one process at a time."""

    folder: Folder
    lock: int
    """
    Descriptor of the start lock, for the programs run meanwhile to inherit: should we be killed, they run on, and
    nobody else begins before they have ended.
    """


@contextmanager
def take_turn(folder: Folder) -> Iterator[Turn]:
    """
    Be the only process that starts or stops the server.

    Raises:
        EmbeddedServerError: Another process has been at it for too long.
    """
    give_up_at = time.monotonic() + START_LOCK_SECONDS
    while (descriptor := try_lock(folder.start_lock)) is None:
        if time.monotonic() > give_up_at:
            raise EmbeddedServerError(
                f"another Khaywe process has been starting or stopping the PostgreSQL in {folder.root} for more "
                f"than {START_LOCK_SECONDS} s: see {folder.log}, and end that process if it hangs"
            )
        time.sleep(0.01)
    try:
        yield Turn(folder, descriptor)
    finally:
        os.close(descriptor)


def become_user(folder: Folder) -> int:
    """
    Return a lock that tells others that this process uses the server; close it to stop doing so.

    To be called while nobody else starts or stops the server, so that the lock is always free to share.
    """
    descriptor = try_lock(folder.users_lock, shared=True)
    if descriptor is None:
        raise EmbeddedServerError(
            f"{folder.users_lock} is locked by a program that is not Khaywe: end it, then start again"
        )
    return descriptor


def has_users(folder: Folder) -> bool:
    """Return whether any process uses the server."""
    descriptor = try_lock(folder.users_lock)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False
