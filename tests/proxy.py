"""A wire to PostgreSQL that can be cut at any byte."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from khaywe.wiring import Database

TO_SERVER, TO_CLIENT = "to server", "to client"


class Wire:
    """One connection of a client, and the one behind it to the server."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._client = client
        self._server = server
        self._is_server_kept = False

    def send(self, direction: str, block: bytes) -> None:
        """Pass bytes on."""
        (self._server if direction == TO_SERVER else self._client).sendall(block)

    def receive(self, direction: str) -> bytes:
        """Wait for bytes that are on their way."""
        return (self._client if direction == TO_SERVER else self._server).recv(65_536)

    def cut(self) -> None:
        """End the connection on both sides."""
        _close(self._client)
        _close(self._server)

    def cut_client(self) -> None:
        """Let the client believe that the server is gone, while the server notices nothing until it next answers."""
        self._is_server_kept = True
        _close(self._client)

    def hang_up(self, direction: str) -> None:
        """Do what a wire does when nothing more comes from one side."""
        if direction == TO_CLIENT or not self._is_server_kept:
            self.cut()


Fault = Callable[[Wire, str, bytes], bool]
"""``fault(wire, direction, block)`` is asked before a block is passed on; if it is true, the fault has seen to it."""


class Proxy:
    """
    Listens on a TCP port and passes everything on to a server's Unix socket.

    At most one `fault` is in force; it sees all that goes through, one block at a time.
    """

    def __init__(self, socket_path: Path) -> None:
        """
        Args:
            socket_path: Of the server.
        """
        self.fault: Fault | None = None
        self.is_reachable = True
        """Whether new connections are let through."""
        self._socket_path = socket_path
        self._wires: list[Wire] = []
        self._turn = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))

    @property
    def port(self) -> int:
        """Where clients connect to."""
        port: int = self._listener.getsockname()[1]
        return port

    def run(self) -> None:
        """Accept connections until closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._connect(client)

    def close(self) -> None:
        """Cut everything and stop listening."""
        _close(self._listener)
        self.cut_all()

    def cut_all(self) -> None:
        """Cut every connection there is."""
        for wire in self._wires:
            wire.cut()
        self._wires.clear()

    def _connect(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        wire = Wire(client, server)
        try:
            if not self.is_reachable:
                raise ConnectionRefusedError
            server.connect(str(self._socket_path))
        except OSError:
            wire.cut()
            return
        self._wires.append(wire)
        for direction in (TO_SERVER, TO_CLIENT):
            threading.Thread(target=self._pump, args=(wire, direction), daemon=True).start()

    def _pump(self, wire: Wire, direction: str) -> None:
        with suppress(OSError):
            while block := wire.receive(direction):
                with self._turn:
                    is_seen_to = self.fault is not None and self.fault(wire, direction, block)
                if not is_seen_to:
                    wire.send(direction, block)
        wire.hang_up(direction)


def _close(side: socket.socket) -> None:
    with suppress(OSError):
        side.shutdown(socket.SHUT_RDWR)
    side.close()


@contextmanager
def proxied(database: Database) -> Iterator[tuple[Proxy, Database]]:
    """Provide a proxy before a database of an embedded server, and the same database as it is reached through it."""
    (folder,), (port,) = (parse_qs(urlsplit(database.owner_url).query)[name] for name in ("host", "port"))
    proxy = Proxy(Path(folder, f".s.PGSQL.{port}"))
    accepting = threading.Thread(target=proxy.run, daemon=True)
    accepting.start()
    path = urlsplit(database.owner_url).path
    url = f"postgresql://postgres@127.0.0.1:{proxy.port}{path}?sslmode=disable&gssencmode=disable"
    try:
        yield proxy, Database(url, database.partition_count)
    finally:
        proxy.close()
        accepting.join()


class Counter:
    """No fault at all; counts what goes through."""

    def __init__(self) -> None:
        self.counts = {TO_SERVER: 0, TO_CLIENT: 0}

    def __call__(self, _: Wire, direction: str, block: bytes) -> bool:
        """See `Fault`."""
        self.counts[direction] += len(block)
        return False


class CutAfter:
    """Lets so many bytes through in one direction, and then cuts the wire, once."""

    def __init__(self, direction: str, count: int) -> None:
        self.has_cut = False
        self._direction = direction
        self._left = count

    def __call__(self, wire: Wire, direction: str, block: bytes) -> bool:
        """See `Fault`."""
        if self.has_cut or direction != self._direction:
            return False
        if len(block) <= self._left:
            self._left -= len(block)
            return False
        self.has_cut = True
        with suppress(OSError):
            wire.send(direction, block[: self._left])
        wire.cut()
        return True


class AtCommit:
    """Does something to the wire when the client says COMMIT, once."""

    def __init__(self, happen: Callable[[Wire, bytes], None]) -> None:
        """
        Args:
            happen: Given the wire and the block that ends in COMMIT, which is not passed on by itself.
        """
        self.has_happened = threading.Event()
        self._happen = happen

    def __call__(self, wire: Wire, direction: str, block: bytes) -> bool:
        """See `Fault`."""
        if self.has_happened.is_set() or direction != TO_SERVER or not block.endswith(b"COMMIT\0"):
            return False
        self.has_happened.set()
        with suppress(OSError):
            self._happen(wire, block)
        return True


class AtAnswerToCommit:
    """Cuts the wire when the server has committed and says so, once."""

    def __init__(self) -> None:
        self.has_happened = threading.Event()
        self._commits: Wire | None = None

    def __call__(self, wire: Wire, direction: str, block: bytes) -> bool:
        """See `Fault`."""
        if direction == TO_SERVER and block.endswith(b"COMMIT\0"):
            self._commits = wire
        elif wire is self._commits and not self.has_happened.is_set():
            self.has_happened.set()
            wire.cut()
            return True
        return False
