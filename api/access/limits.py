"""How many requests a caller may make, and how many guesses a stranger."""

import time
from math import ceil

from api.problems import RateLimited

REQUESTS_PER_S = 1_000
"""Of a key or a user, unless the key says otherwise; per API process."""

STRANGER_PER_S = 10
"""Failed attempts to show a valid key or password, per address."""

_REMEMBERED = 10_000


class _Bucket:
    """Fills at the limit's rate, holds one second of it, and every request takes one out."""

    __slots__ = ("filled_at", "left")

    def __init__(self, left: float, now: float) -> None:
        self.left = left
        self.filled_at = now

    def fill(self, per_s: int, now: float) -> None:
        self.left = min(float(per_s), self.left + (now - self.filled_at) * per_s)
        self.filled_at = now


class Limiter:
    """
    Counts requests by name. In memory: every API process has its own count.

    Not for several threads: the event loop alone asks it.
    """

    def __init__(self, policy: str, per_s: int) -> None:
        """
        Args:
            policy: Its name in the headers.
            per_s: The limit, where `take` is not told another.
        """
        self._policy = policy
        self._per_s = per_s
        self._buckets: dict[str, _Bucket] = {}

    def take(self, name: str, per_s: int | None = None) -> list[tuple[bytes, bytes]]:
        """
        Count a request.

        Returns:
            The headers that tell how much is left; see the IETF draft on RateLimit header fields.

        Raises:
            RateLimited: That was one too many.
        """
        limit = per_s or self._per_s
        bucket = self._filled(name, limit)
        if bucket.left < 1:
            wait_s = ceil((1 - bucket.left) / limit)
            message = f"More than {limit} requests in a second; send this one again in a moment."
            raise RateLimited(message, limit_per_s=limit, retry_after_s=wait_s)
        bucket.left -= 1
        return [
            (b"ratelimit-policy", b'"%b";q=%d;w=1' % (self._policy.encode(), limit)),
            (b"ratelimit", b'"%b";r=%d;t=1' % (self._policy.encode(), int(bucket.left))),
        ]

    def _filled(self, name: str, limit: int) -> _Bucket:
        now = time.monotonic()
        bucket = self._buckets.get(name)
        if bucket is None:
            if len(self._buckets) >= _REMEMBERED:
                self._buckets.clear()
            bucket = self._buckets[name] = _Bucket(float(limit), now)
        bucket.fill(limit, now)
        return bucket
