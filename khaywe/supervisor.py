"""``khaywe serve``: keep PostgreSQL, an API process and a worker process running, and stop them in good order."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import IO

import structlog
from msgspec import Struct

from khaywe.embedded import EmbeddedServerError
from khaywe.keys import first_admin_key
from khaywe.settings import Settings
from khaywe.wiring import Database, open_database

_log = structlog.get_logger("serve")

_CHECK_S = 0.5
_STOP_S = 20.0
_FASTEST_RESTART_S = 1.0
_TAKE_OVER_S = 30.0
"""How long the processes of a killed server may take to notice and to finish what they accepted."""


class ServeError(Exception):
    """The server cannot run; the message says why and what to do."""


class _Child(Struct):
    name: str
    process: "subprocess.Popen[bytes]"
    started: float


def serve(settings: Settings) -> None:
    """
    Serve until told to stop by SIGTERM or Ctrl-C.

    Raises:
        ServeError: The folder or the port is in use.
        EmbeddedServerError: PostgreSQL cannot run.
    """
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with _sole_server(settings.home) as lock, _listener(settings) as listener, open_database(settings) as database:
        _greet(database, settings)
        _supervise(database, listener, lock, stopping)


def _supervise(database: Database, listener: socket.socket, lock: int, stopping: Event) -> None:
    children = [_start(name, listener, lock) for name in ("api", "worker")]
    try:
        while not stopping.wait(_CHECK_S):
            _revive_database(database)
            for index, child in enumerate(children):
                if (code := child.process.poll()) is not None:
                    _log.error("process_died", name=child.name, exit_code=code)
                    # A process that dies at once must not be started in a tight loop.
                    stopping.wait(max(0.0, child.started + _FASTEST_RESTART_S - time.monotonic()))
                    _await_end(child)
                    children[index] = _start(child.name, listener, lock)
    finally:
        for child in children:
            child.process.terminate()
        for child in children:
            _await_end(child)


def _revive_database(database: Database) -> None:
    if database.server is None:
        return
    try:
        if database.server.restart_if_dead():
            _log.error("database_restarted", reason="the embedded PostgreSQL had died")
    except EmbeddedServerError as error:
        _log.error("database_down", error=str(error))  # the message says it; tried again at once


def _start(name: str, listener: socket.socket, lock: int) -> _Child:
    # Children get a group of their own: Ctrl-C is for us, and we stop them in order. If we are killed, the end of
    # their standard input tells them, and until the last of them is gone they hold the lock on the folder.
    process = subprocess.Popen(  # noqa: S603  # our own interpreter and our own module
        [sys.executable, "-m", "khaywe", f"_{name}", str(listener.fileno())],
        pass_fds=[listener.fileno(), lock],
        start_new_session=True,
        stdin=subprocess.PIPE,
    )
    return _Child(name, process, time.monotonic())


def _await_end(child: _Child) -> None:
    try:
        child.process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        _log.error("process_killed", name=child.name, reason="it did not stop in time")
        child.process.kill()
        child.process.wait()
    finally:
        assert child.process.stdin
        child.process.stdin.close()


def _greet(database: Database, settings: Settings) -> None:
    key = first_admin_key(database)
    lines = [f"Khaywe serves on http://{settings.host}:{settings.port} (API documentation: /docs)"]
    if key:
        lines += [
            "",
            f"Your admin key, shown this once:  {key}",
            "Send it as:  Authorization: Bearer <key>.  A lost key is replaced by: khaywe admin-key --replace",
        ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


@contextmanager
def _sole_server(home: Path) -> Iterator[int]:
    """Hold the folder for one server at a time; give the descriptor of the lock, for the server's processes."""
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ServeError(
            f"{home} cannot be the data folder ({error.strerror}); set KHAYWE_HOME to another one.",
        ) from None
    with (home / "serve.lock").open("a+") as lock:
        give_up_at = time.monotonic() + _TAKE_OVER_S
        while not _try_lock(lock):
            lock.seek(0)
            holder = lock.read().strip()
            if _is_alive(holder) or time.monotonic() > give_up_at:
                raise ServeError(
                    f"Another khaywe serve (process {holder or 'unknown'}) uses {home}; "
                    "stop it, or set KHAYWE_HOME to another folder.",
                )
            time.sleep(0.05)
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield lock.fileno()


def _try_lock(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(holder: str) -> bool:
    """Tell whether the process that wrote its number still runs; it may be gone and have left its children behind."""
    try:
        os.kill(int(holder), 0)
    except ProcessLookupError:
        return False
    except (ValueError, PermissionError):
        return True
    return True


@contextmanager
def _listener(settings: Settings) -> Iterator[socket.socket]:
    """Take the port before anything else is started, and keep it while API processes come and go."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            raise ServeError(
                f"Port {settings.port} on {settings.host} cannot be used ({error.strerror}); "
                "stop what uses it, or set KHAYWE_PORT to a free one.",
            ) from None
        listener.listen(2048)
        yield listener
