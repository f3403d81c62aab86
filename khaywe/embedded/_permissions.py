"""What another OS user needs to run the server for root: a way to its files, and to own its data."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from khaywe.embedded._errors import EmbeddedServerError
from khaywe.embedded._system_user import Account


def let_reach(account: Account, paths: Iterable[Path]) -> None:
    """
    Let another OS user pass through the folders above these paths: the permission to traverse, nothing more.

    Raises:
        EmbeddedServerError: A folder bars the way and its permissions cannot be changed.
    """
    if not account.is_other:
        return
    for folder in sorted({parent for path in paths for way in (path, path.resolve()) for parent in way.parents}):
        status = folder.stat()
        is_owner = status.st_uid == account.uid
        if not is_owner and not status.st_mode & stat.S_IXOTH:
            try:
                folder.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)
            except OSError as error:
                raise EmbeddedServerError(
                    f"OS user {account.name}, who runs PostgreSQL, cannot pass through {folder} and its "
                    f"permissions cannot be changed ({error.strerror}): run `chmod o+x {folder}`, "
                    "or put KHAYWE_HOME elsewhere"
                ) from error


def require_readable(account: Account, files: Iterable[Path]) -> None:
    """
    Check that another OS user can read these files.

    Raises:
        EmbeddedServerError: One of them is closed to that user.
    """
    for path in files if account.is_other else ():
        status = path.stat()
        if not status.st_mode & (stat.S_IRUSR if status.st_uid == account.uid else stat.S_IROTH):
            raise EmbeddedServerError(
                f"OS user {account.name}, who runs PostgreSQL, cannot read {path}: install Khaywe again with "
                "`umask 022`, or run `chmod -R o+rX` on the folder it is installed in"
            )


def hand_over(account: Account, folder: Path) -> None:
    """Make another OS user the owner of a folder and all it holds."""
    if not account.is_other or folder.stat().st_uid == account.uid:
        return
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent, name), account.uid, account.gid, follow_symlinks=False)
    # Last, because its owner tells the next start whether this was carried through.
    os.chown(folder, account.uid, account.gid)
