"""How many requests are worked on at once: what is beyond that is told so at once, before any work is done for it."""

import time

import structlog

from ledger.posting.instruction import LedgerBusy

_log = structlog.get_logger("api")

WRITES_LIMIT = 1_000
"""A quarter of a second of single posts on two cores: whoever is let in is answered long before they lose patience."""

READS_LIMIT = 500
"""Of their own, so that long reading keeps no till waiting."""

OTHERS_LIMIT = 200
"""Health, documentation: answered whatever the rest of us does."""

_REPORT_S = 1.0


class Admission:
    """
    Counts requests under way, whose bodies have arrived.

    A request that has only begun to arrive holds no place: its client may take as long as it is allowed to, and keeps
    nobody out.
    """

    def __init__(self, limit: int, kind: str) -> None:
        """
        Args:
            limit: Requests at once.
            kind: For the log.
        """
        self._limit = limit
        self._kind = kind
        self._count = 0
        self._shed_count = 0
        self._reported_at = 0.0

    @property
    def count(self) -> int:
        """How many are under way."""
        return self._count

    def enter(self) -> None:
        """
        Take a place.

        Raises:
            LedgerBusy: There is none; nothing was done.
        """
        if self._count >= self._limit:
            self._note_shed()
            raise LedgerBusy("More is waiting than can be taken on; send the request again in a moment.")
        self._count += 1

    def leave(self) -> None:
        """Give the place back."""
        self._count -= 1

    def _note_shed(self) -> None:
        # A line for each would cost more than the refusal itself, just when there is no time to spare.
        self._shed_count += 1
        now = time.monotonic()
        if now - self._reported_at >= _REPORT_S:
            _log.warning("requests_shed", kind=self._kind, count=self._shed_count, under_way_count=self._count)
            self._shed_count, self._reported_at = 0, now
