"""When a delivery that failed is tried again."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

DELAYS: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""
After the first failure, the second, and so on; after the one that follows the last, a delivery is a dead letter.

Source: the schedule that Standard Webhooks suggests.
"""

_SPREAD: Final = 0.2
"""Delays vary by this part of themselves, so that what failed together does not come back together."""

_LONGEST: Final = timedelta(hours=24)
"""A receiver may ask for no longer than this."""


_REST: Final = timedelta(seconds=5)
_LONGEST_REST: Final = timedelta(hours=1)
_OVERLOADED: Final = frozenset({429, 502, 503, 504})
"""Answers that are about the receiver, not about the message."""


def delay_after(failure_count: int, jitter: float, asked_for: timedelta | None = None) -> timedelta | None:
    """
    Return how long to wait after a failure, or ``None`` to give up.

    Args:
        failure_count: Including this one.
        jitter: From 0 to 1, drawn by the caller.
        asked_for: By the receiver's ``Retry-After``; never cut short, and never more than a day.
    """
    if failure_count > len(DELAYS):
        return None
    delay = DELAYS[failure_count - 1] * (1 - _SPREAD + 2 * _SPREAD * jitter)
    return max(delay, min(asked_for, _LONGEST)) if asked_for else delay


def rest_after(status_code: int | None, asked_for: timedelta | None = None) -> timedelta | None:
    """
    Return how long to leave a receiver alone after a failure, or ``None`` if it was about the message only.

    One that cannot be reached, or says that it is overloaded, would fail all messages alike, and each would use up its
    retries for nothing.

    Args:
        status_code: Of the answer, if there was one.
        asked_for: By the receiver's ``Retry-After``.
    """
    if status_code is not None and status_code not in _OVERLOADED:
        return None
    return min(max(asked_for or _REST, _REST), _LONGEST_REST)


def retry_after(header: str | None, now: datetime) -> timedelta | None:
    """Return what a ``Retry-After`` header asks for, in seconds or as a date; ``None`` if it says nothing usable."""
    if header is None:
        return None
    if header.isascii() and header.isdecimal():
        return timedelta(seconds=min(int(header[:9]), int(_LONGEST.total_seconds())))
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(at.replace(tzinfo=at.tzinfo or UTC) - now, timedelta(0))
