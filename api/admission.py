"""How many requests are worked on at once: what is beyond that is told so at once, before any work is done for it."""

import asyncio
import time
from enum import StrEnum

import structlog

_log = structlog.get_logger("api")


class Kind(StrEnum):
    """Requests that have places of their own, so that long reading keeps no till waiting."""

    WRITE = "write"
    READ = "read"


LIMITS = {Kind.WRITE: 1_000, Kind.READ: 500}
"""A quarter of a second of either on two cores: whoever is let in is answered long before they lose patience."""

BUSY_LIMITS = {Kind.WRITE: 200, Kind.READ: 100}
"""As long as the event loop cannot keep up: what it has not read yet waits as well, and is not counted."""

_LOOK_S = 0.05
_LATE_S = 0.05
_REPORT_S = 1.0


class Gate:
    """
    Counts the requests of one server that are worked on.

    A request that has only begun to arrive holds no place: its client may take as long as it is allowed to, and keeps
    nobody out.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._counts = dict.fromkeys(Kind, 0)
        self._limits = LIMITS
        self._shed_count = 0
        self._reported_at = 0.0
        self._look_due = self._loop.time() + _LOOK_S
        self._loop.call_at(self._look_due, self._look)

    def is_full(self, kind: Kind) -> bool:
        """Tell whether there is no place."""
        return self._counts[kind] >= self._limits[kind]

    def enter(self, kind: Kind) -> None:
        """Take a place, of which there has to be one."""
        self._counts[kind] += 1

    def leave(self, kind: Kind) -> None:
        """Give the place back."""
        self._counts[kind] -= 1

    def note_shed(self) -> None:
        """Count a request that was turned away."""
        # A line for each would cost more than the refusal itself, just when there is no time to spare.
        self._shed_count += 1
        now = time.monotonic()
        if now - self._reported_at >= _REPORT_S:
            _log.warning("requests_shed", count=self._shed_count, under_way=self._counts.copy())
            self._shed_count, self._reported_at = 0, now

    def _look(self) -> None:
        """See how late the event loop comes to what is due."""
        now = self._loop.time()
        self._limits = BUSY_LIMITS if now - self._look_due > _LATE_S else LIMITS
        self._look_due = now + _LOOK_S
        self._loop.call_at(self._look_due, self._look)
