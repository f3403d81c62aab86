"""A real server over real HTTP: the application, the poster and a follower of the views, on a fresh database."""

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest
import uvicorn

from api.access.issuing import keep_key, new_key
from api.app import create_app
from api.connections import Connections
from khaywe.wiring import Database
from ledger.access.events import Grant
from ledger.signing import Keyring, new_private_key, published
from tests.conftest import NewDatabase
from workers.follower import follow

GUIDE_EARN = {"if": [{">": [{"var": "transaction_amount"}, 100]}, {"*": [{"var": "transaction_amount"}, 0.1]}, 0]}
GUIDE_BURN = {"/": [{"var": "points_requested"}, 100]}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.text)

    @property
    def slug(self) -> str:
        """The last part of a problem's type."""
        return str(self.json["type"].rsplit(":", 1)[1])


@dataclass(frozen=True)
class Client:
    """Calls the API as an integrator would."""

    base: str
    key: str
    database: Database

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> Answer:
        """Send a request; bytes and text go as they are, everything else as JSON."""
        if body is None or isinstance(body, bytes):
            content = body
        else:
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {self.key if key is None else key}"}
        if content is not None:
            sent["Content-Type"] = "application/json"
        request = urllib.request.Request(
            self.base + path,
            content,
            sent | dict(headers or {}),
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, answer.headers, answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read().decode())

    def get(self, path: str) -> Answer:
        """Read."""
        return self.call("GET", path)

    def post(self, path: str, body: Any, **more: Any) -> Answer:
        """Write."""
        return self.call("POST", path, body, **more)

    def event_count(self) -> int:
        """Return how many events the ledger has, to show that a refusal changed nothing."""
        with self.database.connect() as connection:
            row = connection.execute("SELECT count(*) FROM ledger.events").fetchone()
        assert row is not None
        return int(row[0])

    def create_program(self, program_id: str = "coffee", **terms: Any) -> None:
        """Create and publish a program with the guide's rules, in force since 2017."""
        body = {
            "program_id": program_id,
            "name": "Coffee Club",
            "currency": "EUR",
            "timezone": "Europe/Berlin",
            "terms": {
                "point_currencies": [{"code": "points", "name": "Points"}],
                "earn": {"rule": GUIDE_EARN, "point_currency": "points"},
                "burn": {"rule": GUIDE_BURN, "point_currency": "points"},
            }
            | terms,
        }
        assert self.post("/v1/programs", body).status == 201
        published = self.post(f"/v1/programs/{program_id}/publish", {"effective_from": "2017-01-01T00:00:00+01:00"})
        assert published.status == 201

    def enrol(self, card: str = "1", program_id: str = "coffee") -> Any:
        """Enrol a member with a card."""
        answer = self.post(
            f"/v1/programs/{program_id}/members",
            {"identifiers": [{"kind": "card", "value": card}], "occurred_at": "2017-01-01T00:00:00Z"},
        )
        assert answer.status == 201, answer.text
        return answer.json


def purchase(**changes: Any) -> dict[str, Any]:
    """Return a purchase of 249.90 EUR by card 1, changed as told."""
    return {
        "source": "till-1",
        "transaction_id": "T1",
        "member": "card:1",
        "occurred_at": "2026-03-01T10:00:00Z",
        "amount": "249.90",
        "currency": "EUR",
    } | changes


@pytest.fixture
def client(any_database: Database) -> Iterator[Client]:
    """Provide a client of a running server; every test runs with one partition and with four."""
    with running(any_database) as client:
        yield client


@pytest.fixture
def lone_client(new_database: NewDatabase) -> Iterator[Client]:
    """Provide a client of a running server with one partition."""
    with running(new_database(1)) as client:
        yield client


class running:  # noqa: N801  # reads as a statement
    """Run the application on a database for the duration of a with block."""

    def __init__(self, database: Database, **options: Any) -> None:
        self._database = database
        self._options = options
        self._stopping = Event()

    def __enter__(self) -> Client:
        """Start everything, and return a client with the admin key."""
        database = self._database
        self._pool = database.pool(8)
        self._pool.open()
        self._poster = database.poster().__enter__()
        admin = new_key(Grant("admin"), "cli", datetime.now(UTC), requests_per_s=100_000)
        with database.connect() as connection:
            # Without its event, so that tests may count positions from the first event of their own.
            keep_key(connection, admin)
        self._follower = threading.Thread(
            target=follow, args=(database.connect, database.connect_views, self._stopping)
        )
        self._follower.start()
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self._listener = listener
        signing = new_private_key()
        app = create_app(
            self._poster,
            database.connect,
            self._pool,
            database.partition_count,
            version="test",
            signing_keys=Keyring(signing, (published(signing, datetime.now(UTC)),)),
            **self._options,
        )
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, lifespan="on", http=Connections())
        )
        self._thread = threading.Thread(target=self._server.run, args=([listener],))
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
            self._stopping.wait(0.005)
        return Client(f"http://127.0.0.1:{listener.getsockname()[1]}", admin.secret, database)

    def __exit__(self, *_: object) -> None:
        """Stop everything."""
        self._server.should_exit = True
        self._thread.join()
        self._listener.close()
        self._stopping.set()
        self._follower.join()
        self._poster.__exit__()
        self._pool.close()
