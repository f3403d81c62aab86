"""A client that sends a stream and reads the answers meanwhile, as an integrator's would."""

import json
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from http.client import HTTPConnection
from typing import Any

from tests.acceptance.conftest import Client

STREAM = "/v1/programs/coffee/purchases/stream"
NDJSON = "application/x-ndjson"


class OpenStream:
    """One stream under way."""

    def __init__(self, client: Client, query: str = "") -> None:
        host, _, port = client.base.removeprefix("http://").partition(":")
        self._connection = HTTPConnection(host, int(port), timeout=60)
        self._connection.putrequest("POST", STREAM + query)
        for name, value in {
            "Authorization": f"Bearer {client.key}",
            "Content-Type": NDJSON,
            "Transfer-Encoding": "chunked",
        }.items():
            self._connection.putheader(name, value)
        self._connection.endheaders()
        self._answer: Any = None

    def send(self, content: bytes) -> None:
        """Send a piece of the body."""
        self._connection.send(b"%x\r\n%b\r\n" % (len(content), content))

    def end(self) -> None:
        """Send the end of the body."""
        self._connection.send(b"0\r\n\r\n")

    def read(self) -> Any:
        """Read one line of the answer; ``None`` at its end."""
        if self._answer is None:
            self._answer = self._connection.getresponse()
            assert self._answer.status == 200
            assert self._answer.headers["Content-Type"] == NDJSON
        line = self._answer.readline()
        return json.loads(line) if line else None

    def hang_up(self) -> None:
        """Break the connection, without a goodbye."""
        with suppress(OSError):
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        if self._answer is not None:
            self._answer.close()
        self._connection.close()


def stream(client: Client, lines: Iterable[bytes], query: str = "") -> list[Any]:
    """Send lines in uneven pieces, and return the answers, read meanwhile."""
    opened = OpenStream(client, query)
    body = b"\n".join(lines)

    def send() -> None:
        start, size = 0, 1
        while start < len(body):
            opened.send(body[start : start + size])
            start, size = start + size, size * 3 % 50_021 + 1
        opened.end()

    sender = threading.Thread(target=send)
    sender.start()
    answers = []
    while (answer := opened.read()) is not None:
        answers.append(answer)
    sender.join()
    opened.hang_up()
    return answers
