"""Clients who take their time keep nobody waiting, and are not waited for without end."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from structlog.typing import EventDict

from api import connections, intake
from api.connections import Connections
from tests.acceptance.conftest import Client, purchase, running
from tests.integration.api.wire import booked, connected, read_answer, request_bytes

SLOW_COUNT = 1_000
"""Of each kind; `bench` opens ten thousand."""

BROKEN_OFF = b"POST /v1/programs/coffee/purchases HTTP/1.1\r\nHost: ti"


@pytest.fixture
def open_client(lone_client: Client, logs: list[EventDict]) -> Client:
    """Provide a client of a server with a program and a member."""
    lone_client.create_program()
    lone_client.enrol()
    return lone_client


@contextmanager
def slow_clients(client: Client, begun: bytes, count: int) -> Iterator[list[socket.socket]]:
    """Open many connections that say a part of a request, and no more."""
    with ExitStack() as stack:
        found = [stack.enter_context(connected(client)) for _ in range(count)]
        for connection in found:
            connection.sendall(begun)
        yield found


def test_healthy_clients_are_served_beside_slow_ones(open_client: Client) -> None:
    """Thousands of half headers and half bodies take no place among the requests that are worked on."""
    half = request_bytes(open_client, "slow")[:-20]
    names = [f"T{number}" for number in range(50)]
    with slow_clients(open_client, BROKEN_OFF, SLOW_COUNT), slow_clients(open_client, half, SLOW_COUNT) as slow:
        for name in names:
            posted = open_client.post("/v1/programs/coffee/purchases", purchase(transaction_id=name))
            assert posted.status == 201, posted.text
        assert open_client.get("/health/ready").status == 200
        # Who was slow, and goes on in time, is served like anybody else.
        slow[-1].sendall(request_bytes(open_client, "slow")[-20:])
        assert slow[-1].recv(12) == b"HTTP/1.1 201"
    assert booked(open_client.database) == [*names, "slow"]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server wait for half a second only."""
    monkeypatch.setattr(connections, "HEADERS_S", 0.5)
    monkeypatch.setattr(intake, "STALL_S", 0.5)
    monkeypatch.setattr(intake, "BODY_S", 1.5)


def test_headers_that_do_not_come_are_told(impatient: None, open_client: Client) -> None:
    """Half a line is answered 408 as a problem, and the connection ends; who says nothing hears nothing."""
    with slow_clients(open_client, BROKEN_OFF, 3) as begun, slow_clients(open_client, b"", 3) as silent:
        for connection in begun:
            status, head, body = read_answer(connection)
            assert status == 408
            assert "application/problem+json" in head
            assert "urn:khaywe:problem:request-timeout" in body
        assert [connection.recv(1) for connection in silent] == [b""] * 3


def test_headers_of_a_later_request_have_to_come_too(impatient: None, open_client: Client) -> None:
    """A connection that was good once is not trusted for ever."""
    with connected(open_client) as connection:
        connection.sendall(request_bytes(open_client, "T1") + BROKEN_OFF)
        _, _, rest = read_answer(connection)
    assert "408 request timeout" in rest.lower()
    assert booked(open_client.database) == ["T1"]


def test_body_that_stalls_is_told(impatient: None, open_client: Client) -> None:
    """Half a body is answered 408, with the id of the request, and nothing is booked."""
    with connected(open_client) as connection:
        connection.sendall(request_bytes(open_client, "T1")[:-20])
        status, head, body = read_answer(connection)
    assert status == 408
    assert "x-request-id" in head
    assert "connection: close" in head
    assert "urn:khaywe:problem:request-timeout" in body
    assert booked(open_client.database) == []


def test_body_that_drips_is_told(impatient: None, open_client: Client) -> None:
    """A byte now and then does not keep a connection for ever."""
    whole = request_bytes(open_client, "T1", declared=4_000)
    with connected(open_client) as connection:
        connection.sendall(whole[:-20])
        connection.settimeout(0.2)
        give_up_at = time.monotonic() + 20
        found = b""
        while not found and time.monotonic() < give_up_at:
            connection.sendall(b" ")
            try:
                found = connection.recv(65_536)
            except TimeoutError:
                continue
    assert found.startswith(b"HTTP/1.1 408")


def test_headers_without_end_are_told(open_client: Client) -> None:
    """Headers are not gathered without bound."""
    with connected(open_client) as connection:
        connection.sendall(b"GET /v1/jobs/runs HTTP/1.1\r\nHost: till\r\n")
        for number in range(33):
            connection.sendall(f"X-{number}: {'x' * 2_000}\r\n".encode())
            time.sleep(0.005)
        status, _, body = read_answer(connection)
    assert status == 431
    assert "urn:khaywe:problem:headers-too-large" in body


def test_what_is_no_http_is_told_as_a_problem(open_client: Client) -> None:
    """Somebody who speaks TLS to us, or nonsense, gets a problem like everybody else."""
    with connected(open_client) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03nonsense\r\n\r\n")
        status, head, body = read_answer(connection)
    assert status == 400
    assert "application/problem+json" in head
    assert "urn:khaywe:problem:malformed-request" in body


def test_the_most_silent_goes_when_there_are_too_many(open_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no connection left to give, whoever has taken longest to say anything makes room."""
    init = Connections.__init__
    monkeypatch.setattr(Connections, "__init__", lambda self: init(self, limit=20))

    with running(open_client.database) as narrow, slow_clients(narrow, BROKEN_OFF, 30) as slow:
        assert narrow.get("/health/live").status == 200
        slow[0].settimeout(5)
        assert slow[0].recv(1) == b""
        slow[-1].settimeout(0.2)
        with pytest.raises(TimeoutError):
            slow[-1].recv(1)
