import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from khaywe.embedded._errors import EmbeddedServerError
from khaywe.embedded._folder import Folder
from khaywe.embedded._locks import become_user, has_users, take_turn
from khaywe.embedded._postmaster import Endpoint, find_postmaster
from khaywe.embedded._remembered import Remembered, choose_endpoint, is_free
from khaywe.embedded._start import ensure_running, stop_running


class EmbeddedServer:
    """The PostgreSQL of a data folder."""

    def __init__(self, folder: Folder, endpoint: Endpoint) -> None:
        self._folder = folder
        self._endpoint = endpoint

    @property
    def data_directory(self) -> Path:
        """PostgreSQL's own data directory (PGDATA)."""
        return self._folder.data

    @property
    def log_file(self) -> Path:
        """The server's log."""
        return self._folder.log

    @property
    def pid(self) -> int | None:
        """Pid of the server's main process, or None while it does not run."""
        postmaster = find_postmaster(self._folder.data)
        return postmaster.pid if postmaster else None

    def is_running(self) -> bool:
        """Return whether the server runs, be it only starting or stopping."""
        return find_postmaster(self._folder.data) is not None

    def socket_url(self, role: str | None = None) -> str:
        """
        Return the URL for our own processes: over the Unix socket, to the database ``khaywe``, as superuser.

        Args:
            role: Role the session takes on from its start, with that role's rights only.
        """
        url = (
            f"postgresql://postgres@/khaywe?host={quote(str(self._endpoint.socket_directory), safe='')}"
            f"&port={self._endpoint.port}"
        )
        if role is None:
            return url
        # The server splits options at blanks unless a backslash stands before them.
        escaped = re.sub(r"([\\\s])", r"\\\1", role)
        return f"{url}&options={quote(f'-c role={escaped}', safe='')}"

    def tcp_url(self) -> str | None:
        """Return the URL for BI tools on this machine, with its password, or None if there is no TCP."""
        password = Remembered.load(self._folder).tcp_password
        if not self._endpoint.has_tcp or password is None:
            return None
        return f"postgresql://khaywe_bi:{quote(password, safe='')}@127.0.0.1:{self._endpoint.port}/khaywe"

    def restart_if_dead(self) -> bool:
        """
        Start the server again if it has died, where it was before, so that every URL stays valid.

        Should another program have taken the TCP port meanwhile, the server comes back without TCP: the ledger
        needs only the socket.

        Returns:
            Whether the server had died.

        Raises:
            EmbeddedServerError: It does not start, and why.
        """
        if self.is_running():
            return False
        with take_turn(self._folder) as turn:
            has_died = not self.is_running()
            self._endpoint = ensure_running(turn, self._same_endpoint)
        return has_died

    def _same_endpoint(self) -> Endpoint:
        can_have_tcp = self._endpoint.has_tcp and is_free(self._endpoint.port)
        return replace(self._endpoint, has_tcp=can_have_tcp)

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """
        Stop the server, whoever else uses it.

        Args:
            mode: ``smart`` waits for all sessions to end, ``fast`` ends them, ``immediate`` is like a crash.

        Raises:
            EmbeddedServerError: It does not stop.
        """
        with take_turn(self._folder) as turn:
            stop_running(turn, mode)


@contextmanager
def open_embedded(home: Path, *, database_port: int | None = None) -> Iterator[EmbeddedServer]:
    """
    Use the PostgreSQL of a data folder: the running one, or one started now and made if there is none.

    Whoever uses it last stops it. If the process is killed it stays up, and the next one joins it.

    Args:
        home: The data folder.
        database_port: TCP port on 127.0.0.1; 0: none; None: one chosen at the first start and kept while it is
            free. Without effect on a server that runs already.

    Raises:
        EmbeddedServerError: The server cannot be used, and what to do about it.
    """
    folder = Folder.of(home)
    folder.create()
    with take_turn(folder) as turn:
        users_lock = become_user(folder)
        try:
            # If this is interrupted, a server on its way up goes on: its recovery would otherwise start all over.
            endpoint = ensure_running(turn, lambda: choose_endpoint(folder, database_port))
        except BaseException:
            os.close(users_lock)
            raise
    try:
        yield EmbeddedServer(folder, endpoint)
    finally:
        _leave(folder, users_lock)


def _leave(folder: Folder, users_lock: int) -> None:
    os.close(users_lock)
    with take_turn(folder) as turn:
        if not has_users(folder):
            stop_running(turn, "fast")


def find_running(home: Path) -> EmbeddedServer | None:
    """
    Return the running server of a data folder, without using it: it may be stopped at any time.

    Raises:
        EmbeddedServerError: The folder is closed to this OS user.
    """
    folder = Folder.of(home)
    try:
        postmaster = find_postmaster(folder.data)
    except PermissionError as error:
        raise EmbeddedServerError(
            f"{folder.data} is closed to this OS user: run this as the user who runs Khaywe"
        ) from error
    return EmbeddedServer(folder, postmaster.endpoint) if postmaster else None
