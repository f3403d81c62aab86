"""More than can be done: every request is carried out or refused with a time to come back, and nothing in between."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from structlog.typing import EventDict

from api.admission import BUSY_LIMITS, LIMITS, Kind
from khaywe.wiring import Database
from ledger.posting.instruction import LedgerBusy, Posted
from ledger.posting.poster import Poster
from tests.acceptance.conftest import Answer, Client, purchase
from tests.integration.api.wire import booked, connected, request_bytes
from tests.integration.ledger.till import accrue, open_account

PURCHASES = "/v1/programs/coffee/purchases"


@pytest.fixture
def open_client(lone_client: Client, logs: list[EventDict], monkeypatch: pytest.MonkeyPatch) -> Client:
    """Provide a client of a server with a program and a member, that works on four writes at once."""
    for limits in (LIMITS, BUSY_LIMITS):
        monkeypatch.setitem(limits, Kind.WRITE, 4)
    lone_client.create_program()
    lone_client.enrol()
    return lone_client


@contextmanager
def head_locked(database: Database) -> Iterator[None]:
    """Let nobody write."""
    with database.connect() as holder:
        holder.execute("BEGIN; SELECT FROM ledger.heads FOR UPDATE")
        yield
        holder.execute("ROLLBACK")


def post(client: Client, name: str) -> Answer:
    """Post a purchase."""
    return client.post(PURCHASES, purchase(transaction_id=name))


def test_what_there_is_no_place_for_is_refused_at_once(open_client: Client, logs: list[EventDict]) -> None:
    """Four wait for the ledger; the others are told when to come back, reading goes on, and what was told is true."""
    names = [f"T{number}" for number in range(24)]
    # The head is locked below, and the views have to show the member before that.
    wait_until(lambda: open_client.get("/v1/programs/coffee/members/card:1/account").status == 200)
    with ThreadPoolExecutor(24) as pool:
        with head_locked(open_client.database):
            posting = {name: pool.submit(post, open_client, name) for name in names}
            wait_until(lambda: sum(one.done() for one in posting.values()) == 20)
            assert open_client.get("/health/ready").status == 200
            assert open_client.get("/v1/programs/coffee/members/card:1/account").status == 200
        answers = {name: one.result() for name, one in posting.items()}
    refused = {name for name, answer in answers.items() if answer.status == 503}
    assert len(refused) == 20
    for name in refused:
        assert answers[name].slug == "ledger-busy"
        assert answers[name].headers["Retry-After"] in {"1", "2", "3"}
        assert answers[name].headers["X-Request-Id"]
        assert answers[name].headers["Content-Type"] == "application/problem+json"
    assert {answers[name].status for name in names if name not in refused} == {201}
    assert sorted(booked(open_client.database)) == sorted(set(names) - refused)
    assert [post(open_client, name).status for name in sorted(refused)] == [201] * 20
    assert sum(entry["event"] == "requests_shed" for entry in logs) > 0


def test_a_refused_connection_is_as_good_as_before(open_client: Client) -> None:
    """Refused at the connection, a client goes on over the same one."""
    with ThreadPoolExecutor(4) as pool, connected(open_client) as connection:
        with head_locked(open_client.database):
            waiting = [pool.submit(post, open_client, f"W{number}") for number in range(4)]
            time.sleep(0.5)
            whole = request_bytes(open_client, "T1")
            connection.sendall(whole[:-40])
            time.sleep(0.05)
            connection.sendall(whole[-40:])
            assert connection.recv(65_536).startswith(b"HTTP/1.1 503")
        assert [one.result().status for one in waiting] == [201] * 4
        connection.sendall(whole)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 201")
    assert sorted(booked(open_client.database)) == ["T1", "W0", "W1", "W2", "W3"]


def test_a_flood_leaves_nothing_unclear(open_client: Client) -> None:
    """Many tills at once, without a pause: acknowledged is stored, refused is not, and afterwards all is as before."""
    answers: dict[str, Answer] = {}

    def hammer(till: int) -> None:
        for number in range(25):
            name = f"T{till}-{number}"
            answers[name] = post(open_client, name)

    threads = [threading.Thread(target=hammer, args=(till,)) for till in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in answers.values()} <= {201, 503}
    assert all(answer.headers["Retry-After"] for answer in answers.values() if answer.status == 503)
    assert sorted(booked(open_client.database)) == sorted(name for name in answers if answers[name].status == 201)
    assert [post(open_client, f"after-{number}").status for number in range(20)] == [201] * 20


def test_an_instruction_whose_turn_comes_too_late_is_not_carried_out(database: Database, logs: list[EventDict]) -> None:
    """Its caller is about to ask again: it is refused, and refused means that nothing was done."""
    with database.poster() as poster:
        poster.post([open_account(1)])
    with Poster(database.connect, 1, waiting_s=0.3) as poster:
        poster.post([accrue(1, 1, "a0")])
        with head_locked(database):
            first = poster.begin([accrue(1, 5, "a1")])
            time.sleep(0.1)
            late = poster.begin([accrue(1, 7, "a2"), accrue(1, 9, "a3")])
            time.sleep(0.5)
            timely = poster.begin([accrue(1, 11, "a4")])
        assert isinstance(first.result()[0], Posted)
        assert [type(outcome) for outcome in late.result()] == [LedgerBusy, LedgerBusy]
        assert isinstance(timely.result()[0], Posted)
        assert [type(outcome) for outcome in poster.post([accrue(1, 7, "a2")])] == [Posted]
    with database.connect() as connection:
        keys = connection.execute("SELECT key FROM ledger.receipts WHERE key LIKE 'a_' ORDER BY key").fetchall()
    assert [key for (key,) in keys] == ["a0", "a1", "a2", "a4"]


def wait_until(condition: object) -> None:
    """Wait until a condition holds."""
    assert callable(condition)
    give_up_at = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)
