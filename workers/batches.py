"""Carrying out the batches that were taken in: in order, in bounded pieces, by one worker at a time each."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec
import psycopg
import structlog
from msgspec import Struct
from psycopg import Connection

from ledger.errors import LedgerError
from ledger.posting.instruction import Instruction, LedgerBusy, LedgerUnavailable, Outcome, Posted
from projections.batches import (
    BLOCK_SIZE,
    Batch,
    Block,
    Told,
    delete_items,
    end_cancelled,
    open_batches,
    read_batch,
    read_block,
    record_block,
    start_batch,
)
from rules.activity import Purchase
from rules.instructions import post_purchase
from workers.leases import Lease, LeaseLost
from workers.runs import OnProgress, Report
from workers.sweeping import Deps

_log = structlog.get_logger("worker")

KEPT_DAYS: Final = 30
"""How long items and results of a batch can be read after it has ended."""

_TURN_BLOCKS = 20
"""Blocks of one batch before the next one has its turn, so that a small batch does not wait for a large one."""

_IN_FLIGHT = 2
"""Blocks at the poster while the next is read."""

_LEASE_S = 20.0
"""How long a batch waits for another worker when its own was killed; a block takes less even without the database."""

_LOOK_AGAIN_S = 0.5

_PATIENCE_S = 2.0
"""Pause after the ledger could not be written to."""

_OURS = Told(slug="internal-error", detail="This item could not be carried out because of a fault of ours.")

_purchase = msgspec.json.Decoder(Purchase).decode

_Asked = list[Instruction | Told]


@contextmanager
def carrying_out(deps: Deps) -> Iterator[None]:
    """Carry out batches for as long as the block lasts; the turn under way is finished first."""
    stopping = Event()
    thread = Thread(target=_run, args=(deps, stopping), name="batches")
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _run(deps: Deps, stopping: Event) -> None:
    holder = uuid4()
    while not stopping.is_set():
        try:
            done = take_turns(deps, holder, stopping)
        except (LedgerError, psycopg.Error) as error:
            _log.warning("batches_paused", error=str(error).strip(), error_type=type(error).__name__)
            stopping.wait(_PATIENCE_S)
        except Exception:  # noqa: BLE001  # the edge of the thread: a bug must not stop it for good
            _log.exception("batches_paused")
            stopping.wait(_PATIENCE_S)
        else:
            if not done:
                stopping.wait(_LOOK_AGAIN_S)


def take_turns(deps: Deps, holder: UUID, stopping: Event | None = None) -> int:
    """
    Give every batch that is to be carried out, and that nobody else is carrying out, one turn.

    Args:
        deps: What to work with.
        holder: Who we are.
        stopping: Set to end the turn early.

    Returns:
        How many blocks were carried out.

    Raises:
        LedgerError: The ledger could not be written to; the next turn goes on where this one stopped.
    """
    done = 0
    with deps.connect() as connection:
        for batch_id in open_batches(connection):
            if stopping is not None and stopping.is_set():
                break
            lease = Lease(f"batch:{batch_id}", holder)
            if not lease.take(connection, _LEASE_S):
                continue
            try:
                done += _Turn(deps, connection, lease, stopping or Event()).take(batch_id)
            except LeaseLost:
                _log.info("batch_taken_over", batch_id=str(batch_id))
            finally:
                lease.leave(connection)
    return done


class _Turn:
    """Some blocks of one batch."""

    def __init__(self, deps: Deps, connection: Connection[Any], lease: Lease, stopping: Event) -> None:
        self._deps = deps
        self._connection = connection
        self._lease = lease
        self._stopping = stopping
        self._pending: deque[_UnderWay] = deque()

    def take(self, batch_id: UUID) -> int:
        """Carry some blocks out, and return how many."""
        start_batch(self._connection, batch_id)
        number, done = self._batch(batch_id).done_count // BLOCK_SIZE, 0
        while True:
            batch = self._batch(batch_id)
            if batch.ended_at is not None:
                return done
            block_count = -(-batch.item_count // BLOCK_SIZE)
            is_wanted = batch.cancel_requested_at is None and not self._stopping.is_set()
            while is_wanted and len(self._pending) < _IN_FLIGHT and number < block_count and done < _TURN_BLOCKS:
                self._pending.append(self._begin(batch, number))
                number += 1
            if not self._pending:
                self._end(batch)
                return done
            self._settle(batch, self._pending.popleft())
            self._lease.renew(self._connection, _LEASE_S)
            done += 1

    def _batch(self, batch_id: UUID) -> Batch:
        batch = read_batch(self._connection, batch_id)
        assert batch is not None
        return batch

    def _begin(self, batch: Batch, number: int) -> "_UnderWay":
        block = read_block(self._connection, batch.batch_id, number)
        asked = _asked(batch.program_id, block, datetime.now(UTC))
        instructions = [one for one in asked if isinstance(one, Instruction)]
        return _UnderWay(number, asked, instructions, self._deps.poster.begin(instructions))

    def _settle(self, batch: Batch, under_way: "_UnderWay") -> None:
        outcomes = iter(self._outcomes(under_way))
        results = [next(outcomes) if isinstance(one, Instruction) else one for one in under_way.asked]
        if not record_block(self._connection, batch, under_way.number, results):
            raise LeaseLost(self._lease.name)

    def _outcomes(self, under_way: "_UnderWay") -> list[Told]:
        try:
            return [_told(outcome) for outcome in under_way.future.result()]
        except LedgerError:
            raise
        except Exception:  # noqa: BLE001  # a bug, which the poster has logged; its neighbours are carried out without it
            return [self._alone(one) for one in under_way.instructions]

    def _alone(self, instruction: Instruction) -> Told:
        try:
            (outcome,) = self._deps.poster.post([instruction])
        except LedgerError:
            raise
        except Exception:  # noqa: BLE001  # the same
            return _OURS
        return _told(outcome)

    def _end(self, batch: Batch) -> None:
        if batch.item_count == 0:
            record_block(self._connection, batch, 0, [])
        elif batch.cancel_requested_at is not None:
            end_cancelled(self._connection, batch.batch_id)
            _log.info("batch_cancelled", batch_id=str(batch.batch_id), done_count=batch.done_count)


class _UnderWay(Struct):
    """A block at the poster."""

    number: int
    asked: _Asked
    instructions: list[Instruction]
    future: "Future[list[Outcome]]"


def _asked(program_id: str, block: Block, received_at: datetime) -> _Asked:
    """Return what each item asks for, or why it cannot be asked."""
    return [
        block.unreadable.get(place) or _instruction(program_id, item, received_at)
        for place, item in enumerate(block.items)
    ]


def _instruction(program_id: str, item: bytes, received_at: datetime) -> Instruction | Told:
    try:
        return post_purchase(program_id, _purchase(item), received_at)
    except LedgerError as refusal:
        return Told.refusing(refusal)


def _told(outcome: Outcome) -> Told:
    """Return what is kept about an outcome; raise it if it is none, because the ledger could not be written to."""
    if isinstance(outcome, LedgerBusy | LedgerUnavailable):
        raise outcome
    if isinstance(outcome, LedgerError):
        return Told.refusing(outcome)
    assert isinstance(outcome, Posted)
    points = sum(accrual.points for accrual in outcome.event.accruals)
    return Told(points, f"{outcome.partition}:{outcome.position}", outcome.replayed)


def delete_old_items(deps: Deps, now: datetime, on_progress: OnProgress) -> Report:
    """Delete items and results of batches that ended long ago: items may name members by their cards."""
    report = Report()
    with deps.connect() as connection:
        count = 0
        while deleted := delete_items(connection, now - timedelta(days=KEPT_DAYS)):
            count += len(deleted)
            report.detail = f"items of {count} batches deleted"
            on_progress(report)
    return report
