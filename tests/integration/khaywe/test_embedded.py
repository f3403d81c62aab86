import fcntl
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

import psycopg
import pytest

from khaywe.embedded import EmbeddedServer, EmbeddedServerError, _start, _system_user, find_running, open_embedded

USE_THE_SERVER = """
import sys
from pathlib import Path
from khaywe.embedded import open_embedded

with open_embedded(Path(sys.argv[1])) as server:
    print(server.pid, flush=True)
    sys.stdin.readline()
"""

NOBODY = 65534

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")


@contextmanager
def temporary_home() -> Iterator[Path]:
    """
    Provide the path of a data folder whose server does not outlive the test.

    Not below pytest's tmp_path: every pytest session of the same user closes that folder to all others, and as
    root our server runs as another user.
    """
    with tempfile.TemporaryDirectory(prefix="khaywe-test-") as folder:
        home = Path(folder, "home")
        try:
            yield home
        finally:
            if server := find_running(home):
                server.stop("immediate")


@pytest.fixture
def empty_home() -> Iterator[Path]:
    """Provide a data folder that has never been used."""
    with temporary_home() as home:
        yield home


@pytest.fixture(scope="session")
def used_home() -> Iterator[Path]:
    """Provide a data folder to copy: making one takes most of a second."""
    with temporary_home() as home:
        with open_embedded(home):
            pass
        yield home


@pytest.fixture
def home(empty_home: Path, used_home: Path) -> Path:
    """Provide a data folder that has been used before."""
    subprocess.run(["cp", "-a", used_home, empty_home], check=True)
    return empty_home


@contextmanager
def another_user(home: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Let another process use the server; yields the process and the pid of the server it got."""
    command = [sys.executable, "-c", USE_THE_SERVER, str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process, int(pipe(process.stdout).readline())
        pipe(process.stdin).close()
        process.wait(30)


def pipe(file: IO[str] | None) -> IO[str]:
    """Tell the type checker that the pipe was asked for."""
    assert file is not None
    return file


def ask(url: str, query: str) -> object:
    """Return the single value that a query answers."""
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row and row[0]


def kill_server(server: EmbeddedServer) -> None:
    """End the server's main process as a crash would, and wait until it is gone."""
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not server.is_running())


def is_alive(pid: int) -> bool:
    """Tell whether a process still runs; one that has ended but was not waited for does not."""
    command_line = Path(f"/proc/{pid}/cmdline")
    return command_line.exists() and bool(command_line.read_bytes())


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait up to 10 s for a condition to come true."""
    give_up_at = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_starts_from_nothing(empty_home: Path) -> None:
    """An empty folder becomes a server with the database, sorted by PostgreSQL's own C.UTF-8 and checksummed."""
    with open_embedded(empty_home) as server:
        url = server.socket_url()
        assert ask(url, "SELECT current_database()") == "khaywe"
        assert ask(url, "SHOW server_encoding") == "UTF8"
        assert ask(url, "SHOW data_checksums") == "on"
        assert ask(url, "SELECT datlocale FROM pg_database WHERE datname = 'khaywe'") == "C.UTF-8"
        assert ask(url, "SELECT lower('ÄÖ')") == "äö"
        assert server.data_directory == empty_home / "postgres" / "data"
        assert server.log_file.read_text().count("ready to accept connections") == 1
    assert find_running(empty_home) is None


def test_interrupted_first_start_leaves_nothing_half_made(empty_home: Path) -> None:
    """What a killed first start has begun, the next one sweeps away; it waits for programs still at it."""
    unfinished = empty_home / "postgres" / "data.new"
    with subprocess.Popen([sys.executable, "-c", USE_THE_SERVER, str(empty_home)]) as process:
        wait_until((unfinished / "base").exists)
        process.kill()
    with open_embedded(empty_home) as server:
        assert ask(server.socket_url(), "SELECT 1") == 1
    assert not unfinished.exists()


def test_starting_and_joining_are_quick(home: Path) -> None:
    """An existing folder starts in less than 1.5 s, a running server is joined in less than 0.1 s."""
    started_at = time.perf_counter()
    with open_embedded(home):
        assert time.perf_counter() - started_at < 1.5
        started_at = time.perf_counter()
        with open_embedded(home):
            assert time.perf_counter() - started_at < 0.1


