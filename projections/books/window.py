"""Which events belong to a month: the late ones too, and not the early ones."""

import calendar
from collections.abc import Mapping
from datetime import date
from typing import Final

from ledger.bookkeeping.events import PeriodClosed
from projections.books.chart import SCHEME_VERSION


class Window:
    """
    The events of a month, among those that were recorded up to a position.

    An event belongs to the month in which it counts, or, if that is closed, to the first that is open. One that counts
    in a later month waits for that month, and with it what takes from it, so that no lot loses points before it was
    made. In version 1 of the scheme all that the same account did afterwards waited.
    """

    def __init__(
        self,
        period: str,
        before: PeriodClosed | None,
        frozen_at: Mapping[str, int],
        scheme_version: int = SCHEME_VERSION,
    ) -> None:
        """
        Args:
            period: The month.
            before: The closing of the month before.
            frozen_at: By partition: the last position looked at.
            scheme_version: Of the month.
        """
        year, month = map(int, period.split("-"))
        self.period: Final = period
        self.first_day: Final = date(year, month, 1)
        self.last_day: Final = date(year, month, calendar.monthrange(year, month)[1])
        self.frozen_at = frozen_at
        self.resume_at: dict[str, int] = {}
        self.event_count = 0
        self.late_count = 0
        self._before = dict(before.frozen_at) if before else {}
        self._resumed = dict(before.resume_at) if before else {}
        self._accounts_wait = scheme_version == 1
        self._accounts_waited = before is not None and before.scheme_version == 1
        self._seen: set[bytes] = set()
        self._waiting: set[bytes] = set()

    def start(self, partition: int) -> int:
        """Return the position behind which to read."""
        name = str(partition)
        return self._resumed.get(name, self._before.get(name, 0))

    def takes(  # noqa: PLR0917  # an event's place, whose, and when it counts
        self,
        partition: int,
        position: int,
        account: bytes,
        counts_on: date,
        awaits: bool = False,  # asked for every event of a month
        awaited: bool = False,  # same
    ) -> bool:
        """
        Tell whether an event belongs to the month; asked once for each, in the order of positions.

        Args:
            partition: Of the event.
            position: Of the event.
            account: Whose.
            counts_on: When it counts.
            awaits: Whether it takes from what is not booked yet.
            awaited: Whether it took from what was not booked when the month before was closed.
        """
        if position <= self._before.get(str(partition), 0):
            did_wait = account in self._seen if self._accounts_waited else awaited
            if counts_on < self.first_day and not did_wait:
                return False  # it was booked in an earlier month
            self._seen.add(account)
        waits = account in self._waiting if self._accounts_wait else awaits
        if counts_on > self.last_day or waits:
            self._waiting.add(account)
            self.resume_at.setdefault(str(partition), position - 1)
            return False
        self.event_count += 1
        self.late_count += counts_on < self.first_day
        return True

    def posting_date(self, counts_on: date) -> date:
        """Return the day of the month that an event is posted on."""
        return max(counts_on, self.first_day)
