"""Whatever happens to the line between till and API, or API and database, a retry gets the first result."""

import socket
import time
from collections.abc import Callable
from http.client import HTTPException
from urllib.parse import urlsplit

import pytest
from structlog.typing import EventDict

from khaywe.wiring import Database
from ledger.posting.poster import Poster
from tests.acceptance.conftest import Client, purchase, running
from tests.integration.api.wire import booked, connected, read_answer, request_bytes, reset, send_again
from tests.proxy import (
    TO_CLIENT,
    TO_SERVER,
    AtAnswerToCommitOf,
    CutAfter,
    CutOn,
    Fault,
    Proxy,
    accepting,
    delay,
    half_close,
    proxied,
    swallow,
)

PURCHASES = "/v1/programs/coffee/purchases"


@pytest.fixture
def open_client(lone_client: Client) -> Client:
    """Provide a client of a server with a program and a member."""
    lone_client.create_program()
    lone_client.enrol()
    return lone_client


def close(connection: socket.socket) -> None:
    """Hang up as a program does that ends."""
    connection.close()


@pytest.mark.parametrize("hang_up", [close, reset])
def test_client_hangs_up_after_sending(
    open_client: Client,
    logs: list[EventDict],
    hang_up: Callable[[socket.socket], None],
) -> None:
    """The purchase is booked or it is not; sent again it is booked once, and nothing is logged as a bug."""
    names = [f"T{number}" for number in range(20)]
    for name in names:
        connection = connected(open_client)
        connection.sendall(request_bytes(open_client, name))
        hang_up(connection)
    for name in names:
        send_again(open_client, name)
    assert sorted(booked(open_client.database)) == sorted(names)
    assert bugs(logs) == []


@pytest.mark.parametrize("hang_up", [close, reset])
@pytest.mark.parametrize("is_begun", [True, False], ids=["half a body", "no body"])
def test_client_hangs_up_within_its_body(
    open_client: Client,
    logs: list[EventDict],
    hang_up: Callable[[socket.socket], None],
    is_begun: bool,
) -> None:
    """Nothing is booked; the log has one line about it, and no traceback."""
    whole = request_bytes(open_client, "T1")
    connection = connected(open_client)
    connection.sendall(whole[:-30] if is_begun else whole[: whole.index(b"\r\n\r\n") + 4])
    time.sleep(0.2)
    hang_up(connection)
    wait_for_line(logs, 499)
    assert booked(open_client.database) == []
    assert bugs(logs) == []
    assert send_again(open_client, "T1")["replayed"] is False


FAULTS: list[tuple[str, Callable[[], Fault]]] = [
    ("answer cut", lambda: CutOn(TO_CLIENT, b"HTTP/1.1 201")),
    ("answer cut in its body", lambda: CutOn(TO_CLIENT, b'"position"')),
    ("answer swallowed", lambda: swallow(TO_CLIENT)),
    ("request swallowed", lambda: swallow(TO_SERVER)),
    *[(f"request cut after {count}", lambda count=count: CutAfter(TO_SERVER, count)) for count in (0, 40, 200, 350)],
    *[(f"answer cut after {count}", lambda count=count: CutAfter(TO_CLIENT, count)) for count in (0, 9, 100, 400)],
    ("request half closed", lambda: half_close(TO_SERVER)),
]


@pytest.mark.parametrize("fault_of", [fault for _, fault in FAULTS], ids=[name for name, _ in FAULTS])
def test_line_to_the_till_fails(open_client: Client, fault_of: Callable[[], Fault]) -> None:
    """A till that hears no answer, or half of one, sends the same again, and learns what became of the first."""
    port = urlsplit(open_client.base).port
    assert port
    with accepting(Proxy(port)) as proxy:
        proxy.fault = fault_of()
        heard = heard_through(proxy, open_client)
        proxy.fault = None
        again = send_again(open_client, "T1")
        assert heard in {None, 201}
        if heard == 201:
            assert again["replayed"]
    assert booked(open_client.database) == ["T1"]


def test_slow_line_is_waited_for(open_client: Client) -> None:
    """A line that takes half a second each way costs a second, and nothing else."""
    port = urlsplit(open_client.base).port
    assert port
    with accepting(Proxy(port)) as proxy:
        for direction in (TO_SERVER, TO_CLIENT):
            proxy.fault = delay(direction, 0.5)
            heard_through(proxy, open_client, timeout_s=5)
    assert booked(open_client.database) == ["T1"]


def heard_through(proxy: Proxy, client: Client, timeout_s: float = 1.0) -> int | None:
    """Post a purchase through a proxy; return the status if the whole answer came."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout_s) as connection:
        try:
            connection.sendall(request_bytes(client, "T1").replace(b"Host: till", b"Host: till\r\nConnection: close"))
            status, head, body = read_answer(connection)
        except (OSError, IndexError, ValueError, HTTPException):
            return None
    return status if f"content-length: {len(body.encode())}\r\n" in head + "\r\n" else None


def test_line_to_the_database_is_cut_at_the_answer_to_commit(open_client: Client, logs: list[EventDict]) -> None:
    """The poster looks what became of it: the till hears of its purchase at once, and hears the same again."""
    with (
        proxied(open_client.database) as (proxy, distant),
        running(distant) as client,
    ):
        client.post(PURCHASES, purchase(transaction_id="before"))
        fault = AtAnswerToCommitOf(b"T-cut", is_reachable_after=True, proxy=proxy)
        proxy.fault = fault
        first = client.post(PURCHASES, purchase(transaction_id="T-cut"))
        assert fault.has_happened.is_set()
        assert first.status in {200, 201}, first.text
        again = client.post(PURCHASES, purchase(transaction_id="T-cut"))
    assert again.status == 200
    assert again.headers["Idempotency-Replayed"] == "true"
    assert {**first.json, "replayed": True} == again.json
    assert booked(open_client.database) == ["before", "T-cut"]
    assert bugs(logs) == []


def test_database_stays_away_after_commit(
    open_client: Client,
    logs: list[EventDict],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody can know: the till is told 503 and to come back, and hears then what was booked the first time."""
    monkeypatch.setattr(Database, "poster", lambda self: Poster(self.connect, self.partition_count, patience_s=0.5))
    with (
        proxied(open_client.database) as (proxy, distant),
        running(distant) as client,
    ):
        client.post(PURCHASES, purchase(transaction_id="before"))
        fault = AtAnswerToCommitOf(b"T-cut", is_reachable_after=False, proxy=proxy)
        proxy.fault = fault
        refused = client.post(PURCHASES, purchase(transaction_id="T-cut"))
        assert fault.has_happened.is_set()
        assert (refused.status, refused.slug) == (503, "ledger-unavailable")
        assert refused.headers["Retry-After"]
        proxy.fault, proxy.is_reachable = None, True
        again = send_again(client, "T-cut")
    assert again["replayed"] is True
    assert booked(open_client.database) == ["before", "T-cut"]
    assert bugs(logs) == []


def bugs(logs: list[EventDict]) -> list[EventDict]:
    """Return what would wake somebody up."""
    return [entry for entry in logs if entry["log_level"] in {"error", "critical"}]


def wait_for_line(logs: list[EventDict], status: int) -> None:
    """Wait until a request was logged with a status."""
    give_up_at = time.monotonic() + 10
    while not any(entry.get("status") == status for entry in list(logs)):
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
