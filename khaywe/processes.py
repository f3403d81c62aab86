"""What runs in each process of ``khaywe serve``: the API in one, the worker in another."""

import os
import signal
import socket
import sys
from threading import Event, Thread

import uvicorn

from api.app import create_app
from api.connections import Connections
from khaywe import __version__
from khaywe.collecting import calm_collector
from khaywe.descriptors import raise_descriptor_limit
from khaywe.logs import configure_logging
from khaywe.settings import Settings
from khaywe.signing_keys import open_keyring
from khaywe.wiring import Database
from workers.batches import carrying_out
from workers.delivering import delivering
from workers.follower import follow
from workers.scheduling import scheduled
from workers.sweeping import Deps
from workers.what_ifs import answering

_POOL_SIZE = 16
_ACCEPTED_AT_ONCE = 64
"""The event loop takes one connection from a listening socket per turn. A turn takes long just when many are waiting,
so it is given the socket many times."""
_OTHER_DESCRIPTORS = 200
"""Kept free of connections from outside: for the database, files, and what Python opens."""
_WAITING_S = 2.0
"""How long a request may wait for its turn in the poster; a till that has waited longer is about to send it again."""
_SWITCH_INTERVAL_S = 0.001
"""How long a thread may keep the others from running. The event loop and the poster take turns many times per batch,
and Python's default of 5 ms would be felt in every answer."""
_WORKER_NICENESS = 10


def end_with_supervisor() -> None:
    """
    Stop this process in good order when its supervisor is gone, however that ended.

    Our standard input is a pipe that nobody writes to, so it ends exactly then.
    """

    def watch() -> None:
        # Not through sys.stdin: a thread that waits in there would hold its lock when the interpreter ends.
        os.read(0, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=watch, name="supervisor-watch", daemon=True).start()


def run_api(database: Database, settings: Settings, listener: socket.socket | None = None) -> None:
    """Serve HTTP until told to stop, then finish what was accepted."""
    configure_logging("api")
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    # Uvicorn raises the signal that stopped it once more when it is done. By default that would end us on the spot,
    # before the poster has finished and the database is left.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    connections = Connections(raise_descriptor_limit() - _OTHER_DESCRIPTORS)
    with database.pool(_POOL_SIZE) as pool, database.poster(waiting_s=_WAITING_S) as poster:
        app = create_app(
            poster,
            database.connect,
            pool,
            database.partition_count,
            version=__version__,
            may_call_private=settings.webhook_allow_private,
            guesses_per_s=settings.guesses_per_s,
            signing_keys=open_keyring(settings.signing_key_file),
        )
        calm_collector()
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            access_log=False,  # the edge writes one line per request
            log_config=None,
            timeout_graceful_shutdown=10,
            backlog=2048,
            http=connections,  # type: ignore[arg-type]  # any factory will do
        )
        uvicorn.Server(config).run(sockets=[listener.dup() for _ in range(_ACCEPTED_AT_ONCE)] if listener else None)


def run_worker(database: Database, settings: Settings) -> None:
    """Follow the ledger, keep time, and deliver webhooks, until told to stop."""
    configure_logging("worker")
    # Views may lag by a moment; whoever waits at a till may not.
    os.nice(_WORKER_NICENESS)
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with database.poster() as poster:
        deps = Deps(database.connect, poster, database.partition_count)
        with (
            scheduled(deps),
            carrying_out(deps),
            answering(deps),
            delivering(database.connect, may_call_private=settings.webhook_allow_private),
        ):
            follow(database.connect, database.connect_views, stopping)
