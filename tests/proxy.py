"""A wire, to PostgreSQL or to the API, that can be cut at any byte."""

import socket
import threading
import time
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

    def half_close(self, direction: str) -> None:
        """Let one side believe that the other has said all it will ever say."""
        with suppress(OSError):
            (self._server if direction == TO_SERVER else self._client).shutdown(socket.SHUT_WR)

    def hang_up(self, direction: str) -> None:
        """Do what a wire does when nothing more comes from one side."""
        if direction == TO_CLIENT or not self._is_server_kept:
            self.cut()


Fault = Callable[[Wire, str, bytes], bool]
"""``fault(wire, direction, block)`` is asked before a block is passed on; if it is true, the fault has seen to it."""


class Proxy:
    """
    Listens on a TCP port and passes everything on to a server's Unix socket or port.

    At most one `fault` is in force; it sees all that goes through, one block at a time.
    """

    def __init__(self, server: Path | int) -> None:
        """
        Args:
            server: Its Unix socket, or its port on this machine.
        """
        self.fault: Fault | None = None
        self.is_reachable = True
        """Whether new connections are let through."""
        self._address = server
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
        is_port = isinstance(self._address, int)
        server = socket.socket(socket.AF_INET if is_port else socket.AF_UNIX, socket.SOCK_STREAM)
        wire = Wire(client, server)
        try:
            if not self.is_reachable:
                raise ConnectionRefusedError
            server.connect(("127.0.0.1", self._address) if is_port else str(self._address))
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
    path = urlsplit(database.owner_url).path
    with accepting(Proxy(Path(folder, f".s.PGSQL.{port}"))) as proxy:
        url = f"postgresql://postgres@127.0.0.1:{proxy.port}{path}?sslmode=disable&gssencmode=disable"
        yield proxy, Database(url, database.partition_count)


@contextmanager
def accepting(proxy: Proxy) -> Iterator[Proxy]:
    """Let a proxy accept connections for the duration of a with block."""
    thread = threading.Thread(target=proxy.run, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()


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


class CutOn:
    """Cuts the wire instead of passing on the first block in a direction that holds some bytes, once."""

    def __init__(self, direction: str, pattern: bytes) -> None:
        self.has_happened = threading.Event()
        self._direction = direction
        self._pattern = pattern

    def __call__(self, wire: Wire, direction: str, block: bytes) -> bool:
        """See `Fault`."""
        if self.has_happened.is_set() or direction != self._direction or self._pattern not in block:
            return False
        self.has_happened.set()
        wire.cut()
        return True


class AtAnswerToCommitOf:
    """Cuts the wire when the server has committed the transaction that carried some bytes, and says so, once."""

    def __init__(self, pattern: bytes, *, is_reachable_after: bool, proxy: Proxy) -> None:
        self.has_happened = threading.Event()
        self._pattern = pattern
        self._proxy = proxy
        self._is_reachable_after = is_reachable_after
        self._carries: Wire | None = None
        self._has_said_commit = False

    def __call__(self, wire: Wire, direction: str, block: bytes) -> bool:
        """See `Fault`."""
        if self.has_happened.is_set():
            return False
        if direction == TO_SERVER:
            if self._carries is None and self._pattern in block:
                self._carries = wire
            if wire is self._carries and block.endswith(b"COMMIT\0"):
                self._has_said_commit = True
        elif wire is self._carries and self._has_said_commit:
            self.has_happened.set()
            self._proxy.is_reachable = self._is_reachable_after
            wire.cut()
            return True
        return False


def swallow(direction: str) -> Fault:
    """Return a fault that lets nothing through in a direction, as if the other side had gone without a word."""
    return lambda _, going, __: going == direction


def delay(direction: str, seconds: float) -> Fault:
    """Return a fault that holds up every block in a direction."""

    def hold_up(_: Wire, going: str, __: bytes) -> bool:
        if going == direction:
            time.sleep(seconds)
        return False

    return hold_up


def half_close(direction: str) -> Fault:
    """Return a fault that passes a block on, and says that it was the last in its direction."""

    def end(wire: Wire, going: str, block: bytes) -> bool:
        if going == direction:
            wire.send(going, block)
            wire.half_close(going)
            return True
        return False

    return end
