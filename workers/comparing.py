"""Comparing accounts on several cores: what happens in each process, and how the processes are kept."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from hashlib import sha256
from threading import Thread
from typing import Final, Protocol
from uuid import UUID

from msgspec import Struct

from ledger.store.codec import decode
from projections.whatifs.answering import Stored
from projections.whatifs.rows import Found, encode
from projections.whatifs.totals import Totals
from rules.pricing.whatif import Outcome, Question, compare, repairable

PROCESSES: Final = 2

WORTH_IT: Final = 1_000
"""Accounts for which it is worth while to start processes."""

Page = list[tuple[UUID, UUID, Stored]]
"""Members, their accounts and what is recorded of them."""


class Answer(Struct, frozen=True):
    """What was found on a page."""

    totals: Totals
    found: list[Found]
    """Accounts for which something would be different."""
    digests: list[bytes]
    """SHA-256 over what was found, per account with a history."""


class Comparer(Protocol):
    """Compares pages, here or elsewhere."""

    def begin(self, page: Page) -> "Future[Answer]":
        """Begin to compare a page."""


def compare_page(question: Question, page: Page) -> Answer:
    """Compare the accounts of a page; one without a history has no outcome."""
    totals, found, digests = Totals(), [], []
    for member_id, account_id, stored in page:
        if not stored:
            continue
        outcome = compare(question, [decode(topic, state) for topic, state in stored])
        written = encode(outcome)
        digests.append(sha256(account_id.bytes + written).digest())
        totals.take(outcome)
        if not outcome.is_same:
            found.append(_found(member_id, account_id, outcome, written))
    return Answer(totals, found, digests)


def _found(member_id: UUID, account_id: UUID, outcome: Outcome, written: bytes) -> Found:
    differences = [one.hypothetical.all - one.awarded.all - one.repaired_points for one in outcome.currencies]
    change = sum(repairable(outcome).values())
    return Found(account_id, member_id, outcome.version, sum(map(abs, differences)), change, written)


class _Here:
    """Compares at once."""

    def __init__(self, question: Question) -> None:
        self._question = question

    def begin(self, page: Page) -> "Future[Answer]":
        """Compare a page."""
        future: Future[Answer] = Future()
        try:
            future.set_result(compare_page(self._question, page))
        except Exception as error:  # noqa: BLE001  # as an executor does: whoever waits for the result is told
            future.set_exception(error)
        return future


class _Elsewhere:
    """Compares in other processes."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def begin(self, page: Page) -> "Future[Answer]":
        """Begin to compare a page."""
        return self._executor.submit(_compare, page)


@contextmanager
def comparing(question: Question, account_count: int) -> Iterator[Comparer]:
    """Provide what compares, with processes of its own where there are many accounts."""
    if account_count < WORTH_IT:
        yield _Here(question)
        return
    # Not forked: this process has threads, whose locks a copy would hold for ever.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, context, _begin, (question,)) as executor:
        try:
            yield _Elsewhere(executor)
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


_asked: list[Question] = []


def _begin(question: Question) -> None:
    """Prepare a process: for one question, and to end with whoever started it."""
    _asked[:] = [question]
    # Who interrupts the command from the keyboard interrupts all of its processes; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _compare(page: Page) -> Answer:
    return compare_page(_asked[0], page)
