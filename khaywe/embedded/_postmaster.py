"""What PostgreSQL's own ``postmaster.pid`` tells about a running server, and how far it can be believed."""

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from khaywe.embedded._folder import write_ours

LINES = 8
"""Lines of a complete ``postmaster.pid``; while the server is starting there are fewer."""

PROCESSES = Path("/proc")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the server can be reached."""

    socket_directory: Path
    port: int
    """Number in the socket's file name, and the TCP port if there is one."""

    has_tcp: bool
    """Whether the server listens on 127.0.0.1 too."""

    @property
    def socket_path(self) -> Path:
        """The socket itself."""
        return self.socket_directory / f".s.PGSQL.{self.port}"


@dataclass(frozen=True, slots=True)
class Postmaster:
    """PostgreSQL's main process."""

    pid: int
    started: str
    endpoint: Endpoint
    is_ready: bool
    """Whether it accepts sessions, rather than still starting or already stopping."""

    @property
    def run(self) -> str:
        """Name of this one run of the server."""
        return f"{self.pid} {self.started}"


def find_postmaster(data_directory: Path) -> Postmaster | None:
    """
    Return the running server of a data directory.

    The file outlives a killed server, its pid may by now be another program's, and the folder may be a copy. So
    the file must name this very folder, and a server must answer on the socket it names.
    """
    try:
        lines = _read(data_directory / "postmaster.pid").splitlines()
        is_ours = len(lines) == LINES and data_directory.samefile(lines[1])
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not is_ours:
        return None
    pid, _, started, port, socket_directory, addresses, _, status = (line.strip() for line in lines)
    endpoint = Endpoint(Path(socket_directory), int(port), has_tcp=bool(addresses))
    postmaster = Postmaster(int(pid), started, endpoint, is_ready=status in {"ready", "standby"})
    return postmaster if _answers(endpoint.socket_path) else None


def _answers(socket_path: Path) -> bool:
    # Only the main process listens; children that outlive it do not. A connection without a word leaves no trace.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(5)
        try:
            connection.connect(str(socket_path))
        except (TimeoutError, BlockingIOError):
            return True  # Listening, but overrun.
        except OSError:
            return False
        return True


def disown_recycled_pid(data_directory: Path) -> None:
    """
    Keep PostgreSQL from taking another program for its own former self.

    A ``postmaster.pid`` left by a crash may name a pid that belongs to another program of the same OS user by now;
    after the restart of a container that is likely. PostgreSQL would then refuse to start for ever. It disregards
    the pid of the process that starts it, so we put ours there. The file itself must stay: its shared memory line
    is how PostgreSQL notices children of the former server that are still alive.
    """
    file = data_directory / "postmaster.pid"
    if not file.exists():
        return
    pid, newline, rest = _read(file).partition("\n")
    if pid.isdecimal() and not _may_be_postmaster(int(pid), data_directory):
        write_ours(file, f"{os.getpid()}{newline}{rest}")


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="surrogateescape")


def _may_be_postmaster(pid: int, data_directory: Path) -> bool:
    try:
        arguments = (PROCESSES / str(pid) / "cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        return not PROCESSES.is_dir()  # No such process; without /proc we cannot tell and leave it to PostgreSQL.
    except OSError:
        return True
    if b"-D" not in arguments[:-1]:
        return False
    named = Path(os.fsdecode(arguments[arguments.index(b"-D") + 1]))
    return named.exists() and named.samefile(data_directory)
