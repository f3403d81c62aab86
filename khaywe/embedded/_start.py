"""Getting the server to run, and to stop."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from khaywe.embedded._binaries import run_program, shared_files
from khaywe.embedded._cluster import require_cluster, write_configuration
from khaywe.embedded._errors import EmbeddedServerError
from khaywe.embedded._folder import Folder, create_socket_directory
from khaywe.embedded._launch import START_SECONDS, StillHeld, launch
from khaywe.embedded._locks import Turn
from khaywe.embedded._permissions import let_reach, require_readable
from khaywe.embedded._postmaster import Endpoint, Postmaster, find_postmaster
from khaywe.embedded._remembered import Remembered, new_password
from khaywe.embedded._system_user import server_account

LINGER_SECONDS = 60
"""How long processes of a killed server may take to notice that it is gone."""


def ensure_running(turn: Turn, choose_endpoint: Callable[[], Endpoint]) -> Endpoint:
    """
    Join the running server, or start one.

    Args:
        turn: The right to start it.
        choose_endpoint: Asked where to listen if a server has to be started.

    Returns:
        Where the server can be reached.

    Raises:
        EmbeddedServerError: It does not run, and why.
    """
    try:
        postmaster = _settled(turn.folder) or _start(turn, choose_endpoint())
        _prepare_once(turn, postmaster)
    except OSError as error:
        raise EmbeddedServerError(f"the data folder {turn.folder.root} cannot be used: {error}") from error
    return postmaster.endpoint


def _prepare_once(turn: Turn, postmaster: Postmaster) -> None:
    # Recorded, so that joining is quick, and still done if the starting process was killed before it got here.
    remembered = Remembered.load(turn.folder)
    if remembered.prepared_run == postmaster.run:
        return
    password = remembered.tcp_password or new_password()
    _prepare_database(turn, postmaster.endpoint, password)
    replace(remembered, tcp_password=password, prepared_run=postmaster.run).save(turn.folder)


def _settled(folder: Folder) -> Postmaster | None:
    # A server can be half way up or down although we hold the start lock, if who ordered that was killed.
    give_up_at = time.monotonic() + START_SECONDS
    while (postmaster := find_postmaster(folder.data)) and not postmaster.is_ready:
        if time.monotonic() > give_up_at:
            raise EmbeddedServerError(
                f"PostgreSQL (pid {postmaster.pid}) has been starting or stopping for {START_SECONDS} s: "
                f"see {folder.log}; if it is recovering from a crash, let it go on and start again later"
            )
        time.sleep(0.05)
    return postmaster


def _start(turn: Turn, endpoint: Endpoint) -> Postmaster:
    folder = turn.folder
    account = server_account(folder.data)
    let_reach(account, [*shared_files(), folder.data, endpoint.socket_directory])
    require_readable(account, shared_files())
    require_cluster(turn, account)
    create_socket_directory(endpoint.socket_directory, account)
    write_configuration(folder, endpoint)
    give_up_at = time.monotonic() + LINGER_SECONDS
    while True:
        try:
            launch(folder, endpoint, account)
        except StillHeld:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.1)
        if postmaster := _settled(folder):
            return postmaster


def _prepare_database(turn: Turn, endpoint: Endpoint, password: str) -> None:
    # Through psql: importing psycopg takes longer than all the rest, and not every command needs it.
    script = Path(__file__).with_name("prepare.sql").read_text(encoding="utf-8")
    server = ["-h", str(endpoint.socket_directory), "-p", str(endpoint.port), "-U", "postgres"]
    outcome = run_program(
        "psql",
        ["-X", "-q", "-v", "ON_ERROR_STOP=1", *server, "-d", "postgres"],
        account=server_account(turn.folder.data),
        folder=turn.folder.root,
        inherited_descriptors=[turn.lock],
        # On standard input, because everybody can read a command line.
        script=f"\\set password '{password}'\n{script}",
    )
    if not outcome.succeeded:
        raise EmbeddedServerError(f"PostgreSQL runs, but its database could not be prepared:\n{outcome.output}")


def stop_running(turn: Turn, mode: str) -> None:
    """
    Stop the server if it runs, and wait for its end.

    Raises:
        EmbeddedServerError: It does not stop.
    """
    folder = turn.folder
    # pg_ctl signals whatever pid the file holds, so first make sure that it is the server's.
    if find_postmaster(folder.data) is None:
        return
    outcome = run_program(
        "pg_ctl",
        ["stop", "-m", mode, "-w", "-t", str(START_SECONDS), "-D", folder.data],
        account=server_account(folder.data),
        folder=folder.root,
        inherited_descriptors=[turn.lock],
    )
    if not outcome.succeeded and find_postmaster(folder.data) is not None:
        raise EmbeddedServerError(f"PostgreSQL does not stop; see {folder.log}:\n{outcome.output}")
