import os
import shlex
from pathlib import Path

from khaywe.embedded._binaries import run_program
from khaywe.embedded._errors import EmbeddedServerError
from khaywe.embedded._folder import Folder, open_ours
from khaywe.embedded._locks import try_lock
from khaywe.embedded._postmaster import Endpoint, disown_recycled_pid
from khaywe.embedded._system_user import Account

START_SECONDS = 600
"""How long a start may take; after a crash there may be gigabytes of WAL to recover from."""

LOG_BYTES = 10 << 20
"""Size above which the log is set aside at the next start."""

SHOWN_LOG_LINES = 15


class StillHeld(EmbeddedServerError):
    """Processes of another PostgreSQL still hold the data folder; they may be about to end."""


def launch(folder: Folder, endpoint: Endpoint, account: Account) -> None:
    """
    Start PostgreSQL once.

    Raises:
        StillHeld: Processes of another one hold the folder.
        EmbeddedServerError: It does not start, with the end of its log.
    """
    # The server's processes inherit this lock. So it is free exactly when the last of them has ended, even those
    # of a container that shares this folder and whose pids we cannot see.
    lock = try_lock(folder.server_lock)
    if lock is None:
        raise StillHeld(
            f"PostgreSQL processes that cannot be joined hold {folder.data}: end them if they were left by a crash; "
            "if another container uses this folder, give each a KHAYWE_HOME of its own"
        )
    try:
        disown_recycled_pid(folder.data)
        endpoint.socket_path.with_name(f"{endpoint.socket_path.name}.lock").unlink(missing_ok=True)
        log_start = _open_log(folder.log, account)
        configuration = shlex.quote(f"config_file={folder.configuration}")
        files: list[str | Path] = ["-D", folder.data, "-l", folder.log]
        outcome = run_program(
            "pg_ctl",
            ["start", "-w", "-t", str(START_SECONDS), *files, "-o", f"-c {configuration}"],
            account=account,
            folder=folder.root,
            inherited_descriptors=[lock],
        )
    finally:
        os.close(lock)
    if not outcome.succeeded:
        raise _failed_start(folder.log, log_start, outcome.output)


def _failed_start(log: Path, log_start: int, output: str) -> EmbeddedServerError:
    with log.open("rb") as file:
        file.seek(log_start)
        lines = file.read().decode(errors="replace").splitlines()[-SHOWN_LOG_LINES:]
    text = "\n".join(lines)
    # Left by a server that was not started by us, else the lock would have told.
    if "pre-existing shared memory block" in text or 'lock file "postmaster.pid" already exists' in text:
        return StillHeld(f"processes of another PostgreSQL hold the data folder, end them:\n{text}")
    return EmbeddedServerError(f"PostgreSQL did not start; the end of {log} says:\n{text or output}")


def _open_log(log: Path, account: Account) -> int:
    """Make the log ready for the server to append to, and return its size in bytes."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
    descriptor = open_ours(log, os.O_WRONLY | os.O_APPEND)
    try:
        if account.is_other:
            os.fchown(descriptor, account.uid, account.gid)
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
