"""When a delivery that failed is tried again: pure arithmetic."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from projections.webhooks.backoff import DELAYS, delay_after, rest_after, retry_after

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize("number", range(1, len(DELAYS) + 1))
def test_delays_follow_the_schedule_and_spread(number: int) -> None:
    """A fifth less or more, by the jitter."""
    base = DELAYS[number - 1]
    assert delay_after(number, 0.5) == base
    assert delay_after(number, 0.0) == base * 0.8
    assert delay_after(number, 1.0) == base * 1.2


def test_delays_grow() -> None:
    """Each is longer than the one before, whatever the jitter."""
    assert all(one * 1.2 < other * 0.8 or one < other for one, other in pairwise(DELAYS))


def test_after_the_last_delay_it_is_given_up() -> None:
    """One attempt more than there are delays, and no more; no receiver can ask for another."""
    assert delay_after(len(DELAYS) + 1, 0.5) is None
    assert delay_after(len(DELAYS) + 1, 0.5, timedelta(hours=1)) is None


def test_a_receiver_can_ask_for_longer_but_not_for_shorter() -> None:
    """And never for more than a day."""
    assert delay_after(1, 0.5, timedelta(minutes=3)) == timedelta(minutes=3)
    assert delay_after(4, 0.5, timedelta(minutes=3)) == DELAYS[3]
    assert delay_after(1, 0.5, timedelta(days=300)) == timedelta(days=1)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("0", timedelta(0)),
        ("120", timedelta(minutes=2)),
        ("9" * 5000, timedelta(days=1)),
        ("Wed, 25 Nov 2026 12:01:00 GMT", timedelta(minutes=1)),
        ("Wed, 25 Nov 2026 12:01:00 -0000", timedelta(minutes=1)),
        ("Wed, 25 Nov 2025 12:00:00 GMT", timedelta(0)),
        ("Wed, 99 Nov 2025 12:00:00 GMT", None),
    ],
)
def test_retry_after_is_read(header: str | None, expected: timedelta | None) -> None:
    """Seconds or a date; everything else says nothing."""
    assert retry_after(header, NOW) == expected


def test_a_receiver_rests_when_the_failure_is_its_own() -> None:
    """No answer, or one that speaks of overload; not when it did not like a message."""
    assert rest_after(None) == rest_after(503) == timedelta(seconds=5)
    assert rest_after(500) is rest_after(400) is rest_after(404) is None
    assert rest_after(429, timedelta(minutes=2)) == timedelta(minutes=2)
    assert rest_after(429, timedelta(hours=20)) == timedelta(hours=1)
