"""Couriers that are killed, and several at once: at least once, in the order of each account, and nothing lost."""

import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from khaywe.wiring import Database
from projections.webhooks.endpoints import Wanted, make_endpoint
from projections.webhooks.outbox import CLAIM
from tests.integration.workers.members import PROGRAM_ID, buy, prepare
from tests.receiver import Received, Receiver, Reply
from workers.delivering import delivering
from workers.forgetting import KEEP, forget_deliveries
from workers.jobs import JOBS
from workers.running import run_job
from workers.sweeping import Deps

MEMBERS = 12
BOUGHT = datetime(2025, 9, 1, 12, tzinfo=UTC)
ROUNDS = 5


@pytest.fixture
def ledger(any_database: Database) -> Database:
    """Provide members of a program."""
    prepare(any_database, MEMBERS, BOUGHT)
    return any_database


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Provide a receiver that accepts everything."""
    with Receiver() as receiver:
        yield receiver


def subscribe(ledger: Database, url: str) -> None:
    """Make a webhook that is told of purchases from now on."""
    wanted = Wanted(url, ["purchase.posted"], "", bytes(32), None)
    with ledger.connect() as connection:
        make_endpoint(connection, PROGRAM_ID, wanted, None, datetime.now(UTC))


def buy_rounds(ledger: Database, first: int, count: int) -> None:
    """Let every member buy a few times."""
    with ledger.poster() as poster:
        for number in range(first, first + count):
            buy(poster, MEMBERS, BOUGHT + timedelta(days=number), f"R{number}-")


def first_seen(received: list[Received]) -> dict[str, list[int]]:
    """Return, per account, the sequences in the order in which each was first seen."""
    found: dict[str, list[int]] = {}
    for one in received:
        seen = found.setdefault(one.account_id, [])
        if one.sequence not in seen:
            seen.append(one.sequence)
    return found


def assert_complete(received: list[Received], rounds: int) -> None:
    """Every account was told everything, in order."""
    found = first_seen(received)
    assert len(found) == MEMBERS
    for sequences in found.values():
        assert sequences == sorted(sequences)
        assert len(sequences) == rounds


def _deliver_for_ever(url: str, partition_count: int) -> None:
    """Deliver in a process of its own."""
    database = Database(url, partition_count)
    with delivering(database.connect, may_call_private=True):
        threading.Event().wait()


def _start(ledger: Database) -> multiprocessing.process.BaseProcess:
    work = (ledger.owner_url, ledger.partition_count)
    process = multiprocessing.get_context("spawn").Process(target=_deliver_for_ever, args=work)
    process.start()
    return process


def test_what_a_killed_courier_sent_is_sent_again_and_nothing_is_lost(ledger: Database, receiver: Receiver) -> None:
    """It dies while messages are on their way; the next goes on when the claims have ended."""
    subscribe(ledger, receiver.url)
    buy_rounds(ledger, 1, ROUNDS)
    hanging, go_on = threading.Event(), threading.Event()

    def hang(_: Received) -> Reply:
        if len(receiver.received) >= MEMBERS:
            hanging.set()
            go_on.wait(30)
        return Reply()

    receiver.answer = hang
    process = _start(ledger)
    assert hanging.wait(60)
    process.kill()
    process.join()
    go_on.set()
    receiver.answer = lambda _: Reply()
    # The clock of claims is the couriers'; they are over a minute and a half later.
    with ledger.connect() as connection:
        connection.execute("UPDATE webhooks.lanes SET due_at = due_at - %s::interval", (CLAIM,))
    with delivering(ledger.connect, may_call_private=True):
        wait_until_empty(ledger)
    assert_complete(receiver.accepted, ROUNDS)
    assert len(receiver.accepted) > MEMBERS * ROUNDS


def wait_until_empty(ledger: Database) -> None:
    """Wait until everything in the ledger was fed and delivered."""
    query = """
        SELECT (SELECT count(*) FROM webhooks.lanes) + (
            SELECT count(*) FROM webhooks.tracking AS t
            INNER JOIN ledger.heads AS h ON h.partition = t.partition AND h.position > t.position
        )
    """
    pause = threading.Event()
    with ledger.connect() as connection:
        for _ in range(1200):
            row = connection.execute(query).fetchone()
            if row == (0,):
                return
            pause.wait(0.05)
    raise AssertionError(row)


def test_several_workers_keep_the_order(ledger: Database, receiver: Receiver) -> None:
    """They share the work; nothing is sent twice while none of them dies, and an unreliable receiver is told all."""
    subscribe(ledger, receiver.url)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(delivering(ledger.connect, may_call_private=True))
        for number in range(ROUNDS):
            buy_rounds(ledger, number + 1, 1)
        wait_until_empty(ledger)
    assert_complete(receiver.accepted, ROUNDS)
    assert len({one.message_id for one in receiver.received}) == len(receiver.received) == MEMBERS * ROUNDS


def test_a_hanging_receiver_does_not_hold_up_the_others(ledger: Database, receiver: Receiver) -> None:
    """However many accounts wait for it."""
    go_on = threading.Event()
    with Receiver() as hanging:
        hanging.answer = lambda _: Reply(200 if go_on.wait(60) else 500)
        subscribe(ledger, hanging.url)
        subscribe(ledger, receiver.url)
        with delivering(ledger.connect, may_call_private=True):
            buy_rounds(ledger, 1, 2)
            receiver.wait_for(2 * MEMBERS)
            go_on.set()
            hanging.wait_for(2 * MEMBERS)
    assert_complete(hanging.accepted, 2)


def test_what_was_delivered_long_ago_is_forgotten(ledger: Database, receiver: Receiver) -> None:
    """With its attempts, after a month and not before."""
    subscribe(ledger, receiver.url)
    with delivering(ledger.connect, may_call_private=True):
        buy_rounds(ledger, 1, 1)
        wait_until_empty(ledger)
    now = datetime.now(UTC)
    with ledger.poster() as poster:
        deps = Deps(ledger.connect, poster, ledger.partition_count, 5)
        assert forget_deliveries(deps, now + KEEP - timedelta(minutes=5), lambda _: None).detail == ""
        report = run_job(deps, JOBS["forget-deliveries"], now=now + KEEP + timedelta(minutes=5), holder=uuid4())
    assert report is not None
    assert report.detail == f"{MEMBERS} deliveries forgotten"
    with ledger.connect() as connection:
        counts = "SELECT (SELECT count(*) FROM webhooks.deliveries), (SELECT count(*) FROM webhooks.attempts)"
        assert connection.execute(counts).fetchone() == (0, 0)
