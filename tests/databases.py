"""Real databases for tests: one server for all of them, and a fresh migrated database within 30 ms."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import Connection, sql

import migrations
from khaywe.embedded import EmbeddedServer, open_embedded
from khaywe.settings import Settings
from khaywe.wiring import Database, open_database
from ledger.store.partitions import initialise

NewDatabase = Callable[[int], Database]
"""From a number of partitions to a fresh ledger; see the fixture ``new_database``."""

_TEMPLATE = "template_khaywe"
_MEMORY = Path("/dev/shm")
_MEMORY_BYTES = 4 << 30


@contextmanager
def temporary_home(parent: Path | None = None) -> Iterator[Path]:
    """
    Provide a data folder.

    Not below pytest's tmp_path: every pytest session of the same user closes that folder to all others, and as
    root our server runs as another user.

    Args:
        parent: Where to make it; ``None``: where the system keeps temporary files.
    """
    with tempfile.TemporaryDirectory(prefix="khaywe-test-", dir=parent) as folder:
        yield Path(folder, "home")


@contextmanager
def temporary_server() -> Iterator[EmbeddedServer]:
    """Run a server that is quick rather than safe: it does not wait for the disk."""
    with temporary_home(_folder_in_memory()) as home:
        configuration = home / "postgres" / "custom.conf"
        configuration.parent.mkdir(parents=True)
        configuration.write_text("fsync = off\nfull_page_writes = off\n")
        with open_embedded(home, database_port=0) as server:
            try:
                yield server
            finally:
                server.stop("immediate")  # There is nothing to save.


def _folder_in_memory() -> Path | None:
    """Return a folder that is no disk and has room for everything a session writes, if the system has one."""
    has_room = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _MEMORY_BYTES
    return _MEMORY if has_room else None


@contextmanager
def temporary_database(partition_count: int = 1) -> Iterator[Database]:
    """Provide a ledger on a server of its own, configured as in production, for tests that hurt the server."""
    with temporary_home() as home:
        environ = {"KHAYWE_HOME": str(home), "KHAYWE_DATABASE_PORT": "0"}
        with open_database(Settings.from_environment(environ), partition_count=partition_count) as database:
            yield database


class Databases:
    """Makes and drops databases on a server."""

    def __init__(self, server: EmbeddedServer) -> None:
        """
        Args:
            server: Up for as long as databases are asked for.
        """
        self._server = server
        self._numbers = count(1)
        self._has_template = False

    def create(self, partition_count: int = 1) -> Database:
        """Return a fresh ledger, migrated and with its partitions."""
        url = self._create(self._template())
        with psycopg.connect(url, autocommit=True) as connection:
            initialise(connection, partition_count)
        return Database(url, partition_count, self._server)

    def create_empty(self) -> str:
        """Return the owner's URL of a fresh database with nothing in it."""
        return self._create("template0")

    def drop(self, url: str) -> None:
        """Drop a database, whoever still uses it."""
        with self._connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(_name(url))))

    def _create(self, template: str) -> str:
        name = f"test_{next(self._numbers)}"
        with self._connect() as connection:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return self._url(name)

    def _template(self) -> str:
        if not self._has_template:
            with self._connect() as connection:
                connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(_TEMPLATE)))
            with psycopg.connect(self._url(_TEMPLATE), autocommit=True) as connection:
                migrations.migrate(connection)
            self._has_template = True
        return _TEMPLATE

    def _connect(self) -> Connection:
        return psycopg.connect(self._server.socket_url(), autocommit=True)

    def _url(self, name: str) -> str:
        return urlsplit(self._server.socket_url())._replace(path=f"/{name}").geturl()


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")
