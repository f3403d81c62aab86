"""
The OS user PostgreSQL runs as.

Normally that is whoever runs Khaywe, and nothing here does anything. PostgreSQL refuses to run as root, though,
and containers often run as root; then an unprivileged system user owns the data and runs the server.
"""

import os
import pwd
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from khaywe.embedded._errors import EmbeddedServerError

SYSTEM_USER = "khaywe-postgres"
USERADD_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Account:
    """An OS user, and how ``subprocess`` becomes it."""

    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        """Whether this is not the user we run as ourselves."""
        return self.uid != os.geteuid()

    @property
    def user(self) -> int | None:
        """Argument of the same name for ``subprocess``; None: stay who we are."""
        return self.uid if self.is_other else None

    @property
    def group(self) -> int | None:
        """Argument of the same name for ``subprocess``."""
        return self.gid if self.is_other else None

    @property
    def extra_groups(self) -> list[int] | None:
        """Argument of the same name for ``subprocess``: none of root's groups are kept."""
        return [] if self.is_other else None

    @property
    def name(self) -> str:
        """The user's name, or its number where the system has no name for it."""
        return user_name(self.uid)


def user_name(uid: int) -> str:
    """Return the name of an OS user, or its number where the system has no name for it."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def server_account(data_directory: Path) -> Account:
    """
    Return the OS user that runs PostgreSQL on this data directory, creating a system user if one is needed.

    Raises:
        EmbeddedServerError: We are root and a system user is needed but cannot be created.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    if data_directory.exists():
        owner = data_directory.stat()
        # A data folder keeps its owner: one made by an ordinary user stays usable by that user after a single
        # `sudo khaywe`, and one on a volume outlives the container whose system user had made it.
        if owner.st_uid != 0:
            return Account(owner.st_uid, owner.st_gid)
    return _system_account()


def _system_account() -> Account:
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    output = ""
    for _ in range(USERADD_ATTEMPTS):
        try:
            entry = pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            pass
        else:
            return Account(entry.pw_uid, entry.pw_gid)
        if useradd is None:
            raise EmbeddedServerError(
                f"PostgreSQL does not run as root, and the program useradd to create the user {SYSTEM_USER} is "
                "missing: create that user by hand, or run Khaywe as an ordinary user"
            )
        output = _run_useradd(useradd)
        if output:
            time.sleep(0.2)  # Another process may hold the lock of /etc/passwd, or has just added the user.
    raise EmbeddedServerError(
        f"PostgreSQL does not run as root, and the user {SYSTEM_USER} could not be created: {output}; "
        "create that user by hand, or run Khaywe as an ordinary user"
    )


def _run_useradd(useradd: str) -> str:
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command = [useradd, *options, "--shell", shutil.which("nologin") or "/usr/sbin/nologin", SYSTEM_USER]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - no shell, no input
    return "" if ended.returncode == 0 else ended.stderr.strip() or f"exit code {ended.returncode}"
