"""The poster: gathers what arrives together, and carries it out as one durable batch."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from threading import Condition, Thread
from typing import Any, Self

import psycopg
import structlog
from msgspec import Struct
from psycopg import Connection, errors

from ledger.archive.cold import ArchiveAway
from ledger.posting.batch import Batch
from ledger.posting.cache import StateCache
from ledger.posting.figures import PosterFigures
from ledger.posting.instruction import Instruction, LedgerBusy, LedgerUnavailable, Outcome, Posted
from ledger.posting.snapshots import write_snapshots
from ledger.posting.work import CarriedOutBefore, Group, LookBack, PartitionNotLocked, Work
from ledger.store.append import lock_heads
from ledger.streams import StreamId

_ASK_FIRST_FOR = 20
"""Batches that ask for receipts first after one that held something already carried out: repeats come in flocks, and a
batch that meets one unprepared is decided twice."""

_log = structlog.get_logger(__name__)

Deliver = Callable[[list[Outcome] | BaseException], Callable[[], None] | None]
"""
Told the outcomes, in the order of the instructions; or the exception that a bug raised. Must not block.

May return something to be called once all that was carried out together is delivered; what several return is called
once.
"""


class _Submission(Struct, gc=False):
    instructions: Sequence[Instruction]
    together: bool
    deliver: Deliver
    submitted: float


class Poster:
    """
    One thread, one connection, one batch at a time.

    While a batch is being made durable the next one gathers, so that the work per batch is shared by as many
    instructions as are waiting, and nobody waits for a timer. Any number of posters may run on a ledger, in any
    number of processes.

    What is acknowledged is on disk. When the connection is lost after COMMIT was sent, the outcome is settled by
    looking: the batch is run again behind the lock that the lost transaction held, and finds its own receipts.
    """

    def __init__(
        self,
        connect: Callable[[], Connection[Any]],
        partition_count: int,
        *,
        batch_size: int = 2_000,
        waiting_limit: int = 20_000,
        patience_s: float = 10.0,
        waiting_s: float | None = None,
    ) -> None:
        """
        Args:
            connect: Opens a connection in autocommit mode, as the application role.
            partition_count: Of the ledger.
            batch_size: Instructions after which no more are gathered into a batch.
            waiting_limit: Instructions that may wait before callers are turned away.
            patience_s: How long to try when the database cannot be reached, before callers are told so.
            waiting_s: How long instructions may wait for their turn: one whose turn comes later is refused, because
                its caller is about to ask again. ``None`` for callers who wait as long as it takes.
        """
        self._connect = connect
        self._partition_count = partition_count
        self._batch_size = batch_size
        self._waiting_limit = waiting_limit
        self._patience_s = patience_s
        self._waiting_s = waiting_s
        self._cache = StateCache(partition_count)
        self._connection: Connection[Any] | None = None
        self._in_doubt = False
        self._ask_first_for = 0
        self._shared_partitions: set[int] = set()
        self._queue: deque[_Submission] = deque()
        self._waiting_count = 0
        self._changed = Condition()
        self._is_stopping = False
        self._thread = Thread(target=self._run, name="poster", daemon=True)
        self.figures = PosterFigures()

    @property
    def waiting_count(self) -> int:
        """Instructions that wait to be taken into a batch."""
        return self._waiting_count

    def is_running(self) -> bool:
        """Tell whether its thread lives."""
        return self._thread.is_alive()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Carry out what was accepted, then stop."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        self._thread.join()
        self._disconnect()

    def submit(self, instructions: Sequence[Instruction], deliver: Deliver, *, together: bool = False) -> None:
        """
        Queue instructions.

        Args:
            instructions: Carried out in this order.
            deliver: Called from the poster's thread, once, when everything is durable or refused.
            together: All or nothing; otherwise each succeeds or fails alone.

        Raises:
            LedgerBusy: Too much is waiting already, or the poster is stopping; nothing was queued.
        """
        with self._changed:
            if self._is_stopping:
                raise LedgerBusy("The ledger is stopping; send the request again in a moment.")
            if self._waiting_count + len(instructions) > max(self._waiting_limit, len(instructions)):
                raise LedgerBusy("More is waiting than can be taken on; send the request again in a moment.")
            self._queue.append(_Submission(instructions, together, deliver, time.monotonic()))
            self._waiting_count += len(instructions)
            self._changed.notify()

    def post(self, instructions: Sequence[Instruction], *, together: bool = False) -> list[Outcome]:
        """
        Queue instructions and wait for their outcomes, in the same order.

        Raises:
            LedgerBusy: See `submit`.
        """
        return self.begin(instructions, together=together).result()

    def begin(self, instructions: Sequence[Instruction], *, together: bool = False) -> "Future[list[Outcome]]":
        """Like `post`, for a caller who does something else meanwhile."""
        future: Future[list[Outcome]] = Future()
        # What is queued is carried out; a caller who no longer waits for it cannot take it back.
        future.set_running_or_notify_cancel()
        if not instructions:
            future.set_result([])
            return future

        def deliver(outcomes: list[Outcome] | BaseException) -> None:
            if isinstance(outcomes, BaseException):
                future.set_exception(outcomes)
            else:
                future.set_result(outcomes)

        self.submit(instructions, deliver, together=together)
        return future

    def _run(self) -> None:
        while submissions := self._take():
            if timely := self._turn_away_late(submissions):
                self._carry_out(timely)

    def _turn_away_late(self, submissions: list[_Submission]) -> list[_Submission]:
        """Refuse what has waited too long, before anything is done for it; return the others."""
        if self._waiting_s is None:
            return submissions
        oldest = time.monotonic() - self._waiting_s
        if submissions[0].submitted >= oldest:
            return submissions  # they are in the order in which they came
        late = [one for one in submissions if one.submitted < oldest]
        refusal = LedgerBusy("Its turn did not come in time, and nothing was done; send the request again in a moment.")
        _log.warning("instructions_late", count=sum(len(one.instructions) for one in late))
        _deliver([(one, [refusal] * len(one.instructions)) for one in late])
        return submissions[len(late) :]

    def _take(self) -> list[_Submission]:
        """Wait for work; return what has gathered, or nothing when all is done and the poster is to stop."""
        with self._changed:
            while not self._queue and not self._is_stopping:
                self._changed.wait()
            taken: list[_Submission] = []
            count = 0
            while self._queue and count < self._batch_size:
                taken.append(self._queue.popleft())
                count += len(taken[-1].instructions)
            self._waiting_count -= count
            return taken

    def _carry_out(self, submissions: list[_Submission]) -> None:
        started = time.perf_counter()
        try:
            delivered, touched, count = self._try_until_settled(submissions)
        except ArchiveAway as refusal:  # of a state that no snapshot has; others need no archive
            self._rollback()
            if len(submissions) == 1:
                _deliver([(submissions[0], [refusal] * len(submissions[0].instructions))])
                return
            for submission in submissions:
                self._carry_out([submission])
            return
        except Exception as bug:  # noqa: BLE001  # the edge of the thread: one bug must not stop the others
            self._disconnect()
            if len(submissions) == 1:
                _deliver([(submissions[0], bug)])
                _log.exception("instruction_failed", instruction_count=len(submissions[0].instructions))
                return
            for submission in submissions:
                self._carry_out([submission])
            return
        _deliver(delivered)
        self._count(delivered, count, time.perf_counter() - started)
        try:
            self._tidy_up(touched, count)
        except Exception:  # noqa: BLE001  # everybody has been answered; without this thread nobody else would be
            _log.exception("tidying_failed")
            self._disconnect()

    def _count(self, delivered: list[tuple[_Submission, list[Outcome]]], event_count: int, seconds: float) -> None:
        figures = self.figures
        outcomes = [outcome for _, found in delivered for outcome in found]
        figures.batch_sizes.add(len(outcomes))
        figures.batch_seconds.add(seconds)
        figures.event_count += event_count
        for outcome in outcomes:
            if not isinstance(outcome, Posted):
                figures.refused_count += 1
            elif outcome.replayed:
                figures.replayed_count += 1

    def _tidy_up(self, touched: list[StreamId], count: int) -> None:
        self._cache.shrink(count)
        if self._connection is not None and count:
            write_snapshots(self._connection, self._cache, touched, self._partition_count)

    def _try_until_settled(
        self,
        submissions: list[_Submission],
    ) -> tuple[list[tuple[_Submission, list[Outcome]]], list[StreamId], int]:
        deadline = time.monotonic() + self._patience_s
        pause_s = 0.02
        looks_back_on: set[StreamId] = set()
        while True:
            groups = [Group([Work(asked) for asked in one.instructions], one.together) for one in submissions]
            batch = Batch(
                groups,
                self._cache,
                self._partition_count,
                asks_first=self._ask_first_for > 0,
                locks_too=self._shared_partitions,
                looks_back_on=looks_back_on,
            )
            try:
                count = batch.run(self._settled_connection())
            except LookBack as look:
                self.figures.retries["history"] += 1
                looks_back_on |= look.stream_ids
                self._cache.forget(batch.touched())
                self._rollback()
            except PartitionNotLocked as needed:
                self.figures.retries["partition"] += 1
                # From now on every batch locks it, because the next one will most likely need it too.
                self._shared_partitions.add(needed.partition)
                self._cache.forget(batch.touched())
                self._rollback()
            except (CarriedOutBefore, errors.UniqueViolation):
                self.figures.retries["repeats"] += 1
                _log.info("batch_held_repeats", submission_count=len(submissions))
                self._cache.forget(batch.touched())
                self._rollback()
                # The first time is no matter of patience: what was carried out is there to be told. A lost connection
                # may have used all of it up before.
                if self._ask_first_for and time.monotonic() > deadline:
                    raise
                self._ask_first_for = _ASK_FIRST_FOR
            except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError) as error:
                # An internal error is what a server says that became read-only, or that ended our idle transaction.
                self._cache.forget(batch.touched())
                self._disconnect()
                self._in_doubt = True
                self.figures.database_lost_count += 1
                _log.warning("database_lost", error=str(error).strip(), error_type=type(error).__name__)
                if time.monotonic() + pause_s > deadline or isinstance(error, errors.DiskFull):
                    refusal = _unavailable(error)
                    return [(one, [refusal] * len(one.instructions)) for one in submissions], [], 0
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, 0.5)
            except BaseException:
                self._cache.forget(batch.touched())
                raise
            else:
                self._ask_first_for = _ASK_FIRST_FOR if batch.has_repeats() else max(0, self._ask_first_for - 1)
                outcomes = [[work.outcome for work in group.works] for group in groups]
                return list(zip(submissions, outcomes, strict=True)), list(batch.touched()), count  # type: ignore[arg-type]

    def _settled_connection(self) -> Connection[Any]:
        """Return a connection behind which no earlier batch of ours is still undecided."""
        if self._connection is None:
            self._connection = self._connect()
            # It may lead to a server that took over and lost the newest events.
            self._cache.clear()
            # Everything this connection looks up, it looks up by key; a plan made while a table was small or
            # unknown must not turn into a scan when it has grown.
            self._connection.execute(
                "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off",
            )
        if self._in_doubt:
            # A transaction we lost sight of holds its heads until it has ended one way or the other.
            lock_heads(self._connection, range(self._partition_count))
            self._connection.execute("ROLLBACK")
            self._in_doubt = False
        return self._connection

    def _rollback(self) -> None:
        try:
            if self._connection is not None:
                self._connection.execute("ROLLBACK")
        except psycopg.Error:
            self._disconnect()
            self._in_doubt = True

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None


def _deliver(delivered: Sequence[tuple[_Submission, list[Outcome] | BaseException]]) -> None:
    afterwards: set[Callable[[], None]] = set()
    for submission, outcomes in delivered:
        try:
            if (call := submission.deliver(outcomes)) is not None:
                afterwards.add(call)
        except Exception:  # noqa: BLE001  # a caller who cannot take the answer must not stop the others
            _log.exception("delivery_failed", instruction_count=len(submission.instructions))
    for call in afterwards:
        call()


def _unavailable(error: Exception) -> LedgerUnavailable:
    if isinstance(error, errors.DiskFull):
        return LedgerUnavailable("The database has no room left to write; nothing was recorded.")
    return LedgerUnavailable(
        "The database cannot be reached; whether the request was carried out will be told when it is sent again "
        "with the same key.",
    )
