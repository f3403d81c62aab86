"""The data directory and its configuration."""

import os
import shutil
from pathlib import Path
from string import Template

from khaywe.embedded._binaries import MAJOR_VERSION, run_program
from khaywe.embedded._errors import EmbeddedServerError
from khaywe.embedded._folder import Folder, write_ours
from khaywe.embedded._locks import Turn
from khaywe.embedded._permissions import hand_over
from khaywe.embedded._postmaster import Endpoint
from khaywe.embedded._system_user import Account, user_name

SMALL_SHARED_MEMORY_BYTES = 1 << 30


def require_cluster(turn: Turn, account: Account) -> None:
    """
    Make the data directory if there is none, and check the one there is.

    Raises:
        EmbeddedServerError: It is another user's, another version's, or no data directory at all.
    """
    folder = turn.folder
    if not folder.data.exists() or not any(folder.data.iterdir()):
        _create_cluster(turn, account)
        return
    version_file = folder.data / "PG_VERSION"
    if not version_file.exists():
        raise EmbeddedServerError(
            f"{folder.data} is not a PostgreSQL data folder, and not empty: move it away, or set KHAYWE_HOME"
        )
    if (version := version_file.read_text().strip()) != MAJOR_VERSION:
        raise EmbeddedServerError(
            f"{folder.data} was made by PostgreSQL {version} and this Khaywe brings {MAJOR_VERSION}: "
            f"dump it with PostgreSQL {version} (pg_dumpall) and load it into a new KHAYWE_HOME, "
            "or go back to the former Khaywe"
        )
    hand_over(account, folder.data)
    if (owner := folder.data.stat().st_uid) != account.uid:
        raise EmbeddedServerError(
            f"{folder.data} belongs to OS user {user_name(owner)}, and PostgreSQL would run as {account.name}: "
            "run Khaywe as its owner"
        )


def _create_cluster(turn: Turn, account: Account) -> None:
    # Made aside and renamed when complete, so that an interrupted first start leaves nothing half made.
    folder = turn.folder
    unfinished = folder.root / "data.new"
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    os.chown(unfinished, account.uid, account.gid)
    # PostgreSQL's own C.UTF-8 sorts and folds the same on every machine; the operating system's locales change
    # with its updates and silently break indexes. The superuser has no password, so that TCP never lets it in.
    locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8"]
    access = ["--username=postgres", "--auth-local=trust", "--auth-host=scram-sha-256"]
    options: list[str | Path] = ["--data-checksums", *locale, *access, "-D", unfinished]
    outcome = run_program("initdb", options, account=account, folder=folder.root, inherited_descriptors=[turn.lock])
    if not outcome.succeeded:
        raise EmbeddedServerError(f"PostgreSQL could not create {folder.data}:\n{outcome.output}")
    unfinished.rename(folder.data)
    _sync_folder(folder.root)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_configuration(folder: Folder, endpoint: Endpoint) -> None:
    """Write the server's configuration file anew: it is ours, and the operator's wishes go to ``custom.conf``."""
    template = Template(Path(__file__).with_name("khaywe.conf.template").read_text(encoding="utf-8"))
    text = template.substitute(
        addresses=_quoted("127.0.0.1" if endpoint.has_tcp else ""),
        port=endpoint.port,
        # A list of folders; the inner quotes keep a blank or a comma in the path from ending it.
        socket_directories=_quoted('"' + str(endpoint.socket_directory).replace('"', '""') + '"'),
        dynamic_shared_memory=_dynamic_shared_memory(),
    )
    write_ours(folder.configuration, text, mode=0o644)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _dynamic_shared_memory() -> str:
    # A container's /dev/shm has 64 MB by default: parallel queries of analysts would fail for lack of space.
    try:
        status = os.statvfs("/dev/shm")  # noqa: S108 - only its size is asked for
    except OSError:
        return "posix"
    return "sysv" if status.f_frsize * status.f_blocks < SMALL_SHARED_MEMORY_BYTES else "posix"
