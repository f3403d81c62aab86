"""Answering what-ifs and carrying out repairs: a page at a time, by one worker at a time each."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from hashlib import sha256
from threading import Event, Thread
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
import structlog
from msgspec import Struct
from psycopg import Connection

from ledger.errors import LedgerError
from ledger.posting.cache import StateCache
from ledger.program.state import Program
from ledger.streams import PROGRAM, program_stream_id
from projections.whatifs.answering import (
    end_what_if,
    open_what_ifs,
    read_accounts,
    read_stored,
    record_page,
    start_what_if,
)
from projections.whatifs.rows import WhatIf, decode_terms, decode_totals, read_what_if
from rules.pricing.whatif import Question
from workers.comparing import Answer, Comparer, comparing
from workers.leases import Lease, LeaseLost
from workers.repairing import carry_out_repairs
from workers.sweeping import Deps

_log = structlog.get_logger("worker")

PAGE_SIZE: Final = 250
"""Accounts at a time: what a kill can undo."""

_IN_FLIGHT = 4
"""Pages that are compared while the next is read."""

OnProgress = Callable[[WhatIf], None]
"""Told how far a what-if is."""

_LEASE_S = 30.0
_LOOK_AGAIN_S = 0.5
_PATIENCE_S = 2.0

_TO_BE_TRIED_AGAIN = (LedgerError, psycopg.Error, BrokenProcessPool)


@contextmanager
def answering(deps: Deps) -> Iterator[None]:
    """Answer what-ifs and carry out repairs for as long as the block lasts; the page under way is finished first."""
    stopping = Event()
    threads = [
        Thread(target=_run, args=(work, deps, stopping), name=name)
        for name, work in (("what-ifs", answer_what_ifs), ("repairs", carry_out_repairs))
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def _run(work: Callable[[Deps, UUID, Event], int], deps: Deps, stopping: Event) -> None:
    holder = uuid4()
    while not stopping.is_set():
        try:
            done = work(deps, holder, stopping)
        except _TO_BE_TRIED_AGAIN as error:
            _log.warning("what_ifs_paused", error=str(error).strip(), error_type=type(error).__name__)
            stopping.wait(_PATIENCE_S)
        except Exception:  # noqa: BLE001  # the edge of the thread: a bug must not stop it for good
            _log.exception("what_ifs_paused")
            stopping.wait(_PATIENCE_S)
        else:
            if not done:
                stopping.wait(_LOOK_AGAIN_S)


def answer_what_ifs(
    deps: Deps,
    holder: UUID,
    stopping: Event | None = None,
    *,
    only: UUID | None = None,
    on_progress: OnProgress = lambda _: None,
) -> int:
    """
    Answer every what-if that is open, and that nobody else is answering.

    Args:
        deps: What to work with.
        holder: Who we are.
        stopping: Set to stop after the page under way; the next call goes on where this one stopped.
        only: This one, and no other.
        on_progress: Told after every page.

    Returns:
        How many pages were compared.
    """
    done = 0
    with deps.connect() as connection:
        for what_if_id in open_what_ifs(connection):
            if only not in {None, what_if_id}:
                continue
            if stopping is not None and stopping.is_set():
                break
            lease = Lease(f"what-if:{what_if_id}", holder)
            if not lease.take(connection, _LEASE_S):
                continue
            try:
                answering_one = _Answering(deps, connection, lease, stopping or Event())
                done += answering_one.answer(what_if_id, on_progress)
            except LeaseLost:
                _log.info("what_if_taken_over", what_if_id=str(what_if_id))
            except _TO_BE_TRIED_AGAIN:
                raise
            except Exception as error:  # noqa: BLE001  # a bug, or facts that nobody thought of
                # The same accounts would fail again and again; whoever asked is told, and the log says the rest.
                _log.exception("what_if_failed", what_if_id=str(what_if_id))
                end_what_if(connection, what_if_id, "failed", f"a fault of ours: {type(error).__name__}")
            finally:
                lease.leave(connection)
    return done


class _UnderWay(Struct):
    """A page that is compared."""

    accounts: list[tuple[UUID, UUID]]
    future: "Future[Answer]"


class _Answering:
    """One what-if."""

    def __init__(self, deps: Deps, connection: Connection[Any], lease: Lease, stopping: Event) -> None:
        self._deps = deps
        self._connection = connection
        self._lease = lease
        self._stopping = stopping
        self._pending: deque[_UnderWay] = deque()

    def answer(self, what_if_id: UUID, on_progress: OnProgress) -> int:
        """Compare pages until there are no more, or somebody wants it to stop; return how many."""
        start_what_if(self._connection, what_if_id)
        asked = self._what_if(what_if_id)
        if asked.ended_at is not None:
            return 0
        question = self._question(asked)
        with comparing(question, asked.account_count - asked.done_count) as comparer:
            return self._compare(asked, comparer, on_progress)

    def _compare(self, asked: WhatIf, comparer: Comparer, on_progress: OnProgress) -> int:
        done, after, is_all = 0, asked.after_member, False
        while True:
            is_wanted = asked.cancel_requested_at is None and not self._stopping.is_set()
            while is_wanted and not is_all and len(self._pending) < _IN_FLIGHT:
                accounts = read_accounts(self._connection, asked, after, PAGE_SIZE)
                is_all = len(accounts) < PAGE_SIZE
                if accounts:
                    after = accounts[-1][0]
                    self._begin(asked, accounts, comparer)
            if not self._pending:
                self._end(asked, is_all=is_all)
                return done
            asked = self._settle(asked, self._pending.popleft())
            self._lease.renew(self._connection, _LEASE_S)
            on_progress(asked)
            done += 1

    def _begin(self, asked: WhatIf, accounts: list[tuple[UUID, UUID]], comparer: Comparer) -> None:
        stored = read_stored(self._connection, accounts, asked)
        page = [(*ids, events) for ids, events in zip(accounts, stored, strict=True)]
        self._pending.append(_UnderWay(accounts, comparer.begin(page)))

    def _settle(self, asked: WhatIf, under_way: _UnderWay) -> WhatIf:
        answer = under_way.future.result()
        totals = decode_totals(asked.totals)
        totals.add(answer.totals)
        digest = asked.result_sha256
        for one in answer.digests:
            digest = sha256(digest + one).digest()
        if not record_page(self._connection, asked, under_way.accounts, answer.found, (totals, digest)):
            raise LeaseLost(self._lease.name)
        return self._what_if(asked.what_if_id)

    def _end(self, asked: WhatIf, *, is_all: bool) -> None:
        if asked.cancel_requested_at is not None:
            end_what_if(self._connection, asked.what_if_id, "cancelled")
        elif is_all:
            end_what_if(self._connection, asked.what_if_id, "done")
            _log.info("what_if_answered", what_if_id=str(asked.what_if_id), account_count=asked.done_count)

    def _what_if(self, what_if_id: UUID) -> WhatIf:
        found = read_what_if(self._connection, what_if_id)
        assert found is not None
        return found

    def _question(self, asked: WhatIf) -> Question:
        program = read_program(self._connection, asked.program_id, self._deps.partition_count)
        return Question(
            program,
            decode_terms(asked.terms),
            asked.window_start,
            asked.window_end,
            asked.as_of,
            tuple(asked.repaired),
        )


def read_program(connection: Connection[Any], program_id: str, partition_count: int) -> Program:
    """Return a program that is known to be there."""
    stream_id = program_stream_id(program_id)
    cache = StateCache(partition_count)
    cache.load(connection, {stream_id: PROGRAM})
    program: Program = cache.entries[stream_id].state
    return program
