"""What a poster counts about itself, for whoever watches it."""

from bisect import bisect_left

from msgspec import Struct, field

_SIZES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0)
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 15.0)


class Distribution(Struct):
    """How often a value was how large."""

    bounds: tuple[float, ...]
    """Upper bounds of the classes; above the last there is one more class."""
    counts: list[int]
    total: float = 0.0

    @classmethod
    def over(cls, bounds: tuple[float, ...]) -> "Distribution":
        """Return an empty one."""
        return cls(bounds, [0] * (len(bounds) + 1))

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class PosterFigures(Struct):
    """
    Counted by the poster's thread alone, and read by others without a lock: a figure may be a moment old, and nothing
    is decided by it.
    """

    event_count: int = 0
    """Events recorded."""
    replayed_count: int = 0
    """Instructions answered from what was recorded before."""
    refused_count: int = 0
    """Instructions refused."""
    database_lost_count: int = 0
    """Times the connection failed under a batch."""
    retries: dict[str, int] = field(default_factory=lambda: {"repeats": 0, "partition": 0, "history": 0})
    """Batches that were decided once more, by what had been missing: receipts of what was carried out before, the lock
    of a further partition, the events of a stream."""
    batch_sizes: Distribution = field(default_factory=lambda: Distribution.over(_SIZES))
    """Instructions per batch."""
    batch_seconds: Distribution = field(default_factory=lambda: Distribution.over(_SECONDS))
    """From taking a batch until it was durable or refused."""
