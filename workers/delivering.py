"""Deliver webhooks, for as long as the process runs: feed the outbox, claim lanes, send, record."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any, Final

import psycopg
import structlog
from psycopg import Connection

from projections.webhooks.backoff import delay_after
from projections.webhooks.feeding import feed
from projections.webhooks.outbox import CLAIM, Lane, Status, Tried, Waiting, Worked, claim_lanes, record
from projections.webhooks.sending import TIMEOUT_S, Attempt, Sender

_log = structlog.get_logger("worker")

_LANES: Final = 128
"""Worked on at a time, by one process."""
_PER_ENDPOINT: Final = 16
"""Of these to one endpoint, so that one that hangs leaves room for the others."""
_PAUSE_S: Final = 0.2
_GATHER_S: Final = 0.01
"""After one lane is done: others are about to be, and all of them are recorded together."""
_GRACE_S: Final = 5.0
"""For attempts that are under way when we are to stop; those that take longer are made again by the next courier."""
_RECONNECT_S: Final = 0.5
_AFTER_BUG_S: Final = 10.0

_random = random.SystemRandom()

Connect = Callable[[], Connection[Any]]
Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


class Courier:
    """Works on lanes: within each one delivery after the other, many lanes at the same time."""

    def __init__(self, connection: Connection[Any], sender: Sender, clock: Clock = _now) -> None:
        """
        Args:
            connection: As the application role, in autocommit mode.
            sender: Entered.
            clock: Tells what is due, and when what failed is due again.
        """
        self._connection = connection
        self._sender = sender
        self._clock = clock
        self._working: dict[asyncio.Task[Worked], Lane] = {}
        self._stopping = False

    async def step(self) -> int:
        """
        Record what is done, claim what is due, and begin with it.

        Returns:
            How many lanes were recorded or begun.
        """
        done = [task for task in self._working if task.done()]
        for task in done:
            del self._working[task]
        self._record([task.result() for task in done])
        begun = self._claim()
        for lane in begun:
            self._working[asyncio.create_task(self._work(lane))] = lane
        return len(done) + len(begun)

    async def wait(self, seconds: float) -> None:
        """Wait until a lane is done, but not for longer than this."""
        if self._working:
            await asyncio.wait(self._working, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(_GATHER_S)
        else:
            await asyncio.sleep(seconds)

    async def finish(self) -> None:
        """Wait for everything that was begun, and record it."""
        if self._working:
            await asyncio.wait(self._working)
        self._record([task.result() for task in self._working])
        self._working.clear()

    async def stop(self, grace_s: float) -> None:
        """Begin nothing more, wait a while for what is under way, and record it; what takes longer is dropped."""
        self._stopping = True
        if self._working:
            await asyncio.wait(self._working, timeout=grace_s)
        done = [task for task in self._working if task.done()]
        for task in self._working:
            task.cancel()
        self._record([task.result() for task in done])
        self._working.clear()

    def _claim(self) -> list[Lane]:
        free = _LANES - len(self._working)
        if free <= 0:
            return []
        counts = Counter(lane.endpoint_id for lane in self._working.values())
        busy = [endpoint_id for endpoint_id, count in counts.items() if count >= _PER_ENDPOINT]
        return claim_lanes(self._connection, self._clock(), limit=free, per_endpoint=_PER_ENDPOINT, busy=busy)

    def _record(self, worked: list[Worked]) -> None:
        if worked:
            for endpoint_id in record(self._connection, worked, self._clock()):
                _log.warning("webhook_stopped", webhook_id=str(endpoint_id))

    async def _work(self, lane: Lane) -> Worked:
        tried: list[Tried] = []
        # Nothing is begun that might go on after the claim has run out and somebody else has begun with it.
        last_start = time.monotonic() + CLAIM.total_seconds() - 2 * TIMEOUT_S
        for waiting in lane.deliveries:
            if self._stopping or time.monotonic() > last_start:
                break
            attempt = await self._sender.send(waiting.message)
            status, delay = _outcome(waiting, attempt)
            tried.append(Tried(waiting.message.delivery_id, waiting.attempt_count + 1, status, attempt))
            if status == "waiting":
                return Worked(lane, tried, self._clock() + delay)
        # A lane without deliveries would be a mistake of ours; it must not keep us busy.
        return Worked(lane, tried, self._clock() + (timedelta(0) if lane.deliveries else CLAIM))


def _outcome(waiting: Waiting, attempt: Attempt) -> tuple[Status, timedelta]:
    """Return what an attempt makes of a delivery, and how long its lane has to wait."""
    if attempt.is_success:
        return "delivered", timedelta(0)
    # Where the receiver is gone nothing more is sent, so that the delivery keeps its place for whoever comes back.
    delay = delay_after(waiting.retry_count + 1, _random.random(), attempt.asked_for)
    return ("dead", timedelta(0)) if delay is None else ("waiting", delay)


def follow_webhooks(connect: Connect, stopping: Event) -> None:
    """Feed the outbox until told to stop; a lost database is waited for, and another feeder does no harm."""
    while not stopping.is_set():
        try:
            with connect() as connection:
                while not stopping.is_set():
                    if not feed(connection, _now()):
                        stopping.wait(_PAUSE_S)
        except psycopg.Error as error:
            _log.warning("webhooks_paused", error=str(error).strip(), error_type=type(error).__name__)
            stopping.wait(_RECONNECT_S)
        except Exception:  # noqa: BLE001  # the edge of the thread: a bug must not stop all webhooks for good
            _log.exception("webhooks_failed")
            stopping.wait(_AFTER_BUG_S)


def deliver(connect: Connect, stopping: Event, *, may_call_private: bool) -> None:
    """
    Deliver what is in the outbox until told to stop; what is under way has a moment to finish.

    A lost database is waited for. What was sent and not recorded is sent again when the claims have ended.
    """
    while not stopping.is_set():
        try:
            with connect() as connection:
                asyncio.run(_deliver_connected(connection, stopping, may_call_private=may_call_private))
        except psycopg.Error as error:
            _log.warning("webhooks_paused", error=str(error).strip(), error_type=type(error).__name__)
            stopping.wait(_RECONNECT_S)
        except Exception:  # noqa: BLE001  # the edge of the thread: a bug must not stop all webhooks for good
            _log.exception("webhooks_failed")
            stopping.wait(_AFTER_BUG_S)


async def _deliver_connected(connection: Connection[Any], stopping: Event, *, may_call_private: bool) -> None:
    async with Sender(may_call_private=may_call_private) as sender:
        courier = Courier(connection, sender)
        while not stopping.is_set():
            await courier.step()
            await courier.wait(_PAUSE_S)
        await courier.stop(_GRACE_S)


@contextmanager
def delivering(connect: Connect, *, may_call_private: bool) -> Iterator[None]:
    """Feed and deliver for as long as the block lasts; what is under way has a moment to finish."""
    stopping = Event()
    threads = [
        Thread(target=follow_webhooks, args=(connect, stopping), name="webhooks-feeder"),
        Thread(
            target=deliver,
            args=(connect, stopping),
            kwargs={"may_call_private": may_call_private},
            name="webhooks-courier",
        ),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