def test_a_second_process_joins_and_the_last_one_stops(home: Path) -> None:
    """Two processes use one server; the first to leave does not stop it, the last does."""
    with another_user(home) as (_, first_pid):
        with open_embedded(home) as server:
            assert first_pid == server.pid
        assert server.is_running()
        assert server.pid == first_pid
    assert not server.is_running()
    assert server.pid is None


def test_two_processes_starting_at_once_give_one_server(empty_home: Path) -> None:
    """Whoever comes second waits for the first and joins, from the very first start on."""
    command = [sys.executable, "-c", USE_THE_SERVER, str(empty_home)]
    both = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    pids = {int(pipe(process.stdout).readline()) for process in both}
    for process in both:
        process.communicate("\n", timeout=30)
        assert process.returncode == 0
    assert len(pids) == 1
    assert find_running(empty_home) is None


def test_a_server_left_by_a_killed_process_is_joined(home: Path) -> None:
    """A server whose only user was killed stays up; the next user joins it and stops it in the end."""
    with another_user(home) as (process, pid):
        process.kill()
        process.wait()
    with open_embedded(home) as server:
        assert server.pid == pid
    assert find_running(home) is None


def test_restart_after_a_crash_keeps_committed_rows(home: Path) -> None:
    """After kill -9 of the server everything committed is there, under the same URLs."""
    with open_embedded(home) as server:
        urls = (server.socket_url(), server.tcp_url())
        with psycopg.connect(server.socket_url()) as connection:
            connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000)")
        kill_server(server)
        assert server.restart_if_dead()
        assert not server.restart_if_dead()
        assert urls == (server.socket_url(), server.tcp_url())
        assert ask(server.socket_url(), "SELECT count(*) FROM kept") == 1000


def test_restart_waits_for_children_of_the_dead_server(home: Path) -> None:
    """A busy session outlives its server for a while; the restart waits for its end."""
    with open_embedded(home) as server:
        with closing(psycopg.connect(server.socket_url(), autocommit=True)) as connection:
            busy_pid = connection.info.backend_pid
            connection.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 10000000)")
            time.sleep(0.2)
            kill_server(server)
            assert is_alive(busy_pid)
            assert server.restart_if_dead()
            assert not is_alive(busy_pid)
        assert ask(server.socket_url(), "SELECT 1") == 1


def test_restart_does_without_tcp_if_the_port_is_taken(home: Path) -> None:
    """The ledger comes back on its socket even if another program has taken the TCP port."""
    with open_embedded(home) as server:
        url, port = server.socket_url(), int(str(ask(server.socket_url(), "SHOW port")))
        kill_server(server)
        with closing(socket.create_server(("127.0.0.1", port))):
            assert server.restart_if_dead()
            assert server.tcp_url() is None
            assert ask(url, "SELECT 1") == 1


def test_a_recycled_pid_is_not_taken_for_the_server(home: Path) -> None:
    """A pid file left by a crash may name another program by now: that is neither running nor in the way."""
    with open_embedded(home) as server:
        kill_server(server)
        owner = server.data_directory.stat().st_uid
        user = owner if owner != os.geteuid() else None
        with subprocess.Popen(["sleep", "60"], user=user) as stranger:
            pid_file = server.data_directory / "postmaster.pid"
            _, _, rest = pid_file.read_text().partition("\n")
            pid_file.write_text(f"{stranger.pid}\n{rest}")
            assert not server.is_running()
            assert server.restart_if_dead()
            server.stop()
            assert stranger.poll() is None
            stranger.kill()


def test_a_copy_of_a_running_folder_is_not_taken_for_it(home: Path) -> None:
    """A copied data folder brings a server of its own up, although its pid file names the original's."""
    copy = home.with_name("copy")
    with open_embedded(home) as original:
        subprocess.run(["cp", "-a", home, copy], check=True)
        assert find_running(copy) is None
        with open_embedded(copy) as server:
            assert server.pid != original.pid
            assert ask(server.socket_url(), "SHOW data_directory") == str(copy / "postgres" / "data")


