import json
import secrets
import socket
from dataclasses import asdict, dataclass, fields, replace
from typing import Self

from khaywe.embedded._errors import EmbeddedServerError
from khaywe.embedded._folder import Folder, socket_directory, write_ours
from khaywe.embedded._postmaster import Endpoint

SOCKET_ONLY_PORT = 5432
"""Number in the socket's file name when there is no TCP port to take it from."""

PORT_CHOICES = range(15_000, 30_000)
"""Below the ports that Linux (from 32768) hands out to outgoing connections, which could take ours by chance."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is kept between starts."""

    tcp_port: int | None = None
    tcp_password: str | None = None
    prepared_run: str | None = None
    """The run of the server whose database and login role have been seen to."""

    @classmethod
    def load(cls, folder: Folder) -> Self:
        """Read it; a missing or damaged file means nothing is remembered, and all of it can be made anew."""
        try:
            content = json.loads(folder.settings.read_text(encoding="utf-8"))
            return cls(**{field.name: content.get(field.name) for field in fields(cls)})
        except (FileNotFoundError, ValueError, AttributeError):
            return cls()

    def save(self, folder: Folder) -> None:
        """Write it, readable by nobody but its owner."""
        write_ours(folder.settings, json.dumps(asdict(self), indent=2) + "\n")


def new_password() -> str:
    """Return a password that needs no quoting in SQL or in a URL."""
    return secrets.token_urlsafe(24)


def choose_endpoint(folder: Folder, database_port: int | None) -> Endpoint:
    """
    Decide where a server that is about to start shall listen.

    Args:
        folder: Its folder.
        database_port: TCP port; 0: none; None: the remembered one, or another if that is taken.

    Raises:
        EmbeddedServerError: Another program uses the port asked for.
    """
    sockets = socket_directory(folder)
    if database_port == 0:
        return Endpoint(sockets, SOCKET_ONLY_PORT, has_tcp=False)
    if database_port is not None:
        if not is_free(database_port):
            raise EmbeddedServerError(
                f"port {database_port} is in use by another program; "
                "set KHAYWE_DATABASE_PORT to a free one, or to 0 for no TCP"
            )
        return Endpoint(sockets, database_port, has_tcp=True)
    remembered = Remembered.load(folder)
    port = remembered.tcp_port
    if port is None or not is_free(port):
        port = _free_port()
        replace(remembered, tcp_port=port).save(folder)
    return Endpoint(sockets, port, has_tcp=True)


def is_free(port: int) -> bool:
    """Return whether no program listens on this port of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As PostgreSQL does: connections of a server that has just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            return True  # A privileged port: PostgreSQL shall say so itself.
        except OSError:
            return False
        return True


def _free_port() -> int:
    while not is_free(port := secrets.choice(PORT_CHOICES)):
        pass
    return port
