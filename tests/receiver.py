"""A receiver of webhooks: a real HTTP server that writes down what it is sent, and answers as it is told."""

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Received:
    """A message, as it came."""

    headers: Mapping[str, str]
    body: str

    @property
    def message_id(self) -> str:
        """What a receiver knows it by."""
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)

    @property
    def account_id(self) -> str:
        """Whom it is about."""
        return str(self.json["data"]["account_id"])

    @property
    def sequence(self) -> int:
        """Its place in the order of the account."""
        return int(self.json["data"]["sequence"])


@dataclass
class Reply:
    """What a receiver says."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = "thanks"


class Receiver:
    """Runs for the duration of a with block."""

    def __init__(
        self, answer: Callable[[Received], Reply] = lambda _: Reply(), tls: ssl.SSLContext | None = None
    ) -> None:
        """
        Args:
            answer: Decides, for each message, what to say; may be replaced at any time.
            tls: With its certificate; ``None`` for plain HTTP.
        """
        self.answer = answer
        self.received: list[Received] = []
        self.accepted: list[Received] = []
        self.changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        # Who refuses our certificate ends the connection, and that is no news.
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.server_address[1]}/hooks"

    def __enter__(self) -> Self:
        """Start."""
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, count: int, timeout: float = 30) -> list[Received]:
        """Wait until this many messages were accepted, and return them all."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.accepted) >= count, timeout), len(self.accepted)
            return list(self.accepted)

    def _handler(receiver) -> type[BaseHTTPRequestHandler]:  # noqa: N805  # "self" is the handler's
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                content = self.rfile.read(length)
                if len(content) < length:
                    # Whoever was sending was killed in the middle of it.
                    self.close_connection = True
                    return
                body = content.decode()
                message = Received({name.lower(): value for name, value in self.headers.items()}, body)
                reply = receiver.answer(message)
                with receiver.changed:
                    receiver.received.append(message)
                    if reply.status < 300:
                        receiver.accepted.append(message)
                    receiver.changed.notify_all()
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                text = reply.text.encode()
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
                """Say nothing."""

        return Handler