def test_processes_we_cannot_see_hold_the_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server in another container, with the same folder, is not joined by a second one on the same files."""
    monkeypatch.setattr(_start, "LINGER_SECONDS", 0.2)
    with (home / "postgres" / "server.lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(EmbeddedServerError, match="a KHAYWE_HOME of its own"), open_embedded(home):
            pass


def test_nothing_acknowledged_can_be_lost(home: Path) -> None:
    """The durable settings are on."""
    with open_embedded(home) as server:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            assert ask(server.socket_url(), f"SHOW {setting}") == "on"
        assert ask(server.socket_url(), "SELECT count(*) FROM pg_file_settings WHERE error IS NOT NULL") == 0


def test_custom_settings_win(home: Path) -> None:
    """What custom.conf says goes, and a mistake in it is told with the log's own words."""
    custom = home / "postgres" / "custom.conf"
    custom.write_text("work_mem = 64MB\n")
    with open_embedded(home) as server:
        assert ask(server.socket_url(), "SHOW work_mem") == "64MB"
        assert ask(server.socket_url(), "SHOW jit") == "off"
    custom.write_text("work_mem = plenty\n")
    with (
        pytest.raises(EmbeddedServerError, match='invalid value for parameter "work_mem": "plenty"'),
        open_embedded(home),
    ):
        pass


