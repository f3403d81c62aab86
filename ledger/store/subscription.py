"""Following a partition through the `eventsourcing` library."""

from collections.abc import Iterator, Sequence
from threading import Event

from eventsourcing.persistence import ApplicationRecorder, Notification, Subscription

_POLL_S = 0.02
_PAGE_SIZE = 1_000


class PartitionSubscription(Subscription[ApplicationRecorder]):
    """
    Follows a partition by asking again and again.

    The head is asked first and the events up to it afterwards, so none is passed over, and a subscription to rare
    topics does not read the others twice.
    """

    def __init__(self, recorder: ApplicationRecorder, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        super().__init__(recorder, gt, topics)
        self._position = gt or 0
        self._page: Iterator[Notification] = iter(())
        self._stopped = Event()

    def stop(self) -> None:
        """End the iteration, from whichever thread."""
        super().stop()
        self._stopped.set()

    def __next__(self) -> Notification:
        while not self._stopped.is_set():
            if notification := next(self._page, None):
                return notification
            if not self._turn_page():
                self._stopped.wait(_POLL_S)
        raise StopIteration

    def _turn_page(self) -> bool:
        """Read on, and tell whether there was anything to read."""
        last = self._recorder.max_notification_id() or 0
        if last <= self._position:
            return False
        page = self._recorder.select_notifications(
            self._position,
            _PAGE_SIZE,
            last,
            self._topics,
            inclusive_of_start=False,
        )
        self._position = page[-1].id if len(page) == _PAGE_SIZE else last
        self._page = iter(page)
        return True
