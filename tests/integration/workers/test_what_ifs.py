"""What-ifs and the workers that answer them: stopped, killed, in several processes, several at once."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from khaywe.wiring import Database
from ledger.program.terms import EarnRule
from projections.whatifs.answering import read_accounts
from projections.whatifs.rows import NewWhatIf, WhatIf, cancel_what_if, read_found, read_what_if, store_what_if
from tests.integration.workers.members import NOW, PROGRAM_ID, SINCE, TERMS, prepare
from workers import comparing, what_ifs
from workers.sweeping import Deps
from workers.what_ifs import answer_what_ifs, answering

MEMBERS = 120
PAGE = 10
OTHER = replace(
    TERMS,
    earn=(EarnRule('{"*":[{"var":"transaction_amount"},2]}', "points"), EarnRule("5", "later", "later")),
)


@pytest.fixture
def ledger(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Provide members who have bought, and pages so small that there are many of them."""
    prepare(database, MEMBERS, datetime(2026, 9, 1, tzinfo=UTC))
    monkeypatch.setattr(what_ifs, "PAGE_SIZE", PAGE)
    return database


def ask(database: Database) -> UUID:
    """Ask what twice the points would have come to."""
    new = NewWhatIf(uuid4(), PROGRAM_ID, "key:test", bytes(32), "inline", OTHER, SINCE, None, NOW)
    with database.connect() as connection:
        what_if, was_there = store_what_if(connection, new)
    assert not was_there
    return what_if.what_if_id


def look(database: Database, what_if_id: UUID) -> WhatIf:
    """Return a what-if as it is now."""
    with database.connect() as connection:
        what_if = read_what_if(connection, what_if_id)
    assert what_if is not None
    return what_if


def found(database: Database, what_if_id: UUID) -> dict[UUID, tuple[int, bytes]]:
    """Return what was found, by account."""
    with database.connect() as connection:
        rows = read_found(connection, what_if_id, limit=1000)
    return {one.account_id: (one.change_points, one.outcome) for one in rows}


@contextmanager
def worker(database: Database) -> Iterator[Deps]:
    """Provide what a worker of its own works with."""
    with database.poster() as poster:
        yield Deps(database.connect, poster, database.partition_count)


def answered(database: Database) -> UUID:
    """Ask, have it answered without a break, and return which it is."""
    what_if_id = ask(database)
    with worker(database) as deps:
        answer_what_ifs(deps, uuid4())
    assert look(database, what_if_id).status == "done"
    return what_if_id


def require_same(database: Database, first: UUID, second: UUID) -> None:
    """Two what-ifs came to the same for every account, and in all."""
    one, other = look(database, first), look(database, second)
    assert (one.status, one.done_count, one.account_count) == ("done", MEMBERS, MEMBERS)
    assert one.result_sha256 == other.result_sha256 != bytes(32)
    assert one.totals == other.totals
    assert found(database, first) == found(database, second)
    assert len(found(database, first)) == MEMBERS


def test_what_was_stopped_goes_on_where_it_was(ledger: Database) -> None:
    """After every page, and comes to the same."""
    whole, stopped = answered(ledger), ask(ledger)
    turns = 0
    with worker(ledger) as deps:
        while look(ledger, stopped).ended_at is None:
            stopping = Event()
            answer_what_ifs(deps, uuid4(), stopping, on_progress=lambda _, stop=stopping: stop.set())  # type: ignore[misc]
            turns += 1
    assert turns > 1
    require_same(ledger, whole, stopped)


def test_purchases_that_come_meanwhile_change_nothing(ledger: Database) -> None:
    """It is told as of the positions at which it was asked."""
    from tests.integration.workers.members import buy  # noqa: PLC0415  # only here

    whole, late = answered(ledger), ask(ledger)
    with ledger.poster() as poster:
        buy(poster, MEMBERS, datetime(2026, 9, 2, tzinfo=UTC), "U")
    with worker(ledger) as deps:
        answer_what_ifs(deps, uuid4())
    require_same(ledger, whole, late)


def test_processes_of_their_own_come_to_the_same(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are told in their order, whichever process is done first."""
    whole = answered(ledger)
    monkeypatch.setattr(comparing, "WORTH_IT", 1)
    require_same(ledger, whole, answered(ledger))


def _answer_for_ever(home: Any) -> None:
    """Answer in a process that is going to be killed, with a pause after every page."""
    from khaywe.wiring import Database as Wired  # noqa: PLC0415  # in the process

    url, count = home
    what_ifs.PAGE_SIZE = PAGE
    database = Wired(url, count)
    with worker(database) as deps:
        answer_what_ifs(deps, uuid4(), on_progress=lambda _: Event().wait(0.05))


def test_what_was_killed_goes_on_where_it_was(ledger: Database) -> None:
    """No page is lost, and none is counted twice."""
    whole, killed = answered(ledger), ask(ledger)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_answer_for_ever, args=((ledger.owner_url, ledger.partition_count),))
    process.start()
    while look(ledger, killed).done_count < PAGE * 2:
        assert process.is_alive()
        Event().wait(0.01)
    process.kill()
    process.join()
    assert look(ledger, killed).ended_at is None
    with ledger.connect() as connection:
        connection.execute("UPDATE workers.leases SET expires_at = clock_timestamp() - interval '1 second'")
    with worker(ledger) as deps:
        answer_what_ifs(deps, uuid4())
    require_same(ledger, whole, killed)


def test_two_workers_answer_one_question_once(ledger: Database) -> None:
    """Only one of them has it at a time."""
    whole, shared = answered(ledger), ask(ledger)
    with worker(ledger) as one, worker(ledger) as other:
        threads = [Thread(target=answer_what_ifs, args=(deps, uuid4())) for deps in (one, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    require_same(ledger, whole, shared)


def test_one_that_is_cancelled_stops(ledger: Database) -> None:
    """After the pages under way."""
    what_if_id = ask(ledger)

    def cancel(_: WhatIf) -> None:
        with ledger.connect() as connection:
            cancel_what_if(connection, what_if_id)

    with worker(ledger) as deps:
        answer_what_ifs(deps, uuid4(), on_progress=cancel)
    after = look(ledger, what_if_id)
    assert (after.status, after.cancel_requested_at is not None) == ("cancelled", True)
    assert 0 < after.done_count < MEMBERS


def test_a_worker_answers_by_itself(ledger: Database) -> None:
    """For as long as it runs."""
    what_if_id = ask(ledger)
    with worker(ledger) as deps, answering(deps):
        while look(ledger, what_if_id).ended_at is None:
            Event().wait(0.05)
    assert look(ledger, what_if_id).status == "done"


def test_a_sample_is_always_the_same(ledger: Database) -> None:
    """The accounts whose ids come first."""
    new = NewWhatIf(uuid4(), PROGRAM_ID, "key:test", bytes(32), "inline", OTHER, SINCE, None, NOW, 15)
    with ledger.connect() as connection:
        what_if, _ = store_what_if(connection, new)
        accounts = [account for _, account in read_accounts(connection, what_if, UUID(int=0), 1000)]
        everybody = connection.execute("SELECT account_id FROM members.members ORDER BY account_id").fetchall()
    assert sorted(accounts) == [account for (account,) in everybody[:15]]