def test_tcp_asks_for_the_password(home: Path) -> None:
    """Over TCP the BI login gets in with its password only, and the superuser not at all."""
    with open_embedded(home) as server:
        url = server.tcp_url()
        assert url is not None
        assert ask(url, "SELECT current_user") == "khaywe_bi"
        assert ask(url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        without_password = url.replace(url[url.index("khaywe_bi:") : url.index("@")], "khaywe_bi")
        for refused in (without_password, without_password.replace("khaywe_bi@", "postgres@")):
            with pytest.raises(psycopg.OperationalError, match="no password supplied"):
                ask(refused, "SELECT 1")
    assert stat.S_IMODE((home / "postgres" / "settings.json").stat().st_mode) == 0o600


def test_port_and_password_are_remembered(home: Path) -> None:
    """A BI tool set up once works after every restart."""
    with open_embedded(home) as server:
        url = server.tcp_url()
    with open_embedded(home) as server:
        assert url == server.tcp_url()
        assert ask(str(url), "SELECT 1") == 1


def test_lost_password_is_replaced(home: Path) -> None:
    """Without the file that remembers the password a new one is made, and it works."""
    (home / "postgres" / "settings.json").unlink()
    with open_embedded(home) as server:
        assert ask(str(server.tcp_url()), "SELECT 1") == 1


def test_port_zero_means_no_tcp(home: Path) -> None:
    """KHAYWE_DATABASE_PORT=0 leaves the Unix socket as the only way in."""
    with open_embedded(home, database_port=0) as server:
        assert server.tcp_url() is None
        assert ask(server.socket_url(), "SHOW listen_addresses") == ""


def test_port_in_use_is_named(home: Path) -> None:
    """The refusal says which port is taken and what to set instead."""
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        message = (
            f"port {port} is in use by another program; set KHAYWE_DATABASE_PORT to a free one, or to 0 for no TCP"
        )
        with pytest.raises(EmbeddedServerError, match=message), open_embedded(home, database_port=port):
            pass
    with open_embedded(home, database_port=port) as server:
        assert f"@127.0.0.1:{port}/khaywe" in str(server.tcp_url())


def test_a_session_can_take_on_a_role(home: Path) -> None:
    """The URL for a role starts the session as that role, whatever its name."""
    with open_embedded(home) as server:
        with psycopg.connect(server.socket_url()) as connection:
            connection.execute(r'CREATE ROLE "odd \name & co"')
        assert ask(server.socket_url(r"odd \name & co"), "SELECT current_user") == r"odd \name & co"


@pytest.mark.parametrize("name", ["a" * 100, "with, comma", "with 'quotes' and blanks", "ünïcode"])
def test_any_path_will_do(home: Path, name: str) -> None:
    """
    A data folder can be moved to any path, even one too long for a Unix socket or with odd characters.

    Wherever the socket then lies, it is closed to others.
    """
    with open_embedded(home.rename(home.with_name(name))) as server:
        assert ask(server.socket_url(), "SELECT 1") == 1
        directory = Path(str(ask(server.socket_url(), "SHOW unix_socket_directories")).strip('"'))
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    if not directory.is_relative_to(home.parent):
        shutil.rmtree(directory)


def test_a_large_log_is_set_aside(home: Path) -> None:
    """A log of more than 10 MB makes way at the next start."""
    with open_embedded(home) as server:
        pass
    os.truncate(server.log_file, 11 << 20)
    with open_embedded(home):
        assert server.log_file.stat().st_size < 1 << 20
    assert server.log_file.with_name("postgres.log.1").stat().st_size == 11 << 20


def test_another_version_is_refused(empty_home: Path) -> None:
    """A folder made by another PostgreSQL is left alone, and the way out is told."""
    version_file = empty_home / "postgres" / "data" / "PG_VERSION"
    version_file.parent.mkdir(parents=True)
    version_file.write_text("16\n")
    with pytest.raises(EmbeddedServerError, match=r"made by PostgreSQL 16.*pg_dumpall"), open_embedded(empty_home):
        pass


def test_a_strange_folder_is_refused(empty_home: Path) -> None:
    """A folder with other things in it is not built over."""
    stranger = empty_home / "postgres" / "data" / "photos"
    stranger.mkdir(parents=True)
    with pytest.raises(EmbeddedServerError, match="not a PostgreSQL data folder"), open_embedded(empty_home):
        pass
    assert stranger.exists()


def test_a_folder_that_cannot_be_made_is_refused(empty_home: Path) -> None:
    """A data folder below a file is refused with the variable to change."""
    empty_home.write_text("")
    with pytest.raises(EmbeddedServerError, match=r"cannot be created.*set KHAYWE_HOME"), open_embedded(empty_home):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_a_folder_closed_to_us_is_refused(empty_home: Path) -> None:
    """A data folder we may not write in is refused with the variable to change."""
    (empty_home / "postgres").mkdir(parents=True)
    (empty_home / "postgres").chmod(0o500)
    with pytest.raises(EmbeddedServerError, match=r"not writable.*set KHAYWE_HOME"), open_embedded(empty_home):
        pass


@needs_root
def test_root_is_told_if_it_cannot_create_the_system_user(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without useradd is told which user to create."""
    monkeypatch.setattr(_system_user, "SYSTEM_USER", "khaywe-missing")
    monkeypatch.setattr(shutil, "which", lambda name, **_: None)
    with pytest.raises(EmbeddedServerError, match="useradd to create the user khaywe-missing is missing"):
        _system_user.server_account(empty_home)


@needs_root
def test_root_hands_over_no_more_than_needed(empty_home: Path) -> None:
    """As root, the server runs as its own user; folders above it are opened for passing through only."""
    empty_home.mkdir(mode=0o700)
    with open_embedded(empty_home) as server:
        assert Path(f"/proc/{server.pid}").stat().st_uid == server.data_directory.stat().st_uid != 0
    assert stat.S_IMODE(empty_home.stat().st_mode) == 0o701
    assert (empty_home / "postgres" / "settings.json").stat().st_uid == 0


@needs_root
def test_a_folder_restored_by_root_is_handed_over(home: Path) -> None:
    """Data that a restore has given to root go back to the server's user."""
    with open_embedded(home) as server:
        pass
    subprocess.run(["chown", "-R", "root", server.data_directory], check=True)
    with open_embedded(home):
        assert ask(server.socket_url(), "SELECT 1") == 1


@needs_root
def test_root_may_visit_the_folder_of_an_ordinary_user(empty_home: Path) -> None:
    """After a `sudo khaywe` the ordinary owner of a folder can still use it."""
    empty_home.mkdir()
    os.chown(empty_home, NOBODY, NOBODY)
    empty_home.parent.chmod(0o755)
    for _ in range(2):
        use_the_server_as_nobody(empty_home)
        with open_embedded(empty_home) as server:
            assert server.data_directory.stat().st_uid == NOBODY


def use_the_server_as_nobody(home: Path) -> None:
    """Use the server in a child process without root's rights; forked, as only root may execute this Python."""
    child = os.fork()
    if child == 0:
        exit_code = 1
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            with open_embedded(home) as server:
                exit_code = int(not server.is_running())
        finally:
            os._exit(exit_code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
