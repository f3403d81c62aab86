"""Where everything of the embedded server lies below the data folder."""

import hashlib
import os
import stat
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from khaywe.embedded._errors import EmbeddedServerError
from khaywe.embedded._system_user import Account, user_name

LONGEST_SOCKET_PATH = 107 if sys.platform == "linux" else 103
"""Bytes that fit into ``sun_path``, without the closing zero byte."""


@dataclass(frozen=True, slots=True)
class Folder:
    """
    The folder ``postgres`` in the data folder.

    Only ``data``, the socket directory and the log belong to the OS user that runs the server. All else stays
    ours: what we read and write as root must not be something that user could have exchanged.
    """

    root: Path

    @classmethod
    def of(cls, home: Path) -> "Folder":
        """Return the layout below a data folder, without touching the disk."""
        return cls(home.absolute() / "postgres")

    @property
    def data(self) -> Path:
        """PostgreSQL's own data directory (PGDATA)."""
        return self.root / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.root / "postgres.log"

    @property
    def configuration(self) -> Path:
        """Our configuration file, written anew at every start."""
        return self.root / "khaywe.conf"

    @property
    def settings(self) -> Path:
        """What we remember between starts: the TCP port and its password."""
        return self.root / "settings.json"

    @property
    def start_lock(self) -> Path:
        """Held while the server is being started or stopped."""
        return self.root / "start.lock"

    @property
    def users_lock(self) -> Path:
        """Held shared by every process that uses the server."""
        return self.root / "users.lock"

    @property
    def server_lock(self) -> Path:
        """Held by the server's own processes, down to the last one."""
        return self.root / "server.lock"

    def create(self) -> None:
        """
        Create the folder if it is missing.

        Raises:
            EmbeddedServerError: It cannot be created, or is not ours to write in.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise EmbeddedServerError(
                f"the data folder {self.root} cannot be created ({error.strerror}): "
                "set KHAYWE_HOME to a folder that this user can write"
            ) from error
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise EmbeddedServerError(
                f"the data folder {self.root} is not writable: it belongs to OS user "
                f"{user_name(self.root.stat().st_uid)} and Khaywe runs as {user_name(os.geteuid())}; "
                "run Khaywe as that user, or set KHAYWE_HOME to a folder that this user can write"
            )


def open_ours(path: Path, flags: int, *, mode: int = 0o600) -> int:
    """
    Open a file of ours, created if missing and owned by whoever owns the folder it lies in.

    Raises:
        EmbeddedServerError: The file is closed to us.
    """
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, mode)
    except OSError as error:
        owner_name = user_name(path.parent.stat().st_uid)
        raise EmbeddedServerError(
            f"{path} cannot be opened for writing ({error.strerror}); its folder belongs to OS user {owner_name} "
            f"and Khaywe runs as {user_name(os.geteuid())}"
        ) from error
    if os.geteuid() == 0:
        # Otherwise one `sudo khaywe` would lock an ordinary owner out.
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def write_ours(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Replace a file of ours in one step, so that a crash leaves the old text or the new one."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = open_ours(fresh, os.O_WRONLY | os.O_EXCL, mode=mode)
    # Paths are written too, and need not be UTF-8.
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def socket_directory(folder: Folder) -> Path:
    """Return where the Unix socket belongs: in the folder, or in a temporary one if that path is too long."""
    inside = folder.root / "socket"
    fits = len(os.fsencode(inside / ".s.PGSQL.65535")) <= LONGEST_SOCKET_PATH
    # libpq reads a comma in a host as the end of the first of several hosts.
    if fits and "," not in str(inside):
        return inside
    digest = hashlib.sha256(os.fsencode(folder.root)).hexdigest()[:16]
    return Path(tempfile.gettempdir(), f"khaywe-{digest}")


def create_socket_directory(directory: Path, account: Account) -> None:
    """
    Make sure that only the server's OS user can enter the socket directory: whoever can, is let in as superuser.

    Raises:
        EmbeddedServerError: Somebody else has made a folder of that name.
    """
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    status = directory.lstat()
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid in {account.uid, os.geteuid()}
    if not is_ours:
        raise EmbeddedServerError(
            f"{directory}, the folder for the database socket, belongs to OS user {user_name(status.st_uid)}: "
            "remove it, or set KHAYWE_HOME to a folder with a shorter path"
        )
    os.chown(directory, account.uid, account.gid)
    directory.chmod(0o700)
