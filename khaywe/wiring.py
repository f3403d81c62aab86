"""The composition root: where the database is, and who connects to it as what."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from msgspec import Struct
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool

import migrations
from khaywe.embedded import EmbeddedServer, open_embedded
from khaywe.settings import Settings
from ledger.posting.poster import Poster
from ledger.store.partitions import initialise

_LOCK_TIMEOUT_MS = 15_000
"""Longer than any batch holds a head; shorter than a caller's patience."""


class Database(Struct, frozen=True):
    """A database that is up, migrated, and has its partitions."""

    owner_url: str
    """Connects as the owner of the schema: for migrations, rebuilding views, and nothing else."""
    partition_count: int
    server: EmbeddedServer | None = None
    """The embedded server, if it is ours."""

    def connect(self) -> Connection[Any]:
        """Open a connection as the application role, in autocommit mode."""
        return psycopg.connect(_as_application(self.owner_url), autocommit=True)

    def connect_views(self, schema: str = "views") -> Connection[Any]:
        """Open a connection as the application role that finds the views in ``schema``."""
        return psycopg.connect(_as_application(self.owner_url, search_path=schema), autocommit=True)

    def connect_as_owner(self) -> Connection[Any]:
        """Open a connection that may change the schema, in autocommit mode."""
        return psycopg.connect(self.owner_url, autocommit=True)

    def pool(self, size: int) -> ConnectionPool[Connection[Any]]:
        """Return a pool of connections as the application role; the caller opens and closes it."""
        return ConnectionPool(
            _as_application(self.owner_url),
            min_size=1,
            max_size=size,
            kwargs={"autocommit": True},
            open=False,
            # A reader who waits longer than this would rather be told to come back.
            timeout=5.0,
        )

    def poster(self, *, waiting_s: float | None = None) -> Poster:
        """Return a poster; entering it starts its thread. See `Poster` for how long an instruction may wait."""
        return Poster(self.connect, self.partition_count, waiting_s=waiting_s)


@contextmanager
def open_database(settings: Settings, *, partition_count: int | None = None) -> Iterator[Database]:
    """
    Bring the database up: start the embedded server if there is no other, migrate, and set up the partitions.

    Args:
        settings: Where it is.
        partition_count: Wanted for a new ledger; ``None`` takes what is there, or 1.

    Raises:
        EmbeddedServerError: The embedded server cannot run.
        MigrationError: The schema cannot be brought up to date.
        PartitionsFixed: The ledger has another number of partitions.
    """
    with open_url(settings) as (url, server):
        with psycopg.connect(url, autocommit=True) as connection:
            migrations.migrate(connection)
            count = initialise(connection, partition_count)
        yield Database(url, count, server)


@contextmanager
def join_database(settings: Settings) -> Iterator[Database]:
    """Use a database that somebody else has brought up, and will take down: what the processes of serve do."""
    with open_url(settings) as (url, server):
        with psycopg.connect(url, autocommit=True) as connection:
            count = initialise(connection)
        yield Database(url, count, server)


@contextmanager
def open_url(settings: Settings) -> Iterator[tuple[str, EmbeddedServer | None]]:
    """Give the owner's connection string, with the embedded server running behind it if there is no other."""
    if settings.database_url is not None:
        yield settings.database_url, None
    else:
        with open_embedded(settings.home, database_port=settings.database_port) as server:
            yield server.socket_url(), server


def _as_application(url: str, search_path: str = "") -> str:
    options = f"-c role=khaywe_app -c lock_timeout={_LOCK_TIMEOUT_MS}"
    if search_path:
        options += f" -c search_path={search_path}"
    # Over TCP a peer that is gone must be noticed within seconds, or the poster would wait for it for ever.
    return make_conninfo(
        url,
        options=options,
        application_name="khaywe",
        connect_timeout=5,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=10_000,
    )
